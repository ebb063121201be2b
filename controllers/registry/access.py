"""How and as whom a registry is reached: credentials, TLS material, proxy.

Turns the data of Secrets into values; `imageaccess` decides which Secrets are read, and in which order. The values are
hashable, since connections and tokens are cached by them, and their repr shows no secret. Texts are those of Flux.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from controllers.net.foreign_text import sanitize
from controllers.net.proxy.address import Proxy
from controllers.net.tls import BadAuthority, BadKeyPair, TlsMaterial, load, read_tls
from controllers.registry.dockerconfig import Credentials, Keyring
from controllers.registry.errors import BadCredentialSecret

PROXY_SCHEMES = ("http", "https", "socks5")
MAX_PROXY_CHARS = 2048
EMPTY_KEYRING = Keyring()


@dataclass(frozen=True, slots=True)
class Access:
    """Everything beside the image that decides what a registry answers."""

    credentials: Credentials | None = None
    tls: TlsMaterial | None = None
    proxy: Proxy | None = None
    """None: the process's proxy environment variables apply."""
    insecure: bool = False
    """Plain HTTP is allowed although the name of the registry is not a local one."""
    keyring: Keyring = EMPTY_KEYRING
    """Credentials for other hosts: what the registry's redirects lead to may want a login of its own."""


def tls_from_secret(name: str, data: Mapping[str, bytes]) -> TlsMaterial:
    """Return the TLS material of a Secret's data.

    name: `namespace/name`, for error texts. Raises BadCredentialSecret, also for material that OpenSSL does not read.
    """
    material = read_tls(data)
    if material.certificate and not material.key:
        raise BadCredentialSecret(f"secret '{name}' contains 'tls.crt' but missing 'tls.key'")
    if material.key and not material.certificate:
        raise BadCredentialSecret(f"secret '{name}' contains 'tls.key' but missing 'tls.crt'")
    if not material.ca and not material.certificate:
        raise BadCredentialSecret(f"secret '{name}' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'")
    try:
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), material)
    except BadAuthority:
        raise BadCredentialSecret(f"secret '{name}': failed to parse CA certificate") from None
    except BadKeyPair as error:
        reason = sanitize(getattr(error.__cause__, "reason", None) or "no PEM")
        raise BadCredentialSecret(f"secret '{name}': failed to parse TLS certificate and key: {reason}") from None
    return material


def proxy_from_secret(name: str, data: Mapping[str, bytes]) -> Proxy:
    """Return the proxy of a Secret's data: `address`, and `username` with or without `password`.

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
