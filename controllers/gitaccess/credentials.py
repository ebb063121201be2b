"""Read credentials and keys out of a Secret's data. Pure.

Keys and error texts are those of Flux's GitRepository and ImageUpdateAutomation. A Secret may hold more than its use
needs; only the keys of that use are read. In messages, `secret_name` is what the caller calls the Secret.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from controllers.git.errors import BadCredentials, BadSigningKey
from controllers.git.login.githubapp import PUBLIC_API_URL, GithubApp
from controllers.git.remote import Basic, Bearer, Credentials, Proxy, SshKey, Tls, strip_userinfo
from controllers.git.signing.signers import OpenPgpKey, SigningKey, SshSigningKey
from controllers.git.sshkeys import is_encrypted


def credentials_from_secret(url: str, data: Mapping[str, bytes], *, secret_name: str) -> Credentials | None:
    """Return the credentials for a URL; None when there are none, so that user-info of the URL counts.

    secret_name: `<namespace>/<name>`. Raises BadCredentials.
    """
    parts = urlsplit(url)
    if parts.scheme == "ssh":
        return _ssh_key(data, secret_name)
    if token := _text(data, "bearerToken").strip():  # user name and password of the Secret are then ignored
        if parts.username or parts.password:
            raise BadCredentials("basic auth and bearer token cannot be set at the same time")
        return Bearer(token)
    username, password = _text(data, "username"), _text(data, "password")
    if password and not username:
        raise BadCredentials(f"invalid '{parts.scheme}' auth option: 'password' requires 'username' to be set")
    return Basic(username, password) if username else None


def _ssh_key(data: Mapping[str, bytes], secret_name: str) -> SshKey:
    identity, known_hosts = _text(data, "identity"), _text(data, "known_hosts")
    for key, value in (("identity", identity), ("known_hosts", known_hosts)):
        if not value:
            raise BadCredentials(f"invalid 'ssh' auth option: '{key}' is required")
    passphrase = _text(data, "password")
    if not passphrase and is_encrypted(identity):
        raise BadCredentials(
            f"SSH identity key is encrypted but no 'password' field was provided in the secret '{secret_name}'"
        )
    return SshKey(identity, known_hosts, passphrase)


def app_from_secret(data: Mapping[str, bytes], *, secret_name: str) -> GithubApp:
    """Return the GitHub App that a Secret describes. Raises BadCredentials."""
    text = {key: value.decode("utf-8", "replace").strip() for key, value in data.items() if key.startswith("githubApp")}
    key = text.get("githubAppPrivateKey", "")
    if not text.get("githubAppID") or not key:
        raise BadCredentials(f"secret '{secret_name}' must contain 'githubAppID' and 'githubAppPrivateKey'")
    installation, owner = text.get("githubAppInstallationID", ""), text.get("githubAppInstallationOwner", "")
    if bool(installation) == bool(owner):
        raise BadCredentials(
            f"secret '{secret_name}' must contain exactly one of 'githubAppInstallationOwner' or "
            "'githubAppInstallationID'"
        )
    if installation and not (installation.isascii() and installation.isdigit()):
        raise BadCredentials(f"secret '{secret_name}': 'githubAppInstallationID' is not a number")
    url = text.get("githubAppBaseURL", "") or PUBLIC_API_URL
    if not url.startswith(("https://", "http://")):
        raise BadCredentials(f"secret '{secret_name}': 'githubAppBaseURL' must be like https://HOST/api/v3")
    return GithubApp(text["githubAppID"], key, installation, owner, strip_userinfo(url).rstrip("/"))


def tls_from_secret(data: Mapping[str, bytes]) -> Tls:
    """Return the TLS material: `ca.crt` (or `caFile`), `tls.crt` with `tls.key` (or `certFile`, `keyFile`)."""
    certificate = data.get("tls.crt") or data.get("certFile") or b""
    key = data.get("tls.key") or data.get("keyFile") or b""
    if bool(certificate) != bool(key):
        raise BadCredentials("invalid TLS data: 'tls.crt' and 'tls.key' must both be set, or neither")
    return Tls(data.get("ca.crt") or data.get("caFile") or b"", certificate, key)


def proxy_from_secret(data: Mapping[str, bytes], *, secret_name: str) -> Proxy:
    """Return the proxy that a Secret describes by `address`, `username` and `password`. Raises BadCredentials."""
    address = _text(data, "address").strip()
    if not address:
        raise BadCredentials(f"invalid proxy secret '{secret_name}': key 'address' is missing")
    try:
        return Proxy(address, _text(data, "username"), _text(data, "password"))
    except BadCredentials as e:
        raise BadCredentials(f"invalid proxy secret '{secret_name}': {e}") from None


def signing_key_from_secret(kind: str, data: Mapping[str, bytes], *, secret_name: str) -> SigningKey:
    """Return the key to sign commits with. Raises BadSigningKey.

    kind: `gpg` (also when empty) reads `git.asc` and `passphrase`; `ssh` reads `identity` and `password`.
    """
    if kind == "ssh":
        identity = data.get("identity")
        if not identity:
            raise BadSigningKey(f"signing key secret '{secret_name}' does not contain an 'identity' key")
        return SshSigningKey(identity.decode("ascii", "replace"), _text(data, "password"), secret_name)
    key = data.get("git.asc")
    if not key:
        raise BadSigningKey(f"signing key secret '{secret_name}' does not contain a 'git.asc' key")
    return OpenPgpKey(key, _text(data, "passphrase"), secret_name)


def _text(data: Mapping[str, bytes], key: str) -> str:
    return data.get(key, b"").decode("utf-8", "replace")
