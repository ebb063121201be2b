"""Credentials of Secrets: what is read, and with which text the rest is refused."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from controllers.git.errors import BadCredentials, BadSigningKey
from controllers.git.login.githubapp import GithubApp
from controllers.git.remote import Basic, Bearer, Credentials, SshKey
from controllers.git.signing.signers import OpenPgpKey, SshSigningKey
from controllers.gitaccess.credentials import (
    app_from_secret,
    credentials_from_secret,
    proxy_from_secret,
    signing_key_from_secret,
    tls_from_secret,
)
from controllers.net.proxy.address import Proxy
from controllers.net.tls import TlsMaterial

HTTPS, SSH = "https://example.com/fleet.git", "ssh://git@example.com/fleet.git"
LOCKED = ed25519.Ed25519PrivateKey.generate().private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.BestAvailableEncryption(b"x")
)
PRIVATE = "-----BEGIN RSA PRIVATE KEY-----\n…\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("url", "data", "want"),
    [
        pytest.param(HTTPS, {"username": b"u", "password": b"p"}, Basic("u", "p"), id="basic"),
        pytest.param(HTTPS, {"username": b"u\n", "password": b" p \r\n"}, Basic("u", " p "), id="basic-of-echo"),
        pytest.param(HTTPS, {"username": b"u"}, Basic("u", ""), id="user-alone"),
        pytest.param(HTTPS, {"bearerToken": b"t\n"}, Bearer("t"), id="bearer"),
        pytest.param(HTTPS, {"bearerToken": b"t", "username": b"u", "password": b"p"}, Bearer("t"), id="bearer-wins"),
        pytest.param(HTTPS, {"ca.crt": b"x"}, None, id="nothing-for-https"),
        pytest.param(SSH, {"identity": b"k", "known_hosts": b"h", "username": b"x"}, SshKey("k", "h"), id="ssh"),
        pytest.param(SSH, {"identity": b"k", "known_hosts": b"h", "password": b"p\n"}, SshKey("k", "h", "p"),
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
        pytest.param(SSH, {"identity": LOCKED, "known_hosts": b"h"},
                     "SSH identity key is encrypted but no 'password' field was provided in the secret 'ns/s'",
                     id="locked"),
    ],
)  # fmt: skip
def test_secrets_that_are_refused(url: str, data: dict[str, bytes], reason: str) -> None:
    with pytest.raises(BadCredentials) as refused:
        credentials_from_secret(url, data, secret_name="ns/s")
    assert str(refused.value) == reason


@pytest.mark.parametrize("value", [b"TOPSECRET\nx", b"TOPSECRET\x07", b"TOPSECRET\xff"], ids=["line", "bell", "bytes"])
@pytest.mark.parametrize(
    ("url", "key", "others"),
    [
        pytest.param(HTTPS, "bearerToken", {}, id="token"),
        pytest.param(HTTPS, "username", {}, id="user"),
        pytest.param(HTTPS, "password", {"username": b"u"}, id="password"),
        pytest.param(SSH, "password", {"identity": b"k", "known_hosts": b"h"}, id="passphrase"),
    ],
)
def test_what_cannot_be_sent_is_refused_without_its_content(
    url: str, key: str, others: dict[str, bytes], value: bytes
) -> None:
    with pytest.raises(BadCredentials, match=rf"^secret 'ns/s': '{key}' (has a|is not UTF-8).*; store") as refused:
        credentials_from_secret(url, {**others, key: value}, secret_name="ns/s")
    assert "TOPSECRET" not in str(refused.value)


def test_a_bearer_token_is_ascii() -> None:
    with pytest.raises(BadCredentials, match=r"^secret 'ns/s': 'bearerToken' has a character in it that is not ASCII"):
        credentials_from_secret(HTTPS, {"bearerToken": "TOPSECRET€".encode()}, secret_name="ns/s")
    with pytest.raises(BadCredentials, match=r"^secret 'ns/s': 'bearerToken' has white space in it"):
        credentials_from_secret(HTTPS, {"bearerToken": b"Bearer TOPSECRET"}, secret_name="ns/s")


def test_passphrases_and_logins_of_proxies_are_refused_alike() -> None:
    for kind, key in (("ssh", "password"), ("gpg", "passphrase")):
        with pytest.raises(BadSigningKey, match=f"^secret 's': '{key}' has a line break in it"):
            signing_key_from_secret(kind, {"identity": b"k", "git.asc": b"k", key: b"a\nb"}, secret_name="s")
    with pytest.raises(BadCredentials, match=r"^secret 'ns/s': 'password' has a line break in it"):
        proxy_from_secret({"address": b"http://p", "username": b"u", "password": b"a\nb"}, secret_name="ns/s")


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


APP = {"githubAppID": b"7", "githubAppPrivateKey": PRIVATE.encode()}


def test_secret_describes_an_app() -> None:
    data = APP | {"githubAppInstallationOwner": b"org", "githubAppBaseURL": b"https://u:p@ghe.example/api/v3/"}
    app = app_from_secret(data, secret_name="apps/login")
    assert app == GithubApp("7", PRIVATE.strip(), owner="org", url="https://ghe.example/api/v3")
    assert app.principal == "github-app/7/org"
    assert "PRIVATE" not in repr(app)
    app = app_from_secret(APP | {"githubAppInstallationID": b"42\n"}, secret_name="apps/login")
    assert (app.url, app.installation) == ("https://api.github.com", "42")


def test_an_app_may_be_named_by_its_client_id() -> None:
    data = {
        "githubAppClientID": b"Iv23liABC\n",
        "githubAppPrivateKey": PRIVATE.encode(),
        "githubAppInstallationID": b"42",
    }
    app = app_from_secret(data, secret_name="apps/login")
    assert (app.id, app.principal) == ("Iv23liABC", "github-app/Iv23liABC/42")


ONE_OF = "'apps/login' must contain exactly one of 'githubAppInstallationOwner' or 'githubAppInstallationID'"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param({"githubAppID": b"7"}, "must contain 'githubAppPrivateKey' and one of", id="no-key"),
        pytest.param({"githubAppPrivateKey": b"k"}, "one of 'githubAppID' or 'githubAppClientID'", id="no-id"),
        pytest.param(
            APP | {"githubAppClientID": b"Iv23liABC", "githubAppInstallationID": b"1"},
            "must contain exactly one of 'githubAppID' or 'githubAppClientID'",
            id="two-ids",
        ),
        pytest.param(
            {"githubAppClientID": b"a b", "githubAppPrivateKey": b"k", "githubAppInstallationID": b"1"},
            "'githubAppClientID' is not the ID of an app",
            id="odd-client-id",
        ),
        pytest.param(APP, ONE_OF, id="no-installation"),
        pytest.param(
            APP | {"githubAppInstallationOwner": b"o", "githubAppInstallationID": b"1"}, ONE_OF, id="two-installations"
        ),
        pytest.param(APP | {"githubAppInstallationID": b"1/../2"}, "is not a number", id="odd-installation"),
        pytest.param(
            APP | {"githubAppID": PRIVATE.encode(), "githubAppInstallationID": b"1"}, "is not the ID of", id="key-as-id"
        ),
        pytest.param(APP | {"githubAppInstallationOwner": b"a b"}, "is not the name of an account", id="odd-owner"),
        pytest.param(
            APP | {"githubAppInstallationID": b"1", "githubAppBaseURL": b"https://h/?t=x"}, "https://HOST", id="query"
        ),
        pytest.param(
            APP | {"githubAppInstallationID": b"1", "githubAppBaseURL": b"ghe.example"}, "https://HOST", id="no-url"
        ),
    ],
)
def test_secret_that_does_not_describe_an_app(data: dict[str, bytes], text: str) -> None:
    with pytest.raises(BadCredentials, match=text):
        app_from_secret(data, secret_name="apps/login")


def test_signing_keys() -> None:
    ssh = {"identity": b"k", "password": b"p"}
    openpgp = {"git.asc": b"k", "passphrase": b"p"}
    for kind, data, want in (
        ("ssh", ssh | openpgp, SshSigningKey("k", "p", "s")),
        ("gpg", ssh | openpgp, OpenPgpKey(b"k", "p", "s")),
        ("", openpgp, OpenPgpKey(b"k", "p", "s")),
        ("gpg", {"git.asc": b"k", "passphrase": b"p\n"}, OpenPgpKey(b"k", "p", "s")),
        ("ssh", {"identity": b"k", "password": b"p\r\n"}, SshSigningKey("k", "p", "s")),
    ):
        assert signing_key_from_secret(kind, data, secret_name="s") == want


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("ssh", "signing key secret 's' does not contain an 'identity' key"),
        ("gpg", "signing key secret 's' does not contain a 'git.asc' key"),
    ],
)
def test_secret_without_a_signing_key(kind: str, text: str) -> None:
    with pytest.raises(BadSigningKey, match=f"^{text}$"):
        signing_key_from_secret(kind, {"identity": b"", "git.asc": b""}, secret_name="s")
