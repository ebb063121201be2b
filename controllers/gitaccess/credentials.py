"""Read credentials and keys out of a Secret's data. Pure.

Keys and error texts are those of Flux's GitRepository and ImageUpdateAutomation. A Secret may hold more than its use
needs; only the keys of that use are read. In messages, `secret_name` is what the caller calls the Secret.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from controllers.git.errors import BadCredentials, BadSigningKey
from controllers.git.login.githubapp import PUBLIC_API_URL, GithubApp
from controllers.git.remote import Basic, Bearer, Credentials, SshKey
from controllers.git.signing.signers import OpenPgpKey, SigningKey, SshSigningKey
from controllers.git.sshkeys import is_encrypted
from controllers.net.credential import UnfitCredential, fit_text, fit_token
from controllers.net.proxy.address import BadProxy, Proxy
from controllers.net.tls import TlsMaterial, read_tls
from controllers.net.url import strip_userinfo

APP_IDS = ("githubAppID", "githubAppClientID")
"""Keys that name a GitHub App. GitHub takes either as the issuer of an app's token, and recommends the second."""
NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
"""Of an app or account at GitHub; both are shown in messages, so nothing else may be stored in their place."""


def credentials_from_secret(url: str, data: Mapping[str, bytes], *, secret_name: str) -> Credentials | None:
    """Return the credentials for a URL; None when there are none, so that user-info of the URL counts.

    secret_name: `<namespace>/<name>`. Raises BadCredentials.
    """
    parts = urlsplit(url)
    if parts.scheme == "ssh":
        return _ssh_key(data, secret_name)
    if token := _token(data, "bearerToken", secret_name):  # user name and password of the Secret are then ignored
        if parts.username or parts.password:
            raise BadCredentials("basic auth and bearer token cannot be set at the same time")
        return Bearer(token)
    username, password = (_text(data, key, secret_name) for key in ("username", "password"))
    if password and not username:
        raise BadCredentials(f"invalid '{parts.scheme}' auth option: 'password' requires 'username' to be set")
    return Basic(username, password) if username else None


def _ssh_key(data: Mapping[str, bytes], secret_name: str) -> SshKey:
    identity, known_hosts = (data.get(key, b"").decode("utf-8", "replace") for key in ("identity", "known_hosts"))
    for key, value in (("identity", identity), ("known_hosts", known_hosts)):
        if not value:
            raise BadCredentials(f"invalid 'ssh' auth option: '{key}' is required")
    passphrase = _text(data, "password", secret_name)
    if not passphrase and is_encrypted(identity):
        raise BadCredentials(
            f"SSH identity key is encrypted but no 'password' field was provided in the secret '{secret_name}'"
        )
    return SshKey(identity, known_hosts, passphrase)


def app_from_secret(data: Mapping[str, bytes], *, secret_name: str) -> GithubApp:
    """Return the GitHub App that a Secret describes. Raises BadCredentials."""
    text = {key: value.decode("utf-8", "replace").strip() for key, value in data.items() if key.startswith("githubApp")}
    key = text.get("githubAppPrivateKey", "")
    ids = {name: text[name] for name in APP_IDS if text.get(name)}
    if not ids or not key:
        raise BadCredentials(
            f"secret '{secret_name}' must contain 'githubAppPrivateKey' and one of 'githubAppID' or 'githubAppClientID'"
        )
    if len(ids) > 1:
        raise BadCredentials(f"secret '{secret_name}' must contain exactly one of 'githubAppID' or 'githubAppClientID'")
    ((id_name, app_id),) = ids.items()
    installation, owner = text.get("githubAppInstallationID", ""), text.get("githubAppInstallationOwner", "")
    if bool(installation) == bool(owner):
        raise BadCredentials(
            f"secret '{secret_name}' must contain exactly one of 'githubAppInstallationOwner' or "
            "'githubAppInstallationID'"
        )
    if not NAME.fullmatch(app_id):
        raise BadCredentials(f"secret '{secret_name}': '{id_name}' is not the ID of an app")
    if owner and not NAME.fullmatch(owner):
        raise BadCredentials(f"secret '{secret_name}': 'githubAppInstallationOwner' is not the name of an account")
    if installation and not (installation.isascii() and installation.isdigit()):
        raise BadCredentials(f"secret '{secret_name}': 'githubAppInstallationID' is not a number")
    url = text.get("githubAppBaseURL", "") or PUBLIC_API_URL
    if not url.startswith(("https://", "http://")) or not url.isprintable() or "?" in url or "#" in url:
        raise BadCredentials(f"secret '{secret_name}': 'githubAppBaseURL' must be like https://HOST/api/v3")
    return GithubApp(app_id, key, installation, owner, strip_userinfo(url).rstrip("/"))


def tls_from_secret(data: Mapping[str, bytes]) -> TlsMaterial:
    """Return the TLS material: `ca.crt` (or `caFile`), `tls.crt` with `tls.key` (or `certFile`, `keyFile`)."""
    material = read_tls(data)
    if bool(material.certificate) != bool(material.key):
        raise BadCredentials("invalid TLS data: 'tls.crt' and 'tls.key' must both be set, or neither")
    return material


def proxy_from_secret(data: Mapping[str, bytes], *, secret_name: str) -> Proxy:
    """Return the proxy that a Secret describes by `address`, `username` and `password`. Raises BadCredentials."""
    address = _text(data, "address", secret_name).strip()
    if not address:
        raise BadCredentials(f"invalid proxy secret '{secret_name}': key 'address' is missing")
    try:
        return Proxy(address, _text(data, "username", secret_name), _text(data, "password", secret_name))
    except BadProxy as e:
        raise BadCredentials(f"invalid proxy secret '{secret_name}': {e}") from None


def signing_key_from_secret(kind: str, data: Mapping[str, bytes], *, secret_name: str) -> SigningKey:
    """Return the key to sign commits with. Raises BadSigningKey.

    kind: `gpg` (also when empty) reads `git.asc` and `passphrase`; `ssh` reads `identity` and `password`.
    """
    if kind == "ssh":
        identity = data.get("identity")
        if not identity:
            raise BadSigningKey(f"signing key secret '{secret_name}' does not contain an 'identity' key")
        return SshSigningKey(
            identity.decode("ascii", "replace"), _passphrase(data, "password", secret_name), secret_name
        )
    key = data.get("git.asc")
    if not key:
        raise BadSigningKey(f"signing key secret '{secret_name}' does not contain a 'git.asc' key")
    return OpenPgpKey(key, _passphrase(data, "passphrase", secret_name), secret_name)


def _passphrase(data: Mapping[str, bytes], key: str, secret_name: str) -> str:
    try:
        return _text(data, key, secret_name)
    except BadCredentials as error:
        raise BadSigningKey(str(error)) from None


def _text(data: Mapping[str, bytes], key: str, secret_name: str) -> str:
    """Return a user name, password or passphrase as it can be sent. Raises BadCredentials."""
    try:
        return fit_text(data.get(key, b""), f"secret '{secret_name}': '{key}'")
    except UnfitCredential as error:
        raise BadCredentials(str(error)) from None


def _token(data: Mapping[str, bytes], key: str, secret_name: str) -> str:
    """Return a token as it can be sent. Raises BadCredentials."""
    try:
        return fit_token(data.get(key, b""), f"secret '{secret_name}': '{key}'")
    except UnfitCredential as error:
        raise BadCredentials(str(error)) from None
