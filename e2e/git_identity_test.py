"""`controllers.imageupdateautomation`: logins to Git in clouds as ServiceAccounts of tenants.

Tokens are issued and judged by the real API server. The clouds are stand-ins under their real names.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.credentials import Credentials  # type: ignore[import-untyped]

from e2e.cloud_servers import CODECOMMIT, DEVOPS, HOSTS, CloudServers, reviewer
from e2e.cluster import Space
from e2e.conftest import FLAGS, Parts
from e2e.fleet import Fleet
from e2e.git_fixtures import move_to, start, wait_image
from e2e.objects import automation
from hack.controllers import ROOT, Controllers, allow_workload_identity
from testing.gitserver import BareRepository

KIND = "imageupdateautomation"
PROCESS, OWN_KEY = "the process", "AKIAPROCESS"
LOCAL_PROXIES = "--allowed-networks=127.0.0.0/8"
"""The tunnel to the stand-ins is on this machine, where a tenant's proxy must not be."""
PROVIDERS = pytest.mark.parametrize("provider", ["aws", "azure"])


@dataclass(frozen=True, slots=True)
class CloudRepository:
    """A repository in a cloud, and who may use it."""

    provider: str
    url: str
    path: str
    owner: str
    """Role, or tenant/client."""
    annotations: dict[str, str]


def place(provider: str, name: str) -> CloudRepository:
    """Create a repository that only the identity of that name may open."""
    if provider == "aws":
        path, owner = f"/v1/repos/{name}", f"arn:aws:iam::123456789012:role/{name}"
        return CloudRepository(
            provider, f"https://{CODECOMMIT}{path}", path, owner, {"eks.amazonaws.com/role-arn": owner}
        )
    path, annotation = f"/acme/{name}/_git/fleet", "azure.workload.identity"
    annotations = {f"{annotation}/tenant-id": "tenant", f"{annotation}/client-id": name}
    return CloudRepository(provider, f"https://{DEVOPS}{path}", path, f"tenant/{name}", annotations)


@PROVIDERS
def test_without_the_right_the_component_is_named_that_gives_it(fleet: Fleet, provider: str) -> None:
    where = place(provider, "fleet")
    rights = ROOT / "manifests" / "components" / "workload-identity" / "rbac.yaml"
    fleet.space.kubectl("delete", "-f", str(rights), "--ignore-not-found")  # other tests have installed it
    account(fleet.space, where)
    move_to(fleet, where.url, provider=provider, serviceAccountName="bot")
    automation(fleet.space, "fleet", source="fleet")
    fleet.space.wait_not_ready(
        "ImageUpdateAutomation",
        "fleet",
        reason="SourceManagerFailed",
        message="install the component workload-identity",
    )


@pytest.fixture(scope="module")
def clouds(cluster: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudServers]:
    with CloudServers(reviewer(cluster.kubectl), tmp_path_factory.mktemp("clouds")) as standing:
        yield standing


@pytest.fixture(scope="module")
def process_with_rights(
    cluster: Parts, controllers: Controllers | None, clouds: CloudServers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Replace the session's process by one that may act for ServiceAccounts and trusts the clouds; yield its log."""
    if controllers is None:
        pytest.skip("the controllers run in the cluster: they do not reach servers on this machine's loopback")
    allow_workload_identity(cluster.kubectl)
    controllers.stop(KIND)
    variables = {
        "AWS_CA_BUNDLE": str(clouds.ca),
        "REQUESTS_CA_BUNDLE": str(clouds.ca),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": OWN_KEY,
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
    }
    clouds.issued[OWN_KEY] = PROCESS, Credentials(OWN_KEY, variables["AWS_SECRET_ACCESS_KEY"])
    ours = Controllers(
        tmp_path_factory.mktemp("process_with_rights"),
        controllers.kubeconfigs,
        (*FLAGS, LOCAL_PROXIES),
        variables=variables,
    )
    try:
        ours.start(KIND)
        yield ours.log(KIND)
    finally:
        ours.stop()
        controllers.start(KIND)


def account(space: Space, where: CloudRepository, *, trusted: CloudServers | None = None) -> None:
    """Create a ServiceAccount `bot` with the annotations of an identity, which trusts it where `trusted` is given."""
    space.apply("ServiceAccount", "bot")
    annotations = [f"{key}={value}" for key, value in where.annotations.items()]
    space.kubectl("annotate", "--overwrite", "serviceaccount", "bot", "-n", space.name, *annotations)
    if trusted:
        trusted.trust[where.owner] = f"system:serviceaccount:{space.name}:bot"


def move_to_cloud(
    fleet: Fleet, clouds: CloudServers, where: CloudRepository, *, opened_by: str = "", account: str | None = "bot"
) -> BareRepository:
    """Create the repository and a GitRepository that reaches it through a proxy as the account of that name."""
    repository = clouds.repository(where.path, opened_by=opened_by or where.owner)
    start(repository, fleet)
    fleet.space.apply("Secret", "proxy", stringData={"address": clouds.tunnel.url})
    move_to(
        fleet,
        where.url,
        secret={"ca.crt": clouds.authority.certificate_pem().decode()},
        provider=where.provider,
        serviceAccountName=account,
        proxySecretRef={"name": "proxy"},
    )
    return repository


@PROVIDERS
def test_a_service_account_opens_its_repository(
    fleet: Fleet, clouds: CloudServers, process_with_rights: Path, provider: str
) -> None:
    where = place(provider, fleet.space.name)
    account(fleet.space, where, trusted=clouds)
    repository = move_to_cloud(fleet, clouds, where)
    automation(fleet.space, "fleet", source="fleet")
    wait_image(repository, fleet, "1.0.1")
    fleet.push_tag("1.0.2")
    wait_image(repository, fleet, "1.0.2")
    head = repository.head()
    found = fleet.space.wait(
        "ImageUpdateAutomation",
        "fleet",
        lambda o: o["status"].get("lastPushCommit") == head,
        what="the commit in the status",
    )
    assert clouds.logins.count(where.owner) == 1  # one login for both commits
    assert {asked.removeprefix("CONNECT ").partition(":")[0] for asked in clouds.tunnel.asked} <= set(HOSTS)
    published = process_with_rights.read_text() + json.dumps(
        [found, *fleet.space.events("ImageUpdateAutomation", "fleet")]
    )
    assert clouds.secrets
    assert [secret for secret in clouds.secrets if secret in published] == []


def test_the_process_opens_what_its_own_keys_open(
    fleet: Fleet, clouds: CloudServers, process_with_rights: Path
) -> None:
    before = len(clouds.logins)
    where = place("aws", fleet.space.name)
    repository = move_to_cloud(fleet, clouds, where, opened_by=PROCESS, account=None)
    automation(fleet.space, "fleet", source="fleet")
    wait_image(repository, fleet, "1.0.1")
    assert len(clouds.logins) == before


@PROVIDERS
def test_an_identity_that_does_not_trust_the_account_is_closed_to_it(
    fleet: Fleet, clouds: CloudServers, process_with_rights: Path, provider: str
) -> None:
    """Somebody annotates a ServiceAccount with the identity of another tenant."""
    where = place(provider, f"{fleet.space.name}-theirs")
    clouds.trust[where.owner] = "system:serviceaccount:theirs:bot"
    account(fleet.space, where)
    move_to_cloud(fleet, clouds, where)
    automation(fleet.space, "fleet", source="fleet")
    denied = {"aws": "AccessDenied", "azure": "AADSTS70021"}[provider]
    found = fleet.space.wait_not_ready(
        "ImageUpdateAutomation",
        "fleet",
        reason="SourceManagerFailed",
        message=f"service account '{fleet.space.name}/bot' as '{where.owner}': .*{denied}",
    )
    assert not [secret for secret in clouds.presented_tokens if secret in json.dumps(found)]


def test_a_service_account_is_not_let_in_by_the_keys_of_the_process(
    fleet: Fleet, clouds: CloudServers, process_with_rights: Path
) -> None:
    where = place("aws", fleet.space.name)
    account(fleet.space, where, trusted=clouds)
    move_to_cloud(fleet, clouds, where, opened_by=PROCESS)
    automation(fleet.space, "fleet", source="fleet")
    fleet.space.wait_not_ready(
        "ImageUpdateAutomation", "fleet", reason="GitOperationFailed", message="authorization failed: not yours"
    )


@PROVIDERS
def test_an_account_opens_no_repository_but_its_own(
    fleet: Fleet, clouds: CloudServers, process_with_rights: Path, provider: str
) -> None:
    own, other = (place(provider, f"{fleet.space.name}-{name}") for name in ("own", "other"))
    account(fleet.space, own, trusted=clouds)
    move_to_cloud(fleet, clouds, other)
    automation(fleet.space, "fleet", source="fleet")
    fleet.space.wait_not_ready(
        "ImageUpdateAutomation", "fleet", reason="GitOperationFailed", message="authorization failed: not yours"
    )


def test_an_account_without_the_annotation_is_named(
    fleet: Fleet, clouds: CloudServers, process_with_rights: Path
) -> None:
    move_to_cloud(fleet, clouds, place("aws", f"{fleet.space.name}-bare"))
    automation(fleet.space, "fleet", source="fleet")
    fleet.space.wait_not_ready(
        "ImageUpdateAutomation", "fleet", reason="SourceManagerFailed", message='serviceaccounts "bot" not found'
    )
    fleet.space.apply("ServiceAccount", "bot")
    fleet.space.request("ImageUpdateAutomation", "fleet")
    fleet.space.wait_not_ready(
        "ImageUpdateAutomation",
        "fleet",
        reason="SourceManagerFailed",
        message=f"from service account '{fleet.space.name}/bot' annotations: invalid eks.amazonaws.com/role-arn",
    )


def test_a_url_of_somebody_else_gets_nothing(fleet: Fleet, clouds: CloudServers, process_with_rights: Path) -> None:
    before = len(clouds.presented_tokens)
    account(fleet.space, place("azure", "anybody"))
    move_to(fleet, f"https://{CODECOMMIT}/v1/repos/x", provider="azure", serviceAccountName="bot")
    automation(fleet.space, "fleet", source="fleet")
    fleet.space.wait_not_ready(
        "ImageUpdateAutomation", "fleet", reason="SourceManagerFailed", message="must be like https://dev.azure.com/"
    )
    assert len(clouds.presented_tokens) == before
