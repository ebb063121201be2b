"""What an image reference names, and with which text an invalid one is refused."""

import pytest

from controllers.image.reference import BadReference, Image, allows_http, is_loopback, parse_image, parse_reference

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("alpine", "index.docker.io/library/alpine", id="hub-official"),
        pytest.param("docker.io/alpine", "index.docker.io/library/alpine", id="hub-alias"),
        pytest.param("myhost/foo", "index.docker.io/myhost/foo", id="no-dot-no-port-is-the-hub"),
        pytest.param("localhost/foo", "index.docker.io/localhost/foo", id="localhost-without-port-is-the-hub"),
        pytest.param("localhost:5000/foo", "localhost:5000/foo", id="port"),
        pytest.param("[::1]:5000/foo", "[::1]:5000/foo", id="ipv6"),
        pytest.param("ghcr.io/a//b/", "ghcr.io/a//b/", id="lax-slashes"),
        pytest.param("registry-1.docker.io/library/alpine", "registry-1.docker.io/library/alpine", id="hub-itself"),
    ],
)
def test_canonical_name(text: str, name: str) -> None:
    assert parse_image(text).name == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "https://a.b/cd", "image 'https://a.b/cd' should not include URL scheme; remove 'https://'", id="url"
        ),
        pytest.param("a.b:1/cd:e", "image 'a.b:1/cd:e' should not include a tag; remove ':e'", id="tag"),
        pytest.param(
            f"ab@sha256:{HEX}", f"image 'ab@sha256:{HEX}' should not include a tag; remove ':{HEX}'", id="digest"
        ),
        pytest.param("my.registry:5000/x", "could not parse reference: my.registry:5000/x", id="one-character"),
        pytest.param("", "could not parse reference: ", id="empty"),
        pytest.param("user@a.b/cd", "could not parse reference: REDACTED@a.b/cd", id="user"),
        pytest.param("me:hush@a.b/cd", "could not parse reference: REDACTED@a.b/cd", id="user-info"),
        pytest.param(
            "https://me:hush@a.b/cd",
            "image 'https://REDACTED@a.b/cd' should not include URL scheme; remove 'https://'",
            id="user-info-in-a-url",
        ),
        pytest.param(
            "HTTPS://me:hu/sh@a.b:port/cd",
            "image 'HTTPS://REDACTED@a.b:port/cd' should not include URL scheme; remove 'HTTPS://'",
            id="user-info-with-a-slash",
        ),
        pytest.param(
            "https://a.b:5000/cd@sha256:12",
            "image 'https://a.b:5000/cd@sha256:12' should not include URL scheme; remove 'https://'",
            id="digest-in-a-url",
        ),
        pytest.param("a.b/cd@sha256:12", "could not parse reference: a.b/cd@sha256:12", id="digest"),
        pytest.param("a.b:http/cd", "could not parse reference: a.b:http/cd", id="port-is-no-number"),
        pytest.param("[1.2.3.4]:80/cd", "could not parse reference: [1.2.3.4]:80/cd", id="brackets-are-for-ipv6"),
    ],
)
def test_refused_in_the_words_of_flux(text: str, message: str) -> None:
    with pytest.raises(BadReference) as caught:
        parse_image(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "full_name"),
    [
        pytest.param("ab:1", "index.docker.io/library/ab:1", id="tag"),
        pytest.param("ab", "index.docker.io/library/ab:latest", id="default-tag"),
        pytest.param(f"ab:1@sha256:{HEX}", f"index.docker.io/library/ab@sha256:{HEX}", id="digest-wins"),
    ],
)
def test_full_name_of_a_reference(text: str, full_name: str) -> None:
    assert parse_reference(text).full_name == full_name


@pytest.mark.parametrize(
    ("registry", "insecure", "allowed"),
    [
        pytest.param("ghcr.io", False, False, id="public"),
        pytest.param("ghcr.io", True, True, id="insecure"),
        pytest.param("10.1.2.3:5000", False, True, id="private"),
        pytest.param("172.32.0.1", False, False, id="just-outside-private"),
        pytest.param("127.0.0.1:5000", False, True, id="loopback"),
        pytest.param("127.0.0.2:5000", False, False, id="loopback-other"),
        pytest.param("[::1]:5000", False, True, id="loopback-ipv6"),
        pytest.param("localhost:5000", False, True, id="localhost-with-port"),
        pytest.param("a.localhost", False, True, id="localhost-domain"),
        pytest.param("a.localhost:123456", False, False, id="port-too-long"),
        pytest.param("a.local", False, False, id="mdns"),
    ],
)
def test_plain_http_is_for_local_names_and_by_leave(registry: str, insecure: bool, allowed: bool) -> None:
    assert allows_http(Image(registry, "app"), insecure) is allowed


@pytest.mark.parametrize(
    ("registry", "loopback"),
    [
        ("localhost:5000", True),
        ("a.localhost", True),
        ("127.0.0.1:5000", True),
        ("127.9.9.9", True),
        ("[::1]:5000", True),
        ("10.1.2.3:5000", False),
        ("127.0.0.1.example.com", False),
        ("localhost.example.com:5000", False),
        ("[fd00::1]:5000", False),
        ("ghcr.io", False),
    ],
)
def test_loopback_is_this_machine_and_nothing_that_looks_like_it(registry: str, *, loopback: bool) -> None:
    assert is_loopback(Image(registry, "app")) is loopback
