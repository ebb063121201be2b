"""`controllers.imageupdateautomation`: as whom it logs in to repositories in clouds, and what is cached of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from api.core import ServiceAccount
from api.gitrepository import GitRepository
from api.meta import LocalObjectReference, ObjectMeta
from controllers.cloud.aws import AwsCredentials
from controllers.cloud.identity import Identity, SubjectToken
from controllers.git.login.codecommit import sign_url
from controllers.git.remote import Bearer, Remote
from controllers.gitaccess.source import SourceFailed, SourceInvalid, SourceReader
from controllers.net.proxy.address import Proxy
from controllers.net.tls import TlsMaterial
from controllers.runtime.key import Key
from testing.builders import NAMESPACE, automation, git_repository, secret
from testing.clock import START
from testing.fake_git import FakeClouds, FakeGit
from testing.kube import FakeKube, FakeObjects

AWS_URL = "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/fleet"
AZURE_URL = "https://dev.azure.com/acme/platform/_git/fleet"
ROLE = "arn:aws:iam::123456789012:role/bot"
ANNOTATIONS = {
    "eks.amazonaws.com/role-arn": ROLE,
    "azure.workload.identity/tenant-id": "tenant",
    "azure.workload.identity/client-id": "client",
}
TOKEN = "create token of serviceaccounts {}/bot"


class CloudSourceHarness:
    """A GitRepository `git/fleet`, and a ServiceAccount `bot` in each namespace but that one."""

    def __init__(self, *, gate: bool = True, default: str = "") -> None:
        accounts = [
            ServiceAccount(metadata=ObjectMeta(name="bot", namespace=namespace, annotations=ANNOTATIONS))
            for namespace in ("apps", "shop")
        ]
        secrets = [
            secret("login", namespace="git", ca__crt=b"PEM"),
            secret("proxy", namespace="git", address=b"http://proxy:3128", username=b"me", password=b"p@ss"),
        ]
        self.kube = FakeKube(serviceaccounts=accounts, secrets=secrets)
        self.asked: list[Any] = []
        self.kube.answers["token"] = self.token
        self.clouds = FakeClouds(self.kube, gate=gate, default=default)
        self.repository: GitRepository

    def token(self, body: Any) -> Any:
        self.asked.append(body["spec"])
        return {"status": {"token": "HUSH-proof"}}

    async def read(self, provider: str, *, of: str = "apps", **spec: Any) -> Remote:
        url = {"aws": AWS_URL, "azure": AZURE_URL}.get(provider)
        repository = git_repository(namespace="git", **{"provider": provider, "url": url, **spec})
        repositories = FakeObjects({Key("git", "fleet"): repository})
        clouds = self.clouds
        sources = SourceReader(
            self.kube,
            repositories.find,
            git=FakeGit(),
            clouds=clouds.access,
            now=clouds.clock.now,
            cross_namespace=True,
        )
        return (await sources.read(automation(namespace=of, source_namespace="git"))).remote


@pytest_asyncio.fixture
async def new_harness() -> AsyncIterator[Any]:
    made: list[CloudSourceHarness] = []

    def make(**options: Any) -> CloudSourceHarness:
        made.append(CloudSourceHarness(**options))
        return made[-1]

    yield make
    for harness in made:
        await harness.clouds.logins.aclose()


@pytest.fixture
def harness(new_harness: Any) -> CloudSourceHarness:
    return new_harness()  # type: ignore[no-any-return]


async def test_the_process_logs_in_where_nobody_is_named(harness: CloudSourceHarness) -> None:
    aws, azure = await harness.read("aws"), await harness.read("azure")
    presented = sign_url(AWS_URL, AwsCredentials("ASIA", "HUSH-1", "HUSH"), now=START)
    assert aws == Remote(AWS_URL, credentials=presented, principal="aws", tenant=NAMESPACE)
    assert azure == Remote(AZURE_URL, credentials=Bearer("HUSH-1"), principal="azure", tenant=NAMESPACE)
    assert harness.kube.requests == []


async def test_a_service_account_of_the_automations_namespace_logs_in(harness: CloudSourceHarness) -> None:
    aws = await harness.read("aws", service_account_name="bot")
    azure = await harness.read("azure", service_account_name="bot")
    assert aws.credentials == sign_url(AWS_URL, AwsCredentials("ASIA", "HUSH-1", "HUSH"), now=START)
    assert azure.credentials == Bearer("HUSH-1")
    assert (aws.principal, azure.principal) == (f"aws/apps/bot/{ROLE}", "azure/apps/bot/tenant/client")
    assert harness.kube.requests == ["get serviceaccounts apps/bot", TOKEN.format("apps")] * 2
    assert [asked["audiences"] for asked in harness.asked] == [
        ["audience of amazonaws.com"],
        ["audience of dev.azure.com"],
    ]
    assert harness.clouds.aws.logins == [(SubjectToken(Identity("apps", "bot", ROLE), "HUSH-proof"), "")]
    assert harness.clouds.azure.logins == [(SubjectToken(Identity("apps", "bot", "tenant/client"), "HUSH-proof"), "")]


@pytest.mark.parametrize("provider", ["aws", "azure"])
async def test_runs_share_a_login_and_tenants_do_not(harness: CloudSourceHarness, provider: str) -> None:
    def read(of: str) -> Any:
        return harness.read(provider, of=of, service_account_name="bot")

    remotes = await asyncio.gather(*(read(of) for of in ("apps", "shop", "apps", "shop", "apps")))
    ours, theirs = {remotes[n] for n in (0, 2, 4)}, {remotes[n] for n in (1, 3)}
    assert (len(ours), len(theirs), len(ours | theirs)) == (1, 1, 2)
    assert len({remote.principal for remote in ours | theirs}) == 2
    logins = (harness.clouds.aws if provider == "aws" else harness.clouds.azure).logins
    assert sorted(subject.identity.namespace for subject, _ in logins if subject) == ["apps", "shop"]
    assert (await harness.read(provider)).principal == provider
    assert len(logins) == 3


async def test_another_role_is_another_principal(harness: CloudSourceHarness) -> None:
    before = await harness.read("aws", service_account_name="bot")
    annotations = {"eks.amazonaws.com/role-arn": f"{ROLE}-2"}
    harness.kube.put(
        "serviceaccounts", ServiceAccount(metadata=ObjectMeta(name="bot", namespace="apps", annotations=annotations))
    )
    after = await harness.read("aws", service_account_name="bot")
    assert (before.principal, after.principal) == (f"aws/apps/bot/{ROLE}", f"aws/apps/bot/{ROLE}-2")
    assert len(harness.clouds.aws.logins) == 2


async def test_keys_outlive_signatures_and_both_are_renewed_in_time(harness: CloudSourceHarness) -> None:
    presented = []
    for _ in range(12):
        presented.append((await harness.read("aws", service_account_name="bot")).credentials)
        await harness.clouds.clock.advance(timedelta(minutes=5).total_seconds())
    times = [START + timedelta(minutes=5) * n for n in range(12)]
    # A login is good for an hour, and is kept for four fifths of it.
    keys = [AwsCredentials("ASIA", f"HUSH-{1 if n < 10 else 2}", "HUSH") for n in range(12)]
    assert presented == [sign_url(AWS_URL, key, now=time) for key, time in zip(keys, times, strict=True)]


async def test_repositories_of_one_identity_share_its_keys_and_each_is_signed_for(harness: CloudSourceHarness) -> None:
    one = await harness.read("aws", service_account_name="bot")
    other = await harness.read("aws", service_account_name="bot", url=f"{AWS_URL}-2")
    assert len(harness.clouds.aws.logins) == 1
    assert one.credentials != other.credentials


async def test_the_repositorys_tls_and_proxy_count_and_its_password_does_not(harness: CloudSourceHarness) -> None:
    login, proxy = LocalObjectReference(name="login"), LocalObjectReference(name="proxy")
    remote = await harness.read("azure", secret_ref=login, proxy_secret_ref=proxy)
    assert (remote.tls, remote.proxy) == (TlsMaterial(ca=b"PEM"), Proxy("http://proxy:3128", "me", "p@ss"))
    assert remote.credentials == Bearer("HUSH-1")
    assert harness.clouds.azure.logins == [(None, "http://me:p%40ss@proxy:3128")]


async def test_a_login_in_the_url_gives_way_to_the_clouds(harness: CloudSourceHarness) -> None:
    remote = await harness.read("azure", url=AZURE_URL.replace("https://", "https://acme:HUSH@"))
    assert remote == Remote(AZURE_URL, credentials=Bearer("HUSH-1"), principal="azure", tenant=NAMESPACE)


async def test_a_default_service_account_stands_in(new_harness: Any) -> None:
    locked = new_harness(default="bot")
    assert (await locked.read("aws", of="shop")).principal == f"aws/shop/bot/{ROLE}"
    with pytest.raises(SourceFailed, match="your cluster is subject to multi-tenant workload identity lockdown"):
        await locked.read("aws", of="empty")
    assert [subject and subject.identity.namespace for subject, _ in locked.clouds.aws.logins] == ["shop"]


@pytest.mark.parametrize("provider", ["aws", "azure"])
async def test_without_the_gate_no_token_is_asked_for(new_harness: Any, provider: str) -> None:
    closed = new_harness(gate=False)
    with pytest.raises(SourceInvalid) as error:
        await closed.read(provider, service_account_name="bot")
    assert error.value.reason == "FeatureGateDisabled"
    assert str(error.value) == (
        "to use spec.serviceAccountName for provider authentication please enable the ObjectLevelWorkloadIdentity "
        "feature gate in the controller, which --feature-gates=ObjectLevelWorkloadIdentity=false has switched off"
    )
    assert closed.kube.requests == []
    assert (await closed.read(provider)).principal == provider


async def test_what_is_missing_is_named_and_nothing_secret_is(harness: CloudSourceHarness) -> None:
    async def fails(**spec: Any) -> str:
        with pytest.raises(SourceFailed) as error:
            await harness.read("aws", **{"service_account_name": "bot", **spec})
        assert "HUSH" not in str(error.value)
        return str(error.value).removeprefix("failed to configure authentication options: ")

    assert await fails(of="empty") == ("failed to get service account 'empty/bot': serviceaccounts \"bot\" not found")
    harness.kube.put("serviceaccounts", ServiceAccount(metadata=ObjectMeta(name="plain", namespace="apps")))
    assert await fails(service_account_name="plain") == (
        "failed to get provider identity from service account 'apps/plain' annotations: "
        r"invalid eks.amazonaws.com/role-arn annotation: ''. must match ^arn:aws[\w-]*:iam::[0-9]{1,30}:role/.{1,200}$"
    )
    harness.kube.forbid(TOKEN.format("apps"))
    assert await fails() == (
        "failed to create kubernetes token for service account 'apps/bot': "
        '"apps/bot" is forbidden for create token of serviceaccounts: '
        "the controller may not act for ServiceAccounts: install the component workload-identity, which gives it the "
        "right"
    )
    assert await fails(url="https://git.example/fleet") == "'https://git.example/fleet' is not at amazonaws.com"
    assert harness.clouds.aws.logins == []
    assert "HUSH" not in repr(await harness.read("aws", service_account_name="bot"))
