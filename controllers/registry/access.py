"""How and as whom a registry is reached: credentials, TLS material, proxy.

Turns the data of Secrets into values; which Secret is read and in which order belongs to the controllers. The values
are hashable, since connections and tokens are kept by them, and their repr shows no secret. Texts are those of Flux.
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from controllers.net.proxy.address import with_userinfo
from controllers.registry.dockerconfig import Credentials
from controllers.registry.errors import BadCredentialSecret, sanitize

PROXY_SCHEMES = ("http", "https", "socks5")
MAX_PROXY_CHARS = 2048


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """PEM texts; empty where the Secret has none."""

    ca: bytes = b""
    """Trusted beside the system's authorities, not instead of them."""
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)

    def without_key_pair(self) -> "TlsMaterial":
        """The same trust without the client's certificate: for hosts the certificate is not meant for."""
        return replace(self, certificate=b"", key=b"")


@dataclass(frozen=True, slots=True)
class Proxy:
    address: str
    """`scheme://host:port`, without user-info."""
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """The address with the user-info in it; for the HTTP library, never for a message."""
        return with_userinfo(self.address, self.username, self.password)


@dataclass(frozen=True, slots=True)
class Access:
    """Everything but the image that decides what a registry answers."""

    credentials: Credentials | None = None
    tls: TlsMaterial | None = None
    proxy: Proxy | None = None
    """None: the process's proxy environment variables apply."""
    insecure: bool = False
    """Plain HTTP is allowed although the name of the registry is not a local one."""


def tls_from_secret(name: str, data: Mapping[str, bytes]) -> TlsMaterial:
    """TLS material of a Secret's data.

    name: `namespace/name`, for error texts. Keys are `ca.crt`, `tls.crt` and `tls.key`, or the deprecated `caFile`,
    `certFile` and `keyFile`. Raises BadCredentialSecret, also for material that OpenSSL does not read.
    """
    material = TlsMaterial(
        ca=data.get("ca.crt") or data.get("caFile") or b"",
        certificate=data.get("tls.crt") or data.get("certFile") or b"",
        key=data.get("tls.key") or data.get("keyFile") or b"",
    )
    if material.certificate and not material.key:
        raise BadCredentialSecret(f"secret '{name}' contains 'tls.crt' but missing 'tls.key'")
    if material.key and not material.certificate:
        raise BadCredentialSecret(f"secret '{name}' contains 'tls.key' but missing 'tls.crt'")
    if not material.ca and not material.certificate:
        raise BadCredentialSecret(f"secret '{name}' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'")
    try:
        _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), material)
    except ValueError as error:
        raise BadCredentialSecret(f"secret '{name}': {error}") from None
    return material


def ssl_context(material: TlsMaterial | None) -> ssl.SSLContext:
    """A context that verifies servers against the system's authorities and the material's; about 20 ms."""
    context = ssl.create_default_context()
    if material:
        _load(context, material)
    return context


def proxy_from_secret(name: str, data: Mapping[str, bytes]) -> Proxy:
    """The proxy of a Secret's data: `address`, and `username` with or without `password`.

    name: `namespace/name`, for error texts. Raises BadCredentialSecret.
    """
    if "address" not in data:
        raise BadCredentialSecret(f"secret '{name}': key 'address' not found")
    address = _text(name, data, "address")
    if not address:
        raise BadCredentialSecret(f"secret '{name}': proxy address is empty")
    if len(address) > MAX_PROXY_CHARS:
        raise BadCredentialSecret(f"secret '{name}': proxy URL exceeds {MAX_PROXY_CHARS} characters")
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise BadCredentialSecret(f"secret '{name}': failed to parse proxy address") from None
    if parts.scheme not in PROXY_SCHEMES:
        supported = ", ".join(PROXY_SCHEMES)
        raise BadCredentialSecret(
            f"secret '{name}': proxy URL must use one of the supported schemes ({supported}), got '{parts.scheme}'"
        )
    if not host or "@" in parts.netloc:
        fault = "has user-info; put it into 'username' and 'password'" if host else "has no host"
        raise BadCredentialSecret(f"secret '{name}': proxy address {fault}")
    username = _text(name, data, "username")
    return Proxy(f"{parts.scheme}://{parts.netloc}", username, _text(name, data, "password") if username else "")


def _text(name: str, data: Mapping[str, bytes], key: str) -> str:
    try:
        return data.get(key, b"").decode().strip()
    except UnicodeDecodeError:
        raise BadCredentialSecret(f"secret '{name}': key '{key}' is not UTF-8") from None


def _load(context: ssl.SSLContext, material: TlsMaterial) -> None:
    if material.ca:
        try:
            context.load_verify_locations(cadata=material.ca.decode("ascii", "replace"))
        except (ssl.SSLError, ValueError):
            raise ValueError("failed to parse CA certificate") from None
    if material.certificate:
        try:
            load_key_pair(context, material)
        except (ssl.SSLError, ValueError, OSError) as error:
            reason = sanitize(getattr(error, "reason", None) or "no PEM")
            raise ValueError(f"failed to parse TLS certificate and key: {reason}") from None


def load_key_pair(context: ssl.SSLContext, material: TlsMaterial) -> None:
    """Hands certificate and key to OpenSSL, which reads files only: an anonymous one in memory, never on a disk."""
    descriptor = os.memfd_create("identity")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(material.certificate + b"\n" + material.key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=lambda: "")
    finally:
        os.close(descriptor)
