"""`controllers.imageaccess.reader`: as whom it logs in to a cloud's registry, and what each obstacle is called."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from api.core import ServiceAccount
from api.imagerepository import ImageRepository
from api.meta import LocalObjectReference, ObjectMeta
from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, SubjectToken
from controllers.cloud.logins import CloudLogins
from controllers.cloudaccess.access import GATE_DISABLED_MESSAGE, CloudAccess
from controllers.image.reference import parse_image
from controllers.imageaccess.errors import AccessFailed, GateDisabled
from controllers.imageaccess.reader import AccessReader
from controllers.registry.access import Access
from controllers.registry.dockerconfig import Credentials
from testing.builders import image_repository, secret
from testing.clock import START, VirtualClock
from testing.kube import FakeKube

HOUR = timedelta(hours=1)
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
ROLE = "arn:aws:iam::123456789012:role/scanner"
ANNOTATIONS = {"eks.amazonaws.com/role-arn": ROLE}
TOKEN = "create token of serviceaccounts apps/robot"
GET = "get serviceaccounts apps/robot"


class Aws:
    """A cloud whose credentials name who logged in."""

    def __init__(self) -> None:
        self.logins: list[tuple[str, SubjectToken | None, str]] = []

    def credential_scope(self, host: str) -> str:
        if not host.endswith(".amazonaws.com"):
            raise LoginFailed(f"invalid AWS registry: '{host}'. must match x")
        return host

    def audience(self, identity: Identity) -> str:
        return "sts.amazonaws.com"

    def login(self, host: str, subject: SubjectToken | None, *, proxy: str) -> Login[Credentials]:
        self.logins.append((host, subject, proxy))
        return Login(Credentials("AWS", subject.identity.name if subject else "process"), START + HOUR)


class CloudReaderHarness:
    def __init__(self, *, gate: bool = True, default: str = "", accounts: tuple[str, ...] = ("robot",)) -> None:
        self.aws = Aws()
        self.kube = FakeKube(
            serviceaccounts=[
                ServiceAccount(metadata=ObjectMeta(name=name, namespace="apps", annotations=ANNOTATIONS))
                for name in accounts
            ],
            secrets=[secret("proxy", address=b"http://proxy:3128")],
        )
        self.asked: list[Any] = []
        self.kube.answers["token"] = self.token
        self.logins = CloudLogins(VirtualClock(), {"aws": self.aws}, pin_proxy=str, max_size=10, max_age=HOUR)
        clouds = CloudAccess(self.kube, self.logins, object_level=gate, default_service_account=default)
        self.reader = AccessReader(self.kube, clouds=clouds)

    def token(self, body: Any) -> Any:
        self.asked.append(body["spec"])
        return {"status": {"token": "proof", "expirationTimestamp": "2030-01-01T00:00:00Z"}}

    async def read(self, **spec: Any) -> Access:
        repository = self.repository(**spec)
        return await self.reader.read(repository, parse_image(repository.spec.image))

    def repository(self, **spec: Any) -> ImageRepository:
        return image_repository(**{"provider": "aws", "image": f"{ECR}/app", **spec})

    async def fails(self, **spec: Any) -> str:
        with pytest.raises(AccessFailed) as error:
            await self.read(**spec)
        return str(error.value)


@pytest_asyncio.fixture
async def harness() -> AsyncIterator[CloudReaderHarness]:
    harness = CloudReaderHarness()
    yield harness
    await harness.logins.aclose()


async def test_without_a_service_account_the_process_logs_in(harness: CloudReaderHarness) -> None:
    assert (await harness.read()).credentials == Credentials("AWS", "process")
    assert harness.kube.requests == []
    assert harness.aws.logins == [(ECR, None, "")]


async def test_a_service_account_logs_in_with_a_token_of_its_own(harness: CloudReaderHarness) -> None:
    assert (await harness.read(service_account_name="robot")).credentials == Credentials("AWS", "apps/robot")
    assert harness.kube.requests == [GET, TOKEN]
    assert harness.asked == [{"audiences": ["sts.amazonaws.com"], "expirationSeconds": 600}]
    assert harness.aws.logins == [(ECR, SubjectToken(Identity("apps", "robot", ROLE), "proof"), "")]


async def test_the_next_scan_costs_no_login(harness: CloudReaderHarness) -> None:
    await harness.read(service_account_name="robot")
    harness.kube.requests.clear()
    assert (await harness.read(service_account_name="robot")).credentials == Credentials("AWS", "apps/robot")
    assert harness.kube.requests == [GET]
    assert len(harness.aws.logins) == 1


async def test_pull_secrets_do_not_count_with_a_cloud_and_the_proxy_does(harness: CloudReaderHarness) -> None:
    await harness.read(
        secret_ref=LocalObjectReference(name="pull"), proxy_secret_ref=LocalObjectReference(name="proxy")
    )
    assert harness.kube.requests == ["get secrets apps/proxy"]
    assert harness.aws.logins == [(ECR, None, "http://proxy:3128")]


async def test_a_default_service_account_stands_in(harness: CloudReaderHarness) -> None:
    locked = CloudReaderHarness(default="robot")
    assert (await locked.read()).credentials == Credentials("AWS", "apps/robot")
    await locked.logins.aclose()


async def test_a_missing_default_service_account_says_whom_to_ask() -> None:
    locked = CloudReaderHarness(default="tenant", accounts=())
    assert await locked.fails() == (
        "failed to get service account 'apps/tenant': the specified default service account does not exist in the "
        "object namespace. your cluster is subject to multi-tenant workload identity lockdown, reach out to your "
        "cluster administrator for help"
    )
    await locked.logins.aclose()


async def test_obstacles_are_named(harness: CloudReaderHarness) -> None:
    assert await harness.fails(service_account_name="other") == (
        "failed to get service account 'apps/other': serviceaccounts \"other\" not found"
    )
    harness.kube.forbid(TOKEN)
    assert await harness.fails(service_account_name="robot") == (
        "failed to create kubernetes token for service account 'apps/robot': "
        '"apps/robot" is forbidden for create token of serviceaccounts: '
        "the controller may not act for ServiceAccounts: install the component workload-identity, which gives it the "
        "right"
    )
    assert await harness.fails(image="ghcr.io/org/app") == "invalid AWS registry: 'ghcr.io'. must match x"
    assert await harness.fails(provider="moon") == "provider 'moon' is not supported"
    assert harness.aws.logins == []


@pytest.mark.parametrize("provider", ["aws", "azure", "gcp", ""])
async def test_without_the_gate_no_service_account_is_a_cloud_identity(provider: str) -> None:
    closed = CloudReaderHarness(gate=False)
    with pytest.raises(GateDisabled) as error:
        closed.reader.check_gate(closed.repository(provider=provider, service_account_name="robot"))
    assert str(error.value) == GATE_DISABLED_MESSAGE
    closed.reader.check_gate(closed.repository(provider="generic", service_account_name="robot"))
    closed.reader.check_gate(closed.repository(provider=provider))
    await closed.logins.aclose()


async def test_a_token_is_never_asked_for_while_the_gate_is_closed() -> None:
    closed = CloudReaderHarness(gate=False)
    assert await closed.fails(service_account_name="robot") == GATE_DISABLED_MESSAGE
    assert closed.kube.requests == []
    await closed.logins.aclose()


PREFIX = "credential.auth.fluxcd.io/"
OPT_IN = {f"{PREFIX}provider": "kubernetes", f"{PREFIX}type": "jwt"}
ON_MY_OWN = {"provider": "generic", "image": "registry.example/team/app", "service_account_name": "robot"}


def opt_in(harness: CloudReaderHarness, *, pull_secrets: tuple[str, ...] = (), **more: str) -> None:
    annotations = OPT_IN | {PREFIX + key: value for key, value in more.items()}
    account = ServiceAccount(
        metadata=ObjectMeta(name="robot", namespace="apps", annotations=annotations),
        image_pull_secrets=tuple(LocalObjectReference(name=name) for name in pull_secrets),
    )
    harness.kube.put("serviceaccounts", account)


async def test_a_registry_without_a_cloud_gets_the_token_of_an_account_that_opts_in(
    harness: CloudReaderHarness,
) -> None:
    opt_in(harness)
    for _ in range(2):
        access = await harness.read(**ON_MY_OWN)
        assert access.credentials == Credentials(registry_token="proof")
        assert "proof" not in repr(access)
    assert harness.kube.requests == [GET, TOKEN, GET], "the second scan needs no new token"
    assert harness.asked == [{"audiences": ["registry.example"], "expirationSeconds": 600}]


async def test_annotations_say_how_the_token_is_issued_and_sent(harness: CloudReaderHarness) -> None:
    opt_in(harness, audiences="one,two", username="robot", expiration="1h")
    assert (await harness.read(**ON_MY_OWN)).credentials == Credentials("robot", "proof")
    assert harness.asked == [{"audiences": ["one", "two"], "expirationSeconds": 3600}]
    opt_in(harness, username="other")
    assert (await harness.read(**ON_MY_OWN)).credentials == Credentials("other", "proof")
    assert harness.asked[1:] == [{"audiences": ["registry.example"], "expirationSeconds": 600}]


async def test_a_token_and_pull_secrets_exclude_each_other(harness: CloudReaderHarness) -> None:
    opt_in(harness, pull_secrets=("pull",))
    assert await harness.fails(**ON_MY_OWN) == (
        "serviceaccount 'apps/robot': the annotation credential.auth.fluxcd.io/provider cannot be combined with "
        "imagePullSecrets"
    )
    opt_in(harness)
    harness.kube.put("secrets", secret("pull"))
    refused = await harness.fails(**ON_MY_OWN, secret_ref=LocalObjectReference(name="pull"))
    assert refused.endswith("cannot be combined with spec.secretRef")
    opt_in(harness, provider="spiffe")
    assert "does not support" in await harness.fails(**ON_MY_OWN)
    assert harness.asked == []


async def test_a_cloud_has_no_use_for_an_account_whose_tokens_come_from_elsewhere(harness: CloudReaderHarness) -> None:
    annotations = ANNOTATIONS | OPT_IN | {f"{PREFIX}provider": "spiffe"}
    account = ServiceAccount(metadata=ObjectMeta(name="robot", namespace="apps", annotations=annotations))
    harness.kube.put("serviceaccounts", account)
    assert "which tagline does not support" in await harness.fails(service_account_name="robot")
    annotations = ANNOTATIONS | {f"{PREFIX}expiration": "30m"}
    account = ServiceAccount(metadata=ObjectMeta(name="robot", namespace="apps", annotations=annotations))
    harness.kube.put("serviceaccounts", account)
    await harness.read(service_account_name="robot")
    assert harness.asked == [{"audiences": ["sts.amazonaws.com"], "expirationSeconds": 1800}]


async def test_without_the_gate_no_registry_gets_a_token() -> None:
    closed = CloudReaderHarness(gate=False)
    opt_in(closed)
    with pytest.raises(GateDisabled):
        await closed.read(**ON_MY_OWN)
    assert closed.asked == []
    await closed.logins.aclose()
