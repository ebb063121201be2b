"""Remotes and the Secrets that open them: what is read, what is refused in which words, what is never shown."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from controllers.git.errors import BadCredentials, BadUrl
from controllers.git.login.secret import credentials_from_secret, is_encrypted, proxy_from_secret, tls_from_secret
from controllers.git.remote import Basic, Bearer, Credentials, Remote, SshKey
from controllers.net.foreign_text import sanitize
from controllers.net.proxy.address import Proxy
from controllers.net.tls import TlsMaterial

HTTPS, SSH = "https://example.com/fleet.git", "ssh://git@example.com/fleet.git"
KEY = ed25519.Ed25519PrivateKey.generate()
PEM, OPENSSH = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.OpenSSH
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL


def text(kind: serialization.PrivateFormat, passphrase: bytes = b"") -> bytes:
    cipher = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    key = ec.generate_private_key(ec.SECP256R1()) if kind is TRADITIONAL else KEY
    return key.private_bytes(serialization.Encoding.PEM, kind, cipher)


@pytest.mark.parametrize(
    ("url", "data", "want"),
    [
        pytest.param(HTTPS, {"username": b"u", "password": b"p"}, Basic("u", "p"), id="basic"),
        pytest.param(HTTPS, {"username": b"u"}, Basic("u", ""), id="user-alone"),
        pytest.param(HTTPS, {"bearerToken": b"t\n"}, Bearer("t"), id="bearer"),
        pytest.param(HTTPS, {"bearerToken": b"t", "username": b"u", "password": b"p"}, Bearer("t"), id="bearer-wins"),
        pytest.param(HTTPS, {"ca.crt": b"x"}, None, id="nothing-for-https"),
        pytest.param(SSH, {"identity": b"k", "known_hosts": b"h", "username": b"x"}, SshKey("k", "h"), id="ssh"),
        pytest.param(SSH, {"identity": b"k", "known_hosts": b"h", "password": b"p"}, SshKey("k", "h", "p"),
                     id="locked"),
    ],
)  # fmt: skip
def test_credentials(url: str, data: dict[str, bytes], want: Credentials | None) -> None:
    assert credentials_from_secret(url, data, secret_name="ns/s") == want


@pytest.mark.parametrize(
    ("url", "data", "reason"),
    [
        pytest.param(HTTPS, {"password": b"p"}, "invalid 'https' auth option: 'password' requires 'username' to be set",
                     id="password-alone"),
        pytest.param("http://me@example.com/x", {"bearerToken": b"t"},
                     "basic auth and bearer token cannot be set at the same time", id="user-in-url-and-bearer"),
        pytest.param(SSH, {}, "invalid 'ssh' auth option: 'identity' is required", id="no-identity"),
        pytest.param(SSH, {"identity": b"k"}, "invalid 'ssh' auth option: 'known_hosts' is required", id="no-hosts"),
        pytest.param(SSH, {"identity": text(OPENSSH, b"x"), "known_hosts": b"h"},
                     "SSH identity key is encrypted but no 'password' field was provided in the secret 'ns/s'",
                     id="locked"),
    ],
)  # fmt: skip
def test_secrets_that_are_refused(url: str, data: dict[str, bytes], reason: str) -> None:
    with pytest.raises(BadCredentials) as refused:
        credentials_from_secret(url, data, secret_name="ns/s")
    assert str(refused.value) == reason


@pytest.mark.parametrize("kind", [PEM, OPENSSH, TRADITIONAL], ids=["pkcs8", "openssh", "pem"])
def test_locked_keys_are_recognised(kind: serialization.PrivateFormat) -> None:
    assert not is_encrypted(text(kind).decode())
    assert is_encrypted(text(kind, b"secret").decode())


@pytest.mark.parametrize("noise", ["", "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----"])
def test_what_is_no_key_is_not_called_locked(noise: str) -> None:
    assert not is_encrypted(noise)


def test_tls_material() -> None:
    assert tls_from_secret({}) == TlsMaterial()
    assert tls_from_secret({"ca.crt": b"new", "caFile": b"old"}) == TlsMaterial(b"new")
    assert tls_from_secret({"caFile": b"a", "certFile": b"c", "keyFile": b"k"}) == TlsMaterial(b"a", b"c", b"k")
    with pytest.raises(BadCredentials, match=r"'tls.crt' and 'tls.key' must both be set"):
        tls_from_secret({"tls.crt": b"c"})


def test_proxies() -> None:
    data = {"address": b" http://proxy:3128\n", "username": b"u", "password": b"p"}
    assert proxy_from_secret(data, secret_name="ns/s") == Proxy("http://proxy:3128", "u", "p")
    with pytest.raises(BadCredentials, match="invalid proxy secret 'ns/s': key 'address' is missing"):
        proxy_from_secret({}, secret_name="ns/s")
    with pytest.raises(BadCredentials, match="invalid proxy secret 'ns/s': the address of the proxy is not a URL"):
        proxy_from_secret({"address": b"proxy:3128"}, secret_name="ns/s")


@pytest.mark.parametrize(
    ("given", "url", "credentials", "user"),
    [
        pytest.param("https://u:p%40@h/x", "https://h/x", Basic("u", "p@"), "", id="login-of-the-url"),
        pytest.param("https://token@h:1/x", "https://h:1/x", Basic("token", ""), "", id="user-alone"),
        pytest.param("https://h/x", "https://h/x", None, "", id="none"),
        pytest.param("ssh://me@h/x", "ssh://h/x", None, "me", id="ssh-user"),
        pytest.param("ssh://h/x", "ssh://h/x", None, "git", id="ssh-default-user"),
    ],
)
def test_user_info_leaves_the_url(given: str, url: str, credentials: Credentials | None, user: str) -> None:
    remote = Remote(given)
    assert (remote.url, remote.credentials, remote.user) == (url, credentials, user)


@pytest.mark.parametrize(
    "url", ["https://u:HUSH@[::1/x", "https://u:HUSH@h:port/x", "https://", "fleet.git", "https://u:HUSH@/x"]
)
def test_what_is_no_url_is_refused_without_its_login(url: str) -> None:
    with pytest.raises(BadUrl, match="is not a URL") as refused:
        Remote(url)
    assert "HUSH" not in str(refused.value)


def test_a_secret_wins_over_the_url() -> None:
    assert Remote("https://u:p@h/x", credentials=Basic("v", "q")).credentials == Basic("v", "q")


def test_nothing_secret_is_shown() -> None:
    for remote in (
        Remote("https://u:HUSH@h/x", tls=TlsMaterial(key=b"HUSH"), proxy=Proxy("http://p", "u", "HUSH")),
        Remote("https://h/x", credentials=Basic("HUSH", "HUSH")),
        Remote("https://h/x", credentials=Bearer("HUSH")),
        Remote("ssh://git:HUSH@h/x", credentials=SshKey("HUSH", "hosts", "HUSH")),
    ):
        assert "HUSH" not in repr(remote)
        assert hash(remote) is not None


def test_foreign_text_is_one_short_printable_line() -> None:
    assert sanitize(b"a\x1b[31m\n\tb\xff") == "a [31m b�"
    assert len(sanitize("x" * 999)) == 256
