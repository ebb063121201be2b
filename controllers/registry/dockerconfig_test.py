"""Which credentials are for which image, and what is reported about Secrets that cannot be read."""

import base64
import json

import pytest

from controllers.image.reference import Image, parse_image
from controllers.registry.access import Access
from controllers.registry.dockerconfig import (
    Credentials,
    KeyringEntry,
    PullSecret,
    explain_no_match,
    glob_matches,
    read_keyring,
    resolve_credentials,
)
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
        pytest.param("https://index.docker.io/v1", "alpine", True, id="hub-without-the-slash"),
        pytest.param(" https://index.docker.io/v2/ ", "alpine", True, id="hub-with-blanks"),
        pytest.param("docker.io", "alpine", True, id="hub-by-its-short-name"),
        pytest.param("registry-1.docker.io", "docker.io/a/b", True, id="hub-by-its-server"),
        pytest.param("https://docker.io/a", "a/b", True, id="hub-by-its-short-name-with-a-path"),
        pytest.param("index.docker.io", "registry-1.docker.io/a/b", True, id="image-by-the-hub-s-server"),
        pytest.param("docker.io/b", "a/b", False, id="hub-with-another-path"),
        pytest.param("docker.io:443", "a/b", False, id="hub-with-a-port"),
        pytest.param("hub.docker.io", "a/b", False, id="another-host-of-docker"),
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


def test_of_the_hub_s_names_the_one_in_the_reference_wins() -> None:
    names = ["docker.io/library", "registry-1.docker.io", "index.docker.io"]
    secret = docker_config({name: {"auth": auth(name)} for name in names})
    assert resolve_credentials(parse_image("alpine"), [secret]) == Credentials("index.docker.io", SECRET_TEXT)


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
        pytest.param({"auth": auth("u", "p\n")}, Credentials("u", "p"), id="auth-of-echo"),
        pytest.param({"auth": auth("u", "p\0\0")}, Credentials("u", "p"), id="auth-with-docker-s-padding"),
        pytest.param(
            {"auth": auth("u", "p" * 99)[:76] + "\n" + auth("u", "p" * 99)[76:]},
            Credentials("u", "p" * 99),
            id="auth-on-two-lines",
        ),
        pytest.param({"username": "u\n", "password": "p\r\n"}, Credentials("u", "p"), id="fields-of-echo"),
        pytest.param({"username": "ü", "password": " p€ "}, Credentials("ü", " p€ "), id="any-letter"),
        pytest.param({"identitytoken": "t\n"}, Credentials(identity_token="t"), id="identity-token-of-echo"),
        pytest.param({"registrytoken": " t\n"}, Credentials(registry_token="t"), id="registry-token-of-echo"),
        pytest.param({"email": "e"}, None, id="nothing-is-anonymous"),
        pytest.param(None, None, id="null-is-anonymous"),
    ],
)
def test_entry_gives_credentials(entry: object, credentials: Credentials | None) -> None:
    assert resolve_credentials(parse_image("ghcr.io/a/b"), [docker_config({"ghcr.io": entry})]) == credentials


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        pytest.param({"registrytoken": f"{SECRET_TEXT}\nx"}, "'registrytoken' has a line break", id="token"),
        pytest.param({"registrytoken": f"{SECRET_TEXT}€"}, "'registrytoken' has a character in it that", id="euro"),
        pytest.param({"identitytoken": f"{SECRET_TEXT} x"}, "'identitytoken' has white space", id="blank"),
        pytest.param({"username": "u", "password": f"{SECRET_TEXT}\x1b"}, "the password has a control", id="control"),
        pytest.param({"username": f"{SECRET_TEXT}\nu", "password": "p"}, "the user name has a line break", id="user"),
        pytest.param({"auth": auth("u", f"{SECRET_TEXT}\nx")}, "the password has a line break in it", id="auth"),
    ],
)
def test_what_cannot_be_sent_is_refused_without_its_content(entry: object, fault: str) -> None:
    secret = docker_config({"me:s3cr3t@ghcr.io": {}, "ghcr.io": entry, "quay.io": {"auth": auth("u")}})
    with pytest.raises(BadCredentialSecret) as caught:
        resolve_credentials(parse_image("ghcr.io/a/b"), [secret])
    text = str(caught.value)
    assert text.startswith(f"secret 'team/pull': '.dockerconfigjson': 'ghcr.io': {fault}")
    assert SECRET_TEXT not in text
    assert resolve_credentials(parse_image("quay.io/a/b"), [secret]) == Credentials("u", SECRET_TEXT)


@pytest.mark.parametrize(
    ("auths", "listed"),
    [
        pytest.param({}, "no entries", id="none"),
        pytest.param(
            {"quay.io": {"auth": auth("u")}, "https://ghcr.io/v2/team": {}},
            "'ghcr.io/team' without a login, 'quay.io'",
            id="some",
        ),
        pytest.param({f"me:{SECRET_TEXT}@quay.io": {"auth": auth("u")}}, "'quay.io'", id="login-in-the-key"),
        pytest.param({"a\x1b[31m": {"auth": auth("u")}}, "'a [31m'", id="odd"),
        pytest.param(
            {f"r{n:02}.io": {"auth": auth("u")} for n in range(12)},
            ", ".join(f"'r{n:02}.io'" for n in range(10)) + ", 2 more",
            id="many",
        ),
    ],
)
def test_keys_are_named_when_none_is_for_the_image(auths: dict[str, object], listed: str) -> None:
    image, secret = parse_image("gcr.io/a/b"), docker_config(auths)
    assert resolve_credentials(image, [secret]) is None
    assert explain_no_match(image, [secret]) == f"no credentials for 'gcr.io' in secret 'team/pull' (it has {listed})"


def test_secrets_of_another_type_are_named_too() -> None:
    secrets = [PullSecret("Opaque", {}, "a/b"), docker_config({"quay.io": {"auth": auth("u")}})]
    assert explain_no_match(parse_image("gcr.io/a/b"), secrets) == (
        "no credentials for 'gcr.io' in secret 'a/b' (type 'Opaque'; want 'kubernetes.io/dockerconfigjson'), "
        "secret 'team/pull' (it has 'quay.io')"
    )
    assert explain_no_match(parse_image("gcr.io/a/b"), []) == ""


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
        pytest.param(
            json.dumps({"auths": {f"r{n}*.io": {} for n in range(1001)}}).encode(),
            "has more than 1000 entries",
            id="many-entries",
        ),
        pytest.param(
            json.dumps({"auths": {"*a" * 513: {}}}).encode(), "has a host of more than 1024 characters", id="long-host"
        ),
    ],
)
def test_unusable_secret_is_named_without_its_content(data: bytes, fault: str) -> None:
    secret = PullSecret("kubernetes.io/dockerconfigjson", {".dockerconfigjson": data}, "team/pull")
    with pytest.raises(BadCredentialSecret) as caught:
        resolve_credentials(parse_image("ghcr.io/a/b"), [secret])
    assert str(caught.value) == f"secret 'team/pull': '.dockerconfigjson' {fault}"


@pytest.mark.parametrize(
    ("auths", "fault"),
    [
        pytest.param({f"r{n}.io": {} for n in range(501)}, "more than 1000 entries", id="entries"),
        pytest.param({"a.io": {"email": "x" * 600_000}}, "more than 1048576 bytes", id="bytes"),
    ],
)
def test_bounds_are_those_of_all_secrets_together(auths: dict[str, object], fault: str) -> None:
    with pytest.raises(BadCredentialSecret) as caught:
        read_keyring([docker_config(auths), docker_config(auths, "team/second")])
    assert str(caught.value) == (
        f"secret 'team/second': '.dockerconfigjson' has, with the pull secrets before it, {fault}"
    )


def test_as_many_entries_as_there_may_be_are_read() -> None:
    assert len(read_keyring([docker_config({f"r{n}.io": {} for n in range(1000)})]).entries) == 1000


def test_a_keyring_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[object] = []

    def watched(self: KeyringEntry) -> int:
        hashed.append(self)
        return 7

    monkeypatch.setattr(KeyringEntry, "__hash__", watched)
    keyring = read_keyring([docker_config({"a.io": {}, "b.io": {}})])
    access = Access(keyring=keyring)
    assert {hash(access) for _ in range(3)} == {hash(Access(keyring=keyring))}
    assert hashed == list(keyring.entries)
    assert Access(keyring=read_keyring([docker_config({"a.io": {}, "b.io": {}})])) == access


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
        pytest.param("my-host_1", "my-host_1", True, id="no-glob"),
        pytest.param("a]", "a]", True, id="closing-bracket-is-literal"),
        pytest.param("a.", "ab", False, id="dot-is-literal"),
        pytest.param("[a", "[a", True, id="open-bracket-is-literal"),
        pytest.param("a\\", "a\\", False, id="lone-backslash"),
        pytest.param("*a" * 30, "a" * 60, True, id="many-stars"),
    ],
)
def test_glob(pattern: str, text: str, fits: bool) -> None:
    assert glob_matches(pattern, text) is fits


@pytest.mark.parametrize("key", ["index.docker.io", "docker.io", "https://index.docker.io/v1/"])
def test_what_is_for_docker_hub_counts_wherever_a_registry_leads_to_it(key: str) -> None:
    keyring = read_keyring([docker_config({key: {"auth": auth("u")}})])
    image = Image("registry-1.docker.io", "library/alpine")
    assert keyring.find_elsewhere(image) == keyring.find(image) == Credentials("u", SECRET_TEXT)


def test_only_who_has_named_a_secret_is_told_its_name() -> None:
    keyring = read_keyring([docker_config({"ghcr.io": {"username": "u", "password": "a\nb"}})])
    image = Image("ghcr.io", "a/b")
    with pytest.raises(BadCredentialSecret, match=r"^secret 'team/pull': .* 'ghcr\.io': the password"):
        keyring.find(image)
    with pytest.raises(BadCredentialSecret, match=r"^pull secrets: 'ghcr\.io': the password"):
        keyring.find_elsewhere(image)
