"""Which credentials are for which image, and what is reported about Secrets that cannot be read."""

import base64
import json

import pytest

from controllers.image.reference import parse_image
from controllers.registry.dockerconfig import Credentials, PullSecret, glob_matches, resolve_credentials
from controllers.registry.errors import BadCredentialSecret

SECRET_TEXT = "s3cr3t"


def auth(username: str, password: str = SECRET_TEXT) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def docker_config(auths: dict[str, object], name: str = "team/pull") -> PullSecret:
    data = {".dockerconfigjson": json.dumps({"auths": auths}).encode()}
    return PullSecret("kubernetes.io/dockerconfigjson", data, name)


@pytest.mark.parametrize(
    ("key", "image", "found"),
    [
        pytest.param("ghcr.io", "ghcr.io/a/b", True, id="host"),
        pytest.param("https://ghcr.io", "ghcr.io/a/b", True, id="scheme-is-dropped"),
        pytest.param("https://index.docker.io/v1/", "alpine", True, id="hub"),
        pytest.param("docker.io", "alpine", False, id="hub-by-its-short-name"),
        pytest.param("ghcr.io/a", "ghcr.io/a/b", True, id="path"),
        pytest.param("ghcr.io/a", "ghcr.io/abc/d", True, id="path-is-a-plain-prefix"),
        pytest.param("ghcr.io/v2/a", "ghcr.io/a/b", True, id="version-is-dropped"),
        pytest.param("ghcr.io/b", "ghcr.io/a/b", False, id="other-path"),
        pytest.param("*.example.com", "eu.example.com/app", True, id="glob"),
        pytest.param("*.example.com", "a.eu.example.com/app", False, id="glob-is-one-label"),
        pytest.param("r[0-9].example.com", "r7.example.com/app", True, id="glob-class"),
        pytest.param("example.com:5000", "example.com:5000/app", True, id="port"),
        pytest.param("example.com", "example.com:5000/app", False, id="port-missing"),
        pytest.param("[::1]:5000", "[::1]:5000/app", True, id="ipv6"),
        pytest.param("[", "ghcr.io/a/b", False, id="key-that-is-no-address"),
    ],
)
def test_key_matches_host_and_path(key: str, image: str, found: bool) -> None:
    credentials = resolve_credentials(parse_image(image), [docker_config({key: {"auth": auth("u")}})])
    assert credentials == (Credentials("u", SECRET_TEXT) if found else None)


def test_the_longest_key_wins() -> None:
    secret = docker_config({"ghcr.io": {"auth": auth("host")}, "ghcr.io/a": {"auth": auth("path")}})
    assert resolve_credentials(parse_image("ghcr.io/a/b"), [secret]) == Credentials("path", SECRET_TEXT)


def test_the_first_secret_wins_among_equal_keys() -> None:
    secrets = [docker_config({"ghcr.io": {"auth": auth("one")}}), docker_config({"ghcr.io": {"auth": auth("two")}})]
    assert resolve_credentials(parse_image("ghcr.io/a/b"), secrets) == Credentials("one", SECRET_TEXT)


@pytest.mark.parametrize(
    ("entry", "credentials"),
    [
        pytest.param({"auth": auth("u", "p:q")}, Credentials("u", "p:q"), id="auth"),
        pytest.param({"auth": auth("user", "pw").rstrip("=")}, Credentials("user", "pw"), id="auth-unpadded"),
        pytest.param({"username": "u", "password": "p"}, Credentials("u", "p"), id="fields"),
        pytest.param({"auth": auth("u", "p"), "username": "x"}, Credentials("u", "p"), id="auth-before-fields"),
        pytest.param({"auth": None, "username": "u", "password": "p"}, Credentials("u", "p"), id="null-beside-fields"),
        pytest.param(
            {"username": "u", "password": "p", "auth": "", "identitytoken": None, "registrytoken": None, "email": None},
            Credentials("u", "p"),
            id="nulls-and-empty",
        ),
        pytest.param({"Username": "u", "PASSWORD": "p"}, Credentials("u", "p"), id="case-of-keys"),
        pytest.param({"identityToken": "t"}, Credentials(identity_token="t"), id="case-of-tokens"),
        pytest.param({"auth": auth("u", "p"), "labels": [1, {"a": None}]}, Credentials("u", "p"), id="other-fields"),
        pytest.param({"identitytoken": "t"}, Credentials(identity_token="t"), id="identity-token"),
        pytest.param({"registrytoken": "t"}, Credentials(registry_token="t"), id="registry-token"),
        pytest.param({"email": "e"}, None, id="nothing-is-anonymous"),
        pytest.param(None, None, id="null-is-anonymous"),
    ],
)
def test_entry_gives_credentials(entry: object, credentials: Credentials | None) -> None:
    assert resolve_credentials(parse_image("ghcr.io/a/b"), [docker_config({"ghcr.io": entry})]) == credentials


def test_legacy_secret_has_no_auths_around() -> None:
    data = {".dockercfg": json.dumps({"ghcr.io": {"auth": auth("u")}}).encode()}
    secret = PullSecret("kubernetes.io/dockercfg", data)
    assert resolve_credentials(parse_image("ghcr.io/a/b"), [secret]) == Credentials("u", SECRET_TEXT)


def test_secret_of_another_type_contributes_nothing() -> None:
    secret = docker_config({"ghcr.io": {"auth": auth("u")}})
    assert resolve_credentials(parse_image("ghcr.io/a/b"), [PullSecret("Opaque", secret.data)]) is None


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        pytest.param(b"{", "is not a Docker configuration in JSON", id="no-json"),
        pytest.param(b'{"auths": {"a": 1}}', "is not a Docker configuration in JSON", id="other-shape"),
        pytest.param(b'{"auths": []}', "is not a Docker configuration in JSON", id="auths-as-a-list"),
        pytest.param(b'{"auths": {"a": {"auth": 1}}}', "is not a Docker configuration in JSON", id="auth-as-a-number"),
        pytest.param(b"[" * 100_000, "is not a Docker configuration in JSON", id="deep"),
        pytest.param(b'{"auths": {"a": {"auth": "s3cr3t!"}}}', "has an 'auth' that is not base64", id="no-base64"),
        pytest.param(
            b'{"auths": {"a": {"auth": "czNjcjN0"}}}',
            "has an 'auth' that is not base64 of username:password",
            id="no-colon",
        ),
        pytest.param(b" " * 1_048_577, "has more than 1048576 bytes", id="large"),
    ],
)
def test_unusable_secret_is_named_without_its_content(data: bytes, fault: str) -> None:
    secret = PullSecret("kubernetes.io/dockerconfigjson", {".dockerconfigjson": data}, "team/pull")
    with pytest.raises(BadCredentialSecret) as caught:
        resolve_credentials(parse_image("ghcr.io/a/b"), [secret])
    assert str(caught.value) == f"secret 'team/pull': '.dockerconfigjson' {fault}"


def test_repr_shows_no_secret() -> None:
    secret = docker_config({"ghcr.io": {"auth": auth("u")}})
    assert SECRET_TEXT not in repr(resolve_credentials(parse_image("ghcr.io/a/b"), [secret]))
    assert auth("u") not in repr(secret)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        pytest.param("a*c", "abbc", True, id="star"),
        pytest.param("a?", "ab", True, id="one"),
        pytest.param("[^a]x", "bx", True, id="negated"),
        pytest.param("\\*", "*", True, id="escaped"),
        pytest.param("[a", "[a", True, id="open-bracket-is-literal"),
        pytest.param("a\\", "a\\", False, id="lone-backslash"),
        pytest.param("*a" * 30, "a" * 60, True, id="many-stars"),
    ],
)
def test_glob(pattern: str, text: str, fits: bool) -> None:
    assert glob_matches(pattern, text) is fits
