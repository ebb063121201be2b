"""Which API server, as whom, and over which way: what a configuration comes to, and the client needs.

What is not public is a NamedTuple: a dataclass takes five times as long to make, at each start of the command.
"""

import ssl
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from cli.kube.deadline import Deadline
from controllers.runtime.kube.errors import NotConfigured


class Identity(NamedTuple):
    """Who we say that we are; all empty for nobody."""

    authorization: str = ""
    """The header's value in full: `Bearer …` or `Basic …`."""
    certificate: bytes = b""
    """In PEM, with its chain."""
    key: bytes = b""
    source: str = ""
    """Where the certificate is from, for messages."""

    def __repr__(self) -> str:
        return f"Identity({self.source})"


class Credentials(Protocol):
    """A source of our identity."""

    def identity(self, deadline: Deadline) -> Identity:
        """Return who we are now; may ask a plugin. Raises NotConfigured, and TimedOut at the deadline."""

    def renew(self) -> bool:
        """Forget an identity that was refused; return whether the next one may be another."""


class Trust(NamedTuple):
    """How the server's certificate is judged."""

    authority: bytes = b""
    """In PEM; empty for the authorities of this machine."""
    source: str = ""
    """Where the authority is from, for messages."""
    insecure: bool = False
    server_name: str = ""
    """Name expected in the certificate, where it is not the host's."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the API server is and how to talk to it. Has no secret in its repr."""

    server: str
    """Scheme, host, port and optional path prefix, without user-info and trailing slash."""
    credentials: Credentials = field(repr=False)
    namespace: str = ""
    """The context's, or the pod's; empty where it names none."""
    trust: Trust = field(default_factory=Trust)
    proxy: str = field(default="", repr=False)
    """URL of a proxy, with its login; empty for none."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Of all requests: impersonation."""
    compress: bool = True


def tls_context(trust: Trust, identity: Identity) -> ssl.SSLContext:
    """Return what TLS needs. Raises NotConfigured when OpenSSL cannot read an authority, a certificate or a key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if trust.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif trust.authority:
        # As Go does: what is named is trusted, also where somebody else has signed it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            context.load_verify_locations(cadata=trust.authority.decode("ascii", "ignore"))
        except (ssl.SSLError, ValueError) as error:
            raise NotConfigured(f"{trust.source} has no certificate in PEM that can be read") from error
    else:
        context.load_default_certs()
    if identity.certificate:
        _load_key_pair(context, identity)
    return context


def _load_key_pair(context: ssl.SSLContext, identity: Identity) -> None:
    from tempfile import NamedTemporaryFile  # noqa: PLC0415 -- not needed for a token

    # OpenSSL reads a key from a file only; this one is readable by its owner and gone at once.
    with NamedTemporaryFile(suffix=".pem") as pair:
        pair.write(identity.certificate + b"\n" + identity.key + b"\n")
        pair.flush()
        try:
            # Without a password OpenSSL would ask for one on the terminal.
            context.load_cert_chain(pair.name, password=lambda: "")
        except (ssl.SSLError, ValueError) as error:
            raise NotConfigured(
                f"{identity.source}: the client certificate and its key cannot be used: they must be in PEM, belong "
                "together, and the key must not be encrypted"
            ) from error
