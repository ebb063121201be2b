"""Challenges, and the requests to a token service."""

from contextlib import nullcontext
from datetime import timedelta

import pytest

from controllers.image.reference import Image
from controllers.registry.access import Access
from controllers.registry.auth import (
    NO_CHALLENGE,
    BearerToken,
    Challenge,
    answer_basic,
    basic_header,
    build_token_request,
    parse_challenge,
    parse_token,
)
from controllers.registry.dockerconfig import Credentials
from controllers.registry.errors import BadResponse

ALICE = Credentials("alice", "wonder")


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        pytest.param([], NO_CHALLENGE, id="none"),
        pytest.param(['Bearer realm="https://a/t",service="s"'], Challenge("bearer", "https://a/t", "s"), id="bearer"),
        pytest.param(['bEaReR REALM="r", scope="a,b",service=s'], Challenge("bearer", "r", "s"), id="case-and-commas"),
        pytest.param(['Bearer realm="https://a/t" service="s"'], Challenge("bearer", "https://a/t", "s"), id="blanks"),
        pytest.param(
            ['Bearer realm="r" scope="a" , service=s x'], Challenge("bearer", "r", "s"), id="blanks-and-commas"
        ),
        pytest.param(['Bearer realm="r" Basic realm="q"'], Challenge("bearer", "r"), id="no-comma-between-schemes"),
        pytest.param(["Basic"], Challenge("basic"), id="no-parameters"),
        pytest.param(['Negotiate, Basic realm="r"'], Challenge("basic", "r"), id="first-known-of-one-header"),
        pytest.param(["NTLM", 'Bearer realm="r"'], Challenge("bearer", "r"), id="first-known-of-several"),
        pytest.param(["NTLM", "Digest"], Challenge("ntlm"), id="none-known"),
        pytest.param(['Basic realm="a \\"b\\""'], Challenge("basic", 'a "b"'), id="quoted-quotes"),
        pytest.param(["=?"], NO_CHALLENGE, id="junk"),
        pytest.param(['Bearer realm="' + "x" * 10_000], Challenge("bearer"), id="long"),
    ],
)
def test_challenge_is_read(headers: list[str], challenge: Challenge) -> None:
    assert parse_challenge(headers) == challenge


def test_basic_header_needs_somebody() -> None:
    assert basic_header(None) == basic_header(Credentials(identity_token="t")) == {}
    assert answer_basic(ALICE) == basic_header(ALICE)
    assert answer_basic(Credentials(registry_token="t")) == {"Authorization": "Bearer t"}
    assert basic_header(ALICE) == {"Authorization": "Basic YWxpY2U6d29uZGVy"}


@pytest.mark.parametrize(
    ("realm", "registry_scheme", "credentials", "url"),
    [
        pytest.param("https://a/t", "https", ALICE, "https://a/t?scope=", id="https"),
        pytest.param("https://a/t?x=1", "https", None, "https://a/t?x=1&scope=", id="query-is-kept"),
        pytest.param("http://a/t", "http", ALICE, "http://a/t?scope=", id="http-for-an-http-registry"),
        pytest.param("http://a/t", "https", None, "http://a/t?scope=", id="http-for-nobody"),
        pytest.param("http://127.0.0.1/t", "https", ALICE, "http://127.0.0.1/t?scope=", id="http-to-a-local-host"),
    ],
)
def test_token_is_asked_for(realm: str, registry_scheme: str, credentials: Credentials | None, url: str) -> None:
    request = build_token_request(
        Image("reg.io", "a/b"),
        Challenge("bearer", realm, "s"),
        credentials,
        registry_scheme=registry_scheme,
        client_id="test",
        scopes=["repository:a/b:pull"],
    )
    assert request.url == f"{url}repository%3Aa%2Fb%3Apull&service=s"
    assert request.headers == basic_header(credentials)


@pytest.mark.parametrize(
    ("realm", "message"),
    [
        pytest.param("", "malformed www-authenticate, missing realm", id="missing"),
        pytest.param("http://a/t", "would get the credentials in plain text", id="plain-text"),
        pytest.param("file:///etc/passwd", "realm is no URL of a token service", id="file"),
        pytest.param("https://user@a/t", "realm is no URL of a token service", id="user-info"),
        pytest.param("https://[a/t", "realm is no URL of a token service", id="no-url"),
        pytest.param("/t", "realm is no URL of a token service", id="no-host"),
    ],
)
def test_realm_that_must_not_get_credentials_is_refused(realm: str, message: str) -> None:
    with pytest.raises(BadResponse, match=message):
        build_token_request(
            Image("reg.io", "app"),
            Challenge("bearer", realm),
            ALICE,
            registry_scheme="https",
            client_id="test",
            scopes=["repository:app:pull"],
        )


@pytest.mark.parametrize(
    ("realm", "is_allowed"),
    [
        pytest.param("http://reg.io/t", True, id="the-registry-itself"),
        pytest.param("http://reg.io:8080/t", True, id="at-another-port"),
        pytest.param("http://login.reg.io/t", False, id="a-sibling"),
        pytest.param("http://elsewhere.io/t", False, id="a-stranger"),
    ],
)
def test_insecure_is_a_consent_to_plain_http_for_the_registry_alone(realm: str, is_allowed: bool) -> None:
    with nullcontext() if is_allowed else pytest.raises(BadResponse, match="in plain text"):
        build_token_request(
            Image("reg.io", "app"),
            Challenge("bearer", realm),
            ALICE,
            registry_scheme="https",
            client_id="test",
            scopes=["repository:app:pull"],
            access=Access(insecure=True),
        )


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        pytest.param(b'{"token": "t"}', 60, id="default"),
        pytest.param(b'{"access_token": "t", "expires_in": 300}', 300, id="told"),
        pytest.param(b'{"token": "t", "expires_in": "300"}', 300, id="told-as-text"),
        pytest.param(b'{"token": "t", "expires_in": 5}', 60, id="at-least-a-minute"),
        pytest.param(b'{"token": "t", "expires_in": 1e300}', 3600, id="at-most-an-hour"),
        pytest.param(
            b'{"token": "t", "expires_in": 300, "issued_at": "2099-01-01T00:00:00Z"}',
            300,
            id="by-a-clock-that-is-wrong",
        ),
    ],
)
def test_token_lives_as_long_as_the_service_says(body: bytes, seconds: int) -> None:
    assert parse_token("GET u", body) == BearerToken("t", timedelta(seconds=seconds))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"token": "a\\nb"}', b'{"token": "\\u00e9"}', b"\xff"])
def test_answer_without_a_token_is_refused(body: bytes) -> None:
    with pytest.raises(BadResponse, match=r"^GET u: "):
        parse_token("GET u", body)


def test_token_is_renewed_shortly_before_its_end() -> None:
    assert BearerToken("t", timedelta(seconds=60)).renew_after() == timedelta(seconds=54)
    assert BearerToken("t", timedelta(hours=1)).renew_after() == timedelta(minutes=59, seconds=30)


def test_repr_shows_no_token() -> None:
    assert "sesame" not in repr(BearerToken("sesame", timedelta(seconds=60)))
