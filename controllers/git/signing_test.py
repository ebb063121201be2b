"""`controllers.git.signing`: signatures as Git itself verifies them, and keys that are refused."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from controllers.git.conftest import BOT, WHEN, GitRun
from controllers.git.errors import BadSigningKey
from controllers.git.objects.commits import Signer
from controllers.git.signing import signers
from controllers.git.signing.signers import OpenPgpKey, Signers, SigningKey, SshSigningKey, unlock
from testing.gitserver import ENVIRONMENT, BareRepository

needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen judges SSH signatures")
needs_gpg = pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg makes the keys and judges the signatures")

PASSPHRASE = "correct horse"


def ssh_key(tmp_path: Path, kind: str, *options: str, passphrase: str = "") -> tuple[bytes, str]:
    """Return (private key, public line) made by ssh-keygen."""
    path = tmp_path / f"id_{kind}"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, *options, "-N", passphrase, "-C", "bot", "-f", str(path)], check=True
    )
    return path.read_bytes(), path.with_suffix(".pub").read_text()


def ssh_signing_key(private: bytes, passphrase: str = "") -> SshSigningKey:
    return SshSigningKey(private.decode(), passphrase, "signing")


async def signed(run: GitRun, signer: Signer) -> str:
    tip = await run.tip()
    new = await run.engine.commit(
        run.remote, tip.commit, {"app.yaml": b"x\n"}, author=BOT, message="signed\n\nbody", when=WHEN, signer=signer
    )
    assert new is not None
    await run.push(new)
    return new.id


def verify_ssh(fleet: BareRepository, tmp_path: Path, public: str, commit: str) -> None:
    allowed = tmp_path / "allowed"
    allowed.write_text(f'{BOT.email} namespaces="git" {public}')
    fleet.git("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-commit", commit)


@needs_ssh_keygen
@pytest.mark.parametrize(
    ("kind", "options", "passphrase"),
    [
        pytest.param("ed25519", (), "", id="ed25519"),
        pytest.param("ed25519", (), PASSPHRASE, id="ed25519-locked"),
        pytest.param("ecdsa", ("-b", "256"), "", id="ecdsa-256"),
        pytest.param("ecdsa", ("-b", "384"), "", id="ecdsa-384"),
        pytest.param("ecdsa", ("-b", "521"), "", id="ecdsa-521"),
        pytest.param("rsa", ("-b", "2048"), "", id="rsa"),
        pytest.param("rsa", ("-b", "2048", "-m", "PEM"), PASSPHRASE, id="rsa-pem-locked"),
        pytest.param("ecdsa", ("-m", "PKCS8"), "", id="ecdsa-pkcs8"),
    ],
)
async def test_git_accepts_ssh_signatures(
    run: GitRun, fleet: BareRepository, tmp_path: Path, kind: str, options: tuple[str, ...], passphrase: str
) -> None:
    private, public = ssh_key(tmp_path, kind, *options, passphrase=passphrase)
    signer = await run.engine.signer(ssh_signing_key(private, passphrase))
    commit = await signed(run, signer)
    verify_ssh(fleet, tmp_path, public, commit)
    fleet.git("fsck", "--strict")


@needs_ssh_keygen
async def test_the_signature_is_in_the_header_of_its_object_format(
    run: GitRun, fleet: BareRepository, tmp_path: Path, object_format: str
) -> None:
    private, _ = ssh_key(tmp_path, "ed25519")
    commit = await signed(run, unlock(ssh_signing_key(private)))
    headers = [line.split(" ")[0] for line in fleet.git("cat-file", "commit", commit).splitlines()]
    signatures = [header for header in headers if header.startswith("gpgsig")]
    assert signatures == [{"sha1": "gpgsig", "sha256": "gpgsig-sha256"}[object_format]]


@needs_ssh_keygen
async def test_git_refuses_the_signature_of_another_key(run: GitRun, fleet: BareRepository, tmp_path: Path) -> None:
    private, _ = ssh_key(tmp_path, "ed25519")
    (tmp_path / "other").mkdir()
    _, other = ssh_key(tmp_path / "other", "ed25519")
    commit = await signed(run, unlock(ssh_signing_key(private)))
    with pytest.raises(RuntimeError, match="No principal matched"):
        verify_ssh(fleet, tmp_path, other, commit)


def pem(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | dsa.DSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@needs_ssh_keygen
def test_a_locked_ssh_key_needs_its_passphrase(tmp_path: Path) -> None:
    private, _ = ssh_key(tmp_path, "ed25519", passphrase=PASSPHRASE)
    without = "can not use passphrase protected signing key without 'password' field present in secret signing"
    with pytest.raises(BadSigningKey, match=f"^{without}$"):
        unlock(ssh_signing_key(private))
    with pytest.raises(BadSigningKey, match="could not parse SSH signing key from secret 'signing': wrong passphrase"):
        unlock(ssh_signing_key(private, "wrong"))


@pytest.mark.parametrize(
    ("identity", "text"),
    [
        pytest.param(b"nonsense", "could not parse SSH signing key from secret 'signing': malformed", id="nonsense"),
        pytest.param(
            pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505  # too short on purpose
            "RSA key size 1024 bits is below the minimum supported by NewSSHSigner; must be at least 2048",
            id="short-rsa",
        ),
        pytest.param(pem(ec.generate_private_key(ec.SECP256K1())), "ecdsa .* or rsa key", id="odd-curve"),
        pytest.param(pem(dsa.generate_private_key(2048)), "ecdsa .* or rsa key", id="dsa"),
    ],
)  # fmt: skip
def test_ssh_keys_that_are_refused(identity: bytes, text: str) -> None:
    with pytest.raises(BadSigningKey, match=text):
        unlock(ssh_signing_key(identity))


class Gpg:
    """A key ring of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(mode=0o700)

    def __call__(self, *arguments: str, data: bytes = b"", passphrase: str = "") -> bytes:
        return subprocess.run(
            ["gpg", "-q", "--batch", "--pinentry-mode", "loopback", "--passphrase", passphrase, *arguments],
            input=data, check=True, capture_output=True, env=ENVIRONMENT | {"GNUPGHOME": str(self.home)},
        ).stdout  # fmt: skip

    def key(self, name: str, *, algorithm: str = "ed25519", passphrase: str = "") -> bytes:
        """Return the armoured private key of a new identity."""
        who = f"{name} <{name}@example.com>"
        self("--quick-generate-key", who, algorithm, "sign", "never", passphrase=passphrase)
        return self("--armor", "--export-secret-keys", f"{name}@example.com", passphrase=passphrase)


@pytest.fixture
def gpg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gpg]:
    ring = Gpg(tmp_path_factory.mktemp("g") / "h")  # sockets want short paths
    yield ring
    subprocess.run(["gpgconf", "--kill", "all"], env=ENVIRONMENT | {"GNUPGHOME": str(ring.home)}, check=False)


@needs_gpg
@pytest.mark.parametrize(
    ("algorithm", "passphrase"),
    [("ed25519", ""), ("ed25519", PASSPHRASE), ("rsa2048", "")],
    ids=["ed25519", "locked", "rsa"],
)
async def test_git_accepts_openpgp_signatures(
    run: GitRun, fleet: BareRepository, gpg: Gpg, algorithm: str, passphrase: str
) -> None:
    key = gpg.key("bot", algorithm=algorithm, passphrase=passphrase)
    commit = await signed(run, await run.engine.signer(OpenPgpKey(key, passphrase, "signing")))
    fleet.git("verify-commit", commit, GNUPGHOME=str(gpg.home))
    fleet.git("fsck", "--strict")


@needs_gpg
def test_a_needless_passphrase_is_ignored(gpg: Gpg) -> None:
    signer = unlock(OpenPgpKey(gpg.key("bot"), "x", "signing"))
    assert signer.sign(b"data").startswith(b"-----BEGIN PGP SIGNATURE-----")


@needs_gpg
def test_openpgp_keys_that_are_refused(gpg: Gpg) -> None:
    locked = gpg.key("locked", passphrase=PASSPHRASE)
    two = gpg.key("one") + gpg.key("two")
    public = gpg("--armor", "--export", "one@example.com")
    for key, passphrase, text in (
        (b"nonsense", "", "could not read signing key from secret 's': unexpected EOF"),
        (public, "", "could not read signing key from secret 's': No suitable signing subkey for [0-9A-F]*"),
        (two, "", "multiple entities read from secret 's', could not determine which signing key to use"),
        (
            locked,
            "",
            "can not use passphrase protected signing key without 'passphrase' field present in secret s",
        ),
        (
            locked,
            "no",
            "could not decrypt private key of the signing key present in secret s: wrong passphrase",
        ),
    ):
        with pytest.raises(BadSigningKey, match=f"^{text}$"):
            unlock(OpenPgpKey(key, passphrase, "s"))


def test_a_key_is_unlocked_once_and_again_when_it_changes() -> None:
    signers = Signers()
    keys = [pem(ed25519.Ed25519PrivateKey.generate()) for _ in range(2)]
    first, again, other = (signers.signer(ssh_signing_key(k)) for k in (keys[0], keys[0], keys[1]))
    assert first is again
    assert first is not other


class PanicException(BaseException):
    """As PyO3 raises it for a panic of a library written in Rust."""


@pytest.mark.parametrize("error", [PanicException("s3cr3t"), ValueError("s3cr3t"), UnsupportedAlgorithm("s3cr3t")])
async def test_whatever_a_library_makes_of_a_key_is_a_message(
    run: GitRun, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    class Unable:
        def sign(self, payload: bytes) -> bytes:
            raise error

    def fail(*_: object, **__: object) -> Signer:
        raise error

    keys: list[SigningKey] = [ssh_signing_key(b"x"), OpenPgpKey(b"x", "", "signing")]
    for name in ("ssh_signer", "openpgp_signer"):
        monkeypatch.setattr(signers, name, fail)
    for key in keys:
        with pytest.raises(BadSigningKey, match=r"^could not read signing key from secret 'signing' \(\w+\)$"):
            await run.engine.signer(key)
    for name in ("ssh_signer", "openpgp_signer"):
        monkeypatch.setattr(signers, name, lambda *_, **__: Unable())
    for key in keys:
        with pytest.raises(BadSigningKey, match=r"^cannot sign with the key of secret 'signing' \(\w+\)$"):
            await signed(run, unlock(key))
