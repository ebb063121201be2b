"""What is read for access to a registry, in which order, and each text for what is missing."""

import json
import threading
from datetime import timedelta

import pytest

from api.core import Secret, ServiceAccount
from api.imagerepository import ImageRepository, ImageRepositorySpec
from api.meta import LocalObjectReference, ObjectMeta
from controllers.image.reference import parse_image
from controllers.imageaccess.errors import AccessFailed
from controllers.imageaccess.reader import AccessReader, request_timeout
from controllers.net.proxy.address import Proxy
from controllers.registry import dockerconfig
from controllers.registry.access import Access
from controllers.registry.dockerconfig import Credentials, Keyring, KeyringEntry
from testing.builders import IMAGE, image_repository, secret
from testing.kube import FakeKube
from testing.loop_holds import record_threads

PULL, OTHER, CA, PROXY = (LocalObjectReference(name=name) for name in ("pull", "other", "ca", "proxy"))


def pull_secret(name: str, user: str, host: str = "ghcr.io") -> Secret:
    config = {"auths": {host: {"username": user, "password": "hunter2"}}}
    return secret(name, type="kubernetes.io/dockerconfigjson", __dockerconfigjson=json.dumps(config).encode())


def account(*pull_secrets: str) -> ServiceAccount:
    return ServiceAccount(
        metadata=ObjectMeta(name="robot", namespace="apps"),
        image_pull_secrets=tuple(LocalObjectReference(name=name) for name in pull_secrets),
    )


async def read(repository: ImageRepository, kube: FakeKube) -> Access:
    return await AccessReader(kube).read(repository, parse_image(IMAGE))


def user(name: str) -> Credentials:
    return Credentials(name, "hunter2")


async def test_anonymous_access_asks_for_nothing() -> None:
    kube = FakeKube()
    assert await read(image_repository(), kube) == Access()
    assert kube.requests == []


async def test_everything_that_the_spec_names_is_read_in_order_and_once() -> None:
    kube = FakeKube(
        secrets=[pull_secret("pull", "a"), pull_secret("other", "b"), secret("proxy", address=b"http://proxy:3128")],
        serviceaccounts=[account("other")],
    )
    repository = image_repository(secret_ref=PULL, proxy_secret_ref=PROXY, service_account_name="robot", insecure=True)
    keyring = Keyring((KeyringEntry("ghcr.io", user("a")), KeyringEntry("ghcr.io", user("b"))))
    proxy = Proxy("http://proxy:3128")
    assert await read(repository, kube) == Access(user("a"), None, proxy, insecure=True, keyring=keyring)
    assert kube.requests == [
        "get secrets apps/proxy",
        "get secrets apps/pull",
        "get serviceaccounts apps/robot",
        "get secrets apps/other",
    ]


@pytest.mark.parametrize(
    ("spec_secret", "of_account", "want"),
    [
        pytest.param("ghcr.io", "ghcr.io", "of-spec", id="equal-keys-take-secret-ref"),
        pytest.param("ghcr.io", "ghcr.io/org", "of-account", id="longer-key-wins"),
        pytest.param("quay.io", "ghcr.io", "of-account", id="only-one-matches"),
    ],
)
async def test_pull_secret_that_counts(spec_secret: str, of_account: str, want: str) -> None:
    kube = FakeKube(
        secrets=[pull_secret("pull", "of-spec", spec_secret), pull_secret("other", "of-account", of_account)],
        serviceaccounts=[account("other")],
    )
    repository = image_repository(secret_ref=PULL, service_account_name="robot")
    assert (await read(repository, kube)).credentials == user(want)


@pytest.mark.parametrize(
    "held",
    [
        pytest.param(secret("pull", username=b"a"), id="other-type-contributes-nothing"),
        pytest.param(pull_secret("pull", "a", "quay.io"), id="no-key-matches"),
    ],
)
async def test_secret_without_credentials_for_the_image_is_anonymous(held: Secret) -> None:
    assert (await read(image_repository(secret_ref=PULL), FakeKube(secrets=[held]))).credentials is None


async def test_large_pull_secret_does_not_hold_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = record_threads(monkeypatch, dockerconfig, "glob_matches")
    config: dict[str, dict[str, object]] = {
        "auths": {f"[g-h]*{number:03}{'[a-z]' * 20}.[i]o": {} for number in range(999)}
    }
    held = secret("pull", type="kubernetes.io/dockerconfigjson", __dockerconfigjson=json.dumps(config).encode())
    await read(image_repository(secret_ref=PULL), FakeKube(secrets=[held]))
    assert threads
    assert threading.main_thread() not in threads
    threads.clear()
    await read(image_repository(secret_ref=PULL), FakeKube(secrets=[pull_secret("pull", "u")]))
    assert threads == {threading.main_thread()}, "a small one is not worth a thread"


async def test_secrets_of_a_service_account_are_bounded_before_all_are_read() -> None:
    large = [pull_secret(f"s{number}", "u" * 600_000) for number in range(4)]
    kube = FakeKube(secrets=large, serviceaccounts=[account("s0", "s1", "s2", "s3")])
    with pytest.raises(AccessFailed, match=r"secret 'apps/s1': .* has, with the pull secrets before it, more than"):
        await read(image_repository(service_account_name="robot"), kube)
    assert kube.requests[-1] == "get secrets apps/s1"
    kube = FakeKube(serviceaccounts=[account(*(f"s{number}" for number in range(101)))])
    with pytest.raises(AccessFailed, match=r"^serviceaccount 'apps/robot' has more than 100 imagePullSecrets$"):
        await read(image_repository(service_account_name="robot"), kube)
    assert kube.requests == ["get serviceaccounts apps/robot"]


async def test_rotated_secret_works_at_the_next_scan() -> None:
    kube = FakeKube(secrets=[pull_secret("pull", "old")])
    reader, repository = AccessReader(kube), image_repository(secret_ref=PULL)
    assert (await reader.read(repository, parse_image(IMAGE))).credentials == user("old")
    kube.put("secrets", pull_secret("pull", "new"))
    assert (await reader.read(repository, parse_image(IMAGE))).credentials == user("new")


@pytest.mark.parametrize(
    ("repository", "secrets", "accounts", "text"),
    [
        pytest.param(image_repository(secret_ref=PULL), [], [], 'secrets "pull" not found', id="no-pull-secret"),
        pytest.param(image_repository(cert_secret_ref=CA), [], [], 'secrets "ca" not found', id="no-tls-secret"),
        pytest.param(
            image_repository(proxy_secret_ref=PROXY), [], [], "secret 'apps/proxy' not found", id="no-proxy-secret"
        ),
        pytest.param(
            image_repository(proxy_secret_ref=PROXY),
            [secret("proxy", url=b"http://proxy")],
            [],
            "secret 'apps/proxy': key 'address' not found",
            id="proxy-without-address",
        ),
        pytest.param(
            image_repository(proxy_secret_ref=PROXY),
            [secret("proxy", address=b"ftp://proxy")],
            [],
            "secret 'apps/proxy': proxy URL must use one of the supported schemes (http, https, socks5), got 'ftp'",
            id="proxy-of-another-scheme",
        ),
        pytest.param(
            image_repository(cert_secret_ref=CA),
            [secret("ca", token=b"x")],
            [],
            "secret 'apps/ca' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'",
            id="tls-secret-without-tls",
        ),
        pytest.param(
            image_repository(cert_secret_ref=CA),
            [secret("ca", tls__crt=b"x")],
            [],
            "secret 'apps/ca' contains 'tls.crt' but missing 'tls.key'",
            id="certificate-without-key",
        ),
        pytest.param(
            image_repository(cert_secret_ref=CA),
            [secret("ca", tls__key=b"x")],
            [],
            "secret 'apps/ca' contains 'tls.key' but missing 'tls.crt'",
            id="key-without-certificate",
        ),
        pytest.param(
            image_repository(service_account_name="robot"),
            [],
            [],
            "serviceaccount 'apps/robot' not found",
            id="no-service-account",
        ),
        pytest.param(
            image_repository(service_account_name="robot"),
            [],
            [account("other")],
            "failed to get image pull secret for serviceaccount 'apps/robot': secret 'apps/other' not found",
            id="no-pull-secret-of-the-service-account",
        ),
        pytest.param(
            image_repository(secret_ref=PULL),
            [secret("pull", type="kubernetes.io/dockerconfigjson", __dockerconfigjson=b"{")],
            [],
            "secret 'apps/pull': '.dockerconfigjson' is not a Docker configuration in JSON",
            id="pull-secret-that-is-no-json",
        ),
        pytest.param(
            image_repository(provider="aws", service_account_name="robot"),
            [],
            [],
            "provider 'aws' is not supported here",
            id="cloud-provider-without-a-way-into-clouds",
        ),
    ],
)
async def test_what_is_missing_is_named(
    repository: ImageRepository, secrets: list[Secret], accounts: list[ServiceAccount], text: str
) -> None:
    with pytest.raises(AccessFailed) as error:
        await read(repository, FakeKube(secrets=secrets, serviceaccounts=accounts))
    assert str(error.value) == text


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param("get secrets apps/proxy", id="proxy"),
        pytest.param("get secrets apps/ca", id="tls"),
        pytest.param("get secrets apps/pull", id="pull-secret"),
        pytest.param("get serviceaccounts apps/robot", id="service-account"),
        pytest.param("get secrets apps/other", id="pull-secret-of-the-service-account"),
    ],
)
async def test_api_that_refuses(request_: str) -> None:
    kube = FakeKube(
        secrets=[pull_secret("pull", "a"), pull_secret("other", "b"), secret("proxy", address=b"http://proxy:3128")],
        serviceaccounts=[account("other")],
    )
    kube.forbid(request_)
    repository = image_repository(
        secret_ref=PULL,
        proxy_secret_ref=PROXY,
        service_account_name="robot",
        cert_secret_ref=CA if request_.endswith("/ca") else None,
    )
    verb_and_plural, _, name = request_.rpartition(" ")
    with pytest.raises(AccessFailed) as error:
        await read(repository, kube)
    assert str(error.value) == f'"{name}" is forbidden for {verb_and_plural}'
    assert kube.requests[-1] == request_


async def test_no_repr_shows_a_secret() -> None:
    kube = FakeKube(secrets=[pull_secret("pull", "a")])
    assert "hunter2" not in repr(await read(image_repository(secret_ref=PULL), kube))


@pytest.mark.parametrize(
    ("interval", "limit", "want"),
    [
        pytest.param("10m", "", timedelta(minutes=10), id="interval-where-unset"),
        pytest.param("10m", "30s", timedelta(seconds=30), id="timeout-where-set"),
        pytest.param("10m", "5ms", timedelta(seconds=1), id="never-below-a-second"),
        pytest.param("100ms", "", timedelta(seconds=1), id="interval-never-below-a-second-either"),
        pytest.param("1h", "600m", timedelta(minutes=10), id="never-above-ten-minutes"),
        pytest.param("24h", "", timedelta(minutes=10), id="interval-never-above-ten-minutes-either"),
    ],
)
def test_request_timeout(interval: str, limit: str, want: timedelta) -> None:
    assert request_timeout(ImageRepositorySpec(image=IMAGE, interval=interval, timeout=limit)) == want
