"""Whose credentials an object gets: the process's, a ServiceAccount's, the default one's; and what each may lack."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from api.core import ServiceAccount
from api.meta import ObjectMeta
from controllers.cloud.errors import LoginFailed, ServiceAccountFailed
from controllers.cloud.identity import Identity, Login, SubjectToken
from controllers.cloud.logins import CloudLogins
from controllers.cloudaccess.access import CloudAccess
from testing.clock import START, VirtualClock
from testing.kube import FakeKube

HOUR = timedelta(hours=1)
ROLE = "arn:aws:iam::123456789012:role/bot"
TOKEN = "create token of serviceaccounts apps/robot"


class Cloud:
    """Gives everybody a name tag."""

    def credential_scope(self, address: str) -> str:
        if address != "here":
            raise LoginFailed(f"'{address}' is not ours")
        return address

    def audience(self, identity: Identity) -> str:
        return "the cloud"

    def login(self, credential_scope: str, subject: SubjectToken | None, *, proxy: str) -> Login[str]:
        who = f"{subject.identity.name} as {subject.identity.role}" if subject else "the process"
        return Login(f"{who}{proxy and f' by {proxy}'}", START + HOUR)


class AccessHarness:
    def __init__(self) -> None:
        annotations = {"eks.amazonaws.com/role-arn": ROLE}
        account = ServiceAccount(metadata=ObjectMeta(name="robot", namespace="apps", annotations=annotations))
        plain = ServiceAccount(metadata=ObjectMeta(name="plain", namespace="apps"))
        self.kube = FakeKube(serviceaccounts=[account, plain])
        self.kube.answers["token"] = lambda _: {"status": {"token": "proof"}}
        self.logins = CloudLogins(VirtualClock(), {"aws": Cloud()}, pin_proxy=str, max_size=10, max_age=HOUR)

    def access(self, *, gate: bool = True, default: str = "") -> CloudAccess[str]:
        return CloudAccess(self.kube, self.logins, object_level=gate, default_service_account=default)

    async def who(
        self, account: str = "", *, credential_scope: str = "here", proxy: str = "", default: str = ""
    ) -> str:
        access = self.access(default=default)
        granted = await access.login("aws", credential_scope, namespace="apps", service_account=account, proxy=proxy)
        assert granted.credentials.startswith(granted.identity.name if granted.identity else "the process")
        return granted.credentials


@pytest_asyncio.fixture
async def harness() -> AsyncIterator[AccessHarness]:
    harness = AccessHarness()
    yield harness
    await harness.logins.aclose()


async def test_credentials_are_those_of_the_account_that_is_meant(harness: AccessHarness) -> None:
    assert await harness.who() == "the process"
    assert harness.kube.requests == []
    assert await harness.who("robot", proxy="http://proxy") == f"apps/robot as {ROLE} by http://proxy"
    assert await harness.who(default="robot") == f"apps/robot as {ROLE}"


@pytest.mark.parametrize(
    ("gate", "account", "allowed"),
    [
        pytest.param(True, "robot", True, id="on"),
        pytest.param(False, "robot", False, id="off"),
        pytest.param(False, "", True, id="off-and-not-needed"),
    ],
)
async def test_the_gate_is_for_accounts_that_objects_name(
    harness: AccessHarness, gate: bool, account: str, allowed: bool
) -> None:
    assert harness.access(gate=gate).allows(account) is allowed


async def test_an_address_outside_the_cloud_is_refused_before_any_request(harness: AccessHarness) -> None:
    with pytest.raises(LoginFailed, match=r"^'there' is not ours$"):
        await harness.who("robot", credential_scope="there")
    assert harness.kube.requests == []


async def test_what_an_account_lacks_is_reported(harness: AccessHarness) -> None:
    with pytest.raises(
        ServiceAccountFailed, match=r"^failed to get service account 'apps/none': serviceaccounts \"none\""
    ):
        await harness.who("none")
    with pytest.raises(LoginFailed, match=r"from service account 'apps/plain' annotations: invalid eks.amazonaws.com/"):
        await harness.who("plain")
    harness.kube.forbid(TOKEN)
    with pytest.raises(
        ServiceAccountFailed,
        match=r"^failed to create kubernetes token for service account 'apps/robot': .*: the controller may not act "
        "for ServiceAccounts: install the component workload-identity",
    ):
        await harness.who("robot")
