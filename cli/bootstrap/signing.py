"""The key that commits are signed with, read from the files that flags name."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.bootstrap.wishes import Commits
from cli.grammar.session import Failed

if TYPE_CHECKING:
    from controllers.git.objects.commits import Signer

_MAX_BYTES: Final = 1 << 20


def signer_of(commits: Commits) -> "Signer | None":
    """Return what signs commits, None where nothing is to. Raises Failed, which names the flag."""
    from controllers.git.errors import BadSigningKey  # noqa: PLC0415
    from controllers.git.signing.openpgp import select_key  # noqa: PLC0415
    from controllers.git.signing.signers import OpenPgpKey, SshSigningKey, unlock  # noqa: PLC0415

    try:
        if commits.gpg_key_ring:
            ring = _read("--gpg-key-ring", commits.gpg_key_ring)
            key = select_key(ring, commits.gpg_key_id, name=commits.gpg_key_ring, flag="--gpg-key-id")
            return unlock(OpenPgpKey(key, commits.gpg_passphrase, commits.gpg_key_ring))
        if commits.ssh_key_file:
            identity = _read("--ssh-signing-key-file", commits.ssh_key_file).decode("ascii", "replace")
            return unlock(SshSigningKey(identity, commits.ssh_passphrase, commits.ssh_key_file))
    except BadSigningKey as error:
        flag = "--gpg-key-ring" if commits.gpg_key_ring else "--ssh-signing-key-file"
        secret = "--gpg-passphrase" if commits.gpg_key_ring else "--ssh-signing-password"
        said = str(error).replace("secret ", "file ")
        hint = f"; it is given with {secret}" if "passphrase" in said or "password" in said else ""
        raise Failed(f"{flag}: {said}{hint}") from None
    return None


def _read(flag: str, path: str) -> bytes:
    from controllers.net.library_errors import describe  # noqa: PLC0415

    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise Failed(f"{flag}: cannot read {path}: {describe(error)}") from None
    if len(data) > _MAX_BYTES:
        raise Failed(f"{flag}: {path} is larger than any key")
    return data
