"""How and as whom a registry is reached: credentials, TLS material, proxy.

Turns the data of Secrets into values; `imageaccess` decides which Secrets are read, and in which order. The values are
hashable, since connections and tokens are cached by them, and their repr shows no secret. Texts are those of Flux.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from controllers.image.reference import Image, allows_http, is_loopback
from controllers.net.credential import UnfitCredential, fit_text
from controllers.net.foreign_text import sanitize
from controllers.net.key_bounds import KeyRefused
from controllers.net.pem import MalformedPem
from controllers.net.proxy.address import Proxy
from controllers.net.redaction import login_secrets
from controllers.net.tls import BadAuthority, BadKeyPair, TlsMaterial, load, read_tls
from controllers.registry.dockerconfig import Credentials, Keyring
from controllers.registry.errors import BadCredentialSecret, Denied, ImageNotFound

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
    http_as_flux: bool = False
    """It is also allowed wherever Flux allows it: at private addresses, where whoever drops HTTPS gets the password."""
    keyring: Keyring = EMPTY_KEYRING
    """Credentials for other hosts: what the registry's redirects lead to may want a login of its own."""
    unmatched: str = field(default="", compare=False)
    """What there is instead of credentials for this registry; said when the registry refuses. Not of the identity:
    those who share an answer need not have the same Secrets."""
    owner: str = field(default="", compare=False)
    """For whom it is, a namespace: budgets are shared out by it. Not of the identity: what a registry has answered to
    one owner holds for whoever has the same access."""
    _hash: int | None = field(default=None, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        # Sessions, tokens and permits are looked up by it, several times for each request.
        if self._hash is None:
            own = (self.credentials, self.tls, self.proxy, self.insecure, self.http_as_flux, self.keyring)
            object.__setattr__(self, "_hash", hash(own))
        assert self._hash is not None
        return self._hash

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may show, even in the words of a server that was sent it; without those of the keyring."""
        login, proxy = self.credentials or Credentials(), self.proxy
        return (*login.secrets, *(login_secrets(proxy.username, proxy.password) if proxy else ()))

    @contextmanager
    def explain_refusals(self) -> Iterator[None]:
        """Say of a refusal inside that the Secrets have nothing for this registry, where that is so."""
        try:
            yield
        except (Denied, ImageNotFound) as error:
            if not self.unmatched:
                raise
            raise type(error)(f"{error}; {self.unmatched}") from error

    def allows_http(self, image: Image) -> bool:
        """Return True when the registry may be asked over plain HTTP if HTTPS does not work."""
        return self.insecure or self.allows_http_elsewhere(image)

    def allows_http_elsewhere(self, image: Image) -> bool:
        """Return the same for a host that the registry leads to: `insecure` is a consent to the registry alone."""
        return (self.http_as_flux or is_loopback(image)) and allows_http(image, insecure=False)


def tls_from_secret(name: str, data: Mapping[str, bytes]) -> TlsMaterial:
    """Return the TLS material of a Secret's data.

    name: `namespace/name`, for error texts. Raises BadCredentialSecret, also for material that OpenSSL does not read.
    Some milliseconds of OpenSSL, so call it in a thread.
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
    except BadAuthority as error:
        reason = f": {error}" if isinstance(error.__cause__, KeyRefused) else ""
        raise BadCredentialSecret(f"secret '{name}': failed to parse CA certificate{reason}") from None
    except BadKeyPair as error:
        refused = str(error) if isinstance(error.__cause__, KeyRefused | MalformedPem) else ""
        reason = sanitize(refused or getattr(error.__cause__, "reason", None) or "no PEM")
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
        got = f"'{sanitize(parts.scheme)}'" if "://" in address else "none"  # `user:password@host` has none
        raise BadCredentialSecret(
            f"secret '{name}': proxy URL must use one of the supported schemes ({supported}), got {got}"
        )
    if not host or "@" in parts.netloc:
        fault = "has user-info; put it into 'username' and 'password'" if host else "has no host"
        raise BadCredentialSecret(f"secret '{name}': proxy address {fault}")
    username = _text(name, data, "username")
    return Proxy(f"{parts.scheme}://{parts.netloc}", username, _text(name, data, "password") if username else "")


def _text(name: str, data: Mapping[str, bytes], key: str) -> str:
    try:
        return fit_text(data.get(key, b""), f"secret '{name}': key '{key}'").strip()
    except UnfitCredential as error:
        raise BadCredentialSecret(str(error)) from None
