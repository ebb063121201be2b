"""SSH keys: made anew or read from a file, and the key that a Git host shows."""

import base64
import logging
import socket
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from cli.creation.secrets.files import read_text
from cli.grammar.session import Failed
from controllers.git.sshkeys import BadPrivateKey, PrivateKey, is_encrypted, load_private_key

_CURVES: Final[dict[str, ec.EllipticCurve]] = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
_EXPONENT: Final = 65537
_SSH_PORT: Final = 22
_HOST_KEY_TYPES: Final = (
    "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519",
)  # fmt: skip
"""In the order in which the reference asks for them, so that its known_hosts and ours are the same."""
_SCAN_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class KeyPair:
    """private: PEM or OpenSSH's form. public: one line, as in authorized_keys."""

    private: str = field(repr=False)
    public: str


def key_pair(flags: Any) -> KeyPair:
    """Return the key of --private-key-file, or one made as the other flags say. Raises Failed."""
    if flags.private_key_file:
        private = read_text(flags.private_key_file, "failed to open private key file")
        return KeyPair(private, _public(_load(private, flags.password)))
    key = _generate(flags)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return KeyPair(private, _public(key))


def _generate(flags: Any) -> PrivateKey:
    match flags.ssh_key_algorithm:
        case "rsa":
            return rsa.generate_private_key(_EXPONENT, flags.ssh_rsa_bits)
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case _:
            return ec.generate_private_key(_CURVES[flags.ssh_ecdsa_curve])


def _load(private: str, passphrase: str) -> PrivateKey:
    if is_encrypted(private) and not passphrase:
        raise Failed("ssh: this private key is passphrase protected")
    if "-----BEGIN " not in private:
        raise Failed("ssh: no key found")
    try:
        return load_private_key(private, passphrase)
    except BadPrivateKey as error:
        raise Failed(f"cannot use the key of --private-key-file: {error}") from None


def _public(key: PrivateKey) -> str:
    return f"{key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()}\n"


def scan_host_key(host: str, port: int, *, timeout: float) -> str:
    """Return a host's public key as a line of known_hosts. timeout: seconds. Raises Failed."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    seconds = min(timeout, _SCAN_SECONDS)
    try:
        with socket.create_connection((host, port), timeout=seconds) as connection:
            algorithm, key = _ask(connection, seconds)
    except (OSError, UnicodeError) as error:  # the latter for what is no name of a host
        raise Failed(f"SSH key scan for host {address} failed, error: {_explain(error, host, address)}") from None
    except _NoHostKey as error:
        raise Failed(f"SSH key scan for host {address} failed, error: {error}") from None
    shown = host if port == _SSH_PORT else f"[{host}]:{port}"
    return f"{shown} {algorithm} {base64.b64encode(key).decode()}"


class _NoHostKey(Exception):
    """A host has shown no key; the text says why."""


def _ask(connection: socket.socket, seconds: float) -> tuple[str, bytes]:
    """Return type and content of the key that a host shows. Raises _NoHostKey, OSError, Failed."""
    try:
        import paramiko  # type: ignore[import-untyped]  # optional, and without type hints  # noqa: PLC0415
    except ImportError:
        raise Failed(
            "the host's key can only be read with the package paramiko, which is not installed: "
            "pip install 'tagline[ssh]'"
        ) from None
    # What it logs, tracebacks above all, would go to the terminal.
    logging.getLogger("paramiko").addHandler(logging.NullHandler())
    transport = paramiko.Transport(connection)
    try:
        options = transport.get_security_options()
        options.key_types = [one for one in _HOST_KEY_TYPES if one in options.key_types]
        transport.banner_timeout = transport.handshake_timeout = seconds
        transport.start_client(timeout=seconds)
        key = transport.get_remote_server_key()
        return key.get_name(), key.asbytes()
    except (paramiko.SSHException, EOFError) as error:
        from controllers.net.foreign_text import escape_lines  # noqa: PLC0415

        raise _NoHostKey(escape_lines(str(error)) or "the host ended the connection") from None
    finally:
        transport.close()


def _explain(error: OSError | UnicodeError, host: str, address: str) -> str:
    """Return what an error says, as Go words it where users may search for that."""
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"dial tcp: lookup {host}: no such host"
    if isinstance(error, TimeoutError):
        return f"dial tcp {address}: i/o timeout"
    reason = (error.strerror or "no answer").lower()
    return f"dial tcp {address}: connect: {reason}"
