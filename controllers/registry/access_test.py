"""TLS material and proxies of Secrets."""

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from controllers.net.proxy.address import Proxy
from controllers.net.tls import TlsMaterial, ssl_context
from controllers.registry.access import Access, proxy_from_secret, tls_from_secret
from controllers.registry.errors import BadCredentialSecret
from testing.certificates import create_authority, issue_server_key_pair

CA = create_authority("ca")
IDENTITY = issue_server_key_pair(CA, "127.0.0.1")
STORE_ALONE = "store the value alone, as `kubectl create secret --from-literal` does"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param({}, "secret 'ns/ca' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'", id="nothing"),
        pytest.param({"tls.crt": b"x"}, "secret 'ns/ca' contains 'tls.crt' but missing 'tls.key'", id="no-key"),
        pytest.param({"keyFile": b"x"}, "secret 'ns/ca' contains 'tls.key' but missing 'tls.crt'", id="no-certificate"),
        pytest.param({"ca.crt": b"x"}, "secret 'ns/ca': failed to parse CA certificate", id="ca-is-no-pem"),
        pytest.param(
            {"tls.crt": b"x", "tls.key": b"y"},
            "secret 'ns/ca': failed to parse TLS certificate and key: no PEM",
            id="certificate-is-no-pem",
        ),
        pytest.param(
            {"tls.crt": IDENTITY.certificate, "tls.key": issue_server_key_pair(CA, "127.0.0.1").key},
            "secret 'ns/ca': failed to parse TLS certificate and key: KEY_VALUES_MISMATCH",
            id="key-of-another-certificate",
        ),
    ],
)
def test_unusable_tls_material_is_refused(data: dict[str, bytes], message: str) -> None:
    with pytest.raises(BadCredentialSecret) as caught:
        tls_from_secret("ns/ca", data)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("data", "material"),
    [
        pytest.param({"ca.crt": CA.certificate}, TlsMaterial(ca=CA.certificate), id="authority"),
        pytest.param({"caFile": CA.certificate}, TlsMaterial(ca=CA.certificate), id="deprecated-key"),
        pytest.param(
            {"tls.crt": IDENTITY.certificate, "tls.key": IDENTITY.key},
            TlsMaterial(certificate=IDENTITY.certificate, key=IDENTITY.key),
            id="identity",
        ),
    ],
)
def test_tls_material_of_a_secret(data: dict[str, bytes], material: TlsMaterial) -> None:
    assert tls_from_secret("ns/ca", data) == material


def test_private_authority_comes_beside_those_of_the_system() -> None:
    alone = len(ssl_context(None).get_ca_certs())
    assert len(ssl_context(TlsMaterial(ca=CA.certificate)).get_ca_certs()) == alone + 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param({}, "secret 'ns/p': key 'address' not found", id="no-address"),
        pytest.param({"address": b" "}, "secret 'ns/p': proxy address is empty", id="empty"),
        pytest.param(
            {"address": b"ftp://a"},
            "secret 'ns/p': proxy URL must use one of the supported schemes (http, https, socks5), got 'ftp'",
            id="scheme",
        ),
        pytest.param({"address": b"http://[a"}, "secret 'ns/p': failed to parse proxy address", id="no-url"),
        pytest.param({"address": b"http://a:b"}, "secret 'ns/p': failed to parse proxy address", id="port"),
        pytest.param({"address": b"http://"}, "secret 'ns/p': proxy address has no host", id="no-host"),
        pytest.param(
            {"address": b"http://" + b"a" * 2048}, "secret 'ns/p': proxy URL exceeds 2048 characters", id="long"
        ),
        pytest.param({"address": b"\xff"}, f"secret 'ns/p': key 'address' is not UTF-8; {STORE_ALONE}", id="not-utf8"),
        pytest.param(
            {"address": b"http://a", "username": b"u", "password": b"hush\nhush"},
            f"secret 'ns/p': key 'password' has a line break in it; {STORE_ALONE}",
            id="password-on-two-lines",
        ),
        pytest.param(
            {"address": b"user:hush@a:1"},
            "secret 'ns/p': proxy URL must use one of the supported schemes (http, https, socks5), got none",
            id="no-scheme",
        ),
    ],
)
def test_unusable_proxy_is_refused(data: dict[str, bytes], message: str) -> None:
    with pytest.raises(BadCredentialSecret) as caught:
        proxy_from_secret("ns/p", data)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("data", "url"),
    [
        pytest.param({"address": b"http://a:1/"}, "http://a:1", id="anonymous"),
        pytest.param({"address": b"http://a", "username": b"u"}, "http://u:@a", id="user-name-alone"),
        pytest.param({"address": b"http://a", "password": b"p"}, "http://a", id="password-alone-is-ignored"),
        pytest.param({"address": b"http://a", "username": b"u@", "password": b"p/"}, "http://u%40:p%2F@a", id="quoted"),
    ],
)
def test_proxy_of_a_secret(data: dict[str, bytes], url: str) -> None:
    assert proxy_from_secret("ns/p", data).url == url


def test_repr_shows_neither_key_nor_password() -> None:
    access = Access(tls=TlsMaterial(b"", b"certificate", b"private"), proxy=Proxy("http://a", "user", "pass-word"))
    assert "private" not in repr(access)
    assert "pass-word" not in repr(access)


def test_an_authority_may_have_comments_in_any_script() -> None:
    data = {"ca.crt": "# Türkçe €\n".encode() + CA.certificate}
    assert tls_from_secret("ns/ca", data).ca == data["ca.crt"]
    with pytest.raises(BadCredentialSecret, match="failed to parse CA certificate"):
        tls_from_secret("ns/ca", {"ca.crt": "€".encode()})


def test_an_encrypted_key_is_refused_without_asking_for_its_pass_phrase() -> None:
    key = load_pem_private_key(IDENTITY.key, None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    with pytest.raises(BadCredentialSecret, match=r"'tls\.key' is encrypted, and there is no field for a passphrase"):
        tls_from_secret("ns/tls", {"tls.crt": IDENTITY.certificate, "tls.key": locked})
