"""How long cloud credentials are kept, for whom, and what a login that fails says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial

import pytest
import pytest_asyncio

from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, SubjectToken
from controllers.cloud.logins import CloudLogins
from controllers.cloud.proxies import pin_proxy
from controllers.net.destinations import Destinations
from testing.clock import VirtualClock

HOUR = timedelta(hours=1)
HOST = "registry.cloud.example"
ROBOT = Identity("apps", "robot", "role")


class Cloud:
    """A cloud that numbers its logins."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.lifetime = HOUR
        self.logins: list[tuple[str, str, str]] = []
        self.failure = ""

    def credential_scope(self, host: str) -> str:
        if not host.endswith("cloud.example"):
            raise LoginFailed(f"invalid registry: '{host}'")
        return host.removeprefix("a-mirror-of.")

    def audience(self, identity: Identity) -> str:
        return f"audience of {identity.name}"

    def login(self, host: str, subject: SubjectToken | None, *, proxy: str) -> Login[str]:
        if self.failure:
            raise LoginFailed(self.failure)
        self.logins.append((host, subject.token if subject else "the process", proxy))
        return Login(f"password-{len(self.logins)}", self.clock.now() + self.lifetime)


class LoginsHarness:
    def __init__(
        self, max_size: int = 100, max_age: timedelta = 24 * HOUR, destinations: Destinations | None = None
    ) -> None:
        self.clock = VirtualClock()
        self.cloud = Cloud(self.clock)
        pin = partial(pin_proxy, destinations=destinations) if destinations else str
        self.logins = CloudLogins(self.clock, {"cloud": self.cloud}, pin_proxy=pin, max_size=max_size, max_age=max_age)
        self.audiences: list[str] = []

    async def password(self, identity: Identity | None = None, *, host: str = HOST, proxy: str = "") -> str:
        async def token(audience: str) -> str:
            self.audiences.append(audience)
            return f"token of {identity.name if identity else ''}"

        return await self.logins.credentials("cloud", host, identity, proxy=proxy, kubernetes_token=token)

    def pass_by(self, time: timedelta) -> None:
        self.clock.skip(time.total_seconds())


@pytest_asyncio.fixture
async def harnesses() -> AsyncIterator[Callable[..., LoginsHarness]]:
    made: list[LoginsHarness] = []

    def make(**options: object) -> LoginsHarness:
        made.append(LoginsHarness(**options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for harness in made:
        await harness.logins.aclose()


async def test_credentials_are_renewed_shortly_before_they_expire(harnesses: Callable[..., LoginsHarness]) -> None:
    harness = harnesses()
    assert await harness.password() == "password-1"
    harness.pass_by(timedelta(minutes=47, seconds=59))
    assert await harness.password() == "password-1"
    harness.pass_by(timedelta(seconds=1))
    assert await harness.password() == "password-2"


async def test_nothing_is_kept_longer_than_the_flag_says(harnesses: Callable[..., LoginsHarness]) -> None:
    harness = harnesses(max_age=timedelta(minutes=5))
    await harness.password()
    harness.pass_by(timedelta(minutes=5))
    assert await harness.password() == "password-2"


async def test_what_is_due_for_renewal_makes_room_first(harnesses: Callable[..., LoginsHarness]) -> None:
    harness = harnesses(max_size=2)
    for host in ("a.cloud.example", "b.cloud.example"):
        await harness.password(host=host)
    harness.pass_by(HOUR)
    await harness.password(host="c.cloud.example")
    assert (harness.logins.counts.cached, harness.logins.counts.evicted) == (1, 0)
    for host in ("d.cloud.example", "e.cloud.example"):
        await harness.password(host=host)
    assert (harness.logins.counts.cached, harness.logins.counts.evicted) == (2, 1)


async def test_a_size_of_zero_keeps_nothing(harnesses: Callable[..., LoginsHarness]) -> None:
    harness = harnesses(max_size=0)
    assert [await harness.password(), await harness.password()] == ["password-1", "password-2"]


async def test_credentials_that_have_expired_already_are_used_once_and_not_kept(
    harnesses: Callable[..., LoginsHarness],
) -> None:
    harness = harnesses()
    harness.cloud.lifetime = -HOUR
    assert [await harness.password(), await harness.password()] == ["password-1", "password-2"]


@pytest.mark.parametrize(
    ("identity", "host", "proxy"),
    [
        pytest.param(None, HOST, "", id="the-process"),
        pytest.param(Identity("other", "robot", "role"), HOST, "", id="another-namespace"),
        pytest.param(Identity("apps", "other", "role"), HOST, "", id="another-account"),
        pytest.param(Identity("apps", "robot", "other"), HOST, "", id="another-role"),
        pytest.param(Identity("apps", "robot", "role", "pool"), HOST, "", id="another-pool"),
        pytest.param(ROBOT, "other.cloud.example", "", id="another-registry"),
        pytest.param(ROBOT, HOST, "http://proxy", id="another-proxy"),
    ],
)
async def test_nobody_gets_what_was_for_another(
    harnesses: Callable[..., LoginsHarness], identity: Identity | None, host: str, proxy: str
) -> None:
    harness = harnesses()
    assert await harness.password(ROBOT) == "password-1"
    assert await harness.password(identity, host=host, proxy=proxy) == "password-2"
    assert await harness.password(ROBOT) == "password-1"


async def test_an_identity_proves_itself_with_a_token_for_the_cloud(harnesses: Callable[..., LoginsHarness]) -> None:
    harness = harnesses()
    await harness.password(ROBOT, proxy="http://proxy")
    assert harness.audiences == ["audience of apps/robot"]
    assert harness.cloud.logins == [(HOST, "token of apps/robot", "http://proxy")]


async def test_who_asks_at_the_same_time_shares_a_login(harnesses: Callable[..., LoginsHarness]) -> None:
    harness = harnesses()
    assert set(await asyncio.gather(*(harness.password() for _ in range(50)))) == {"password-1"}


@pytest.mark.parametrize(
    ("identity", "whom"),
    [
        pytest.param(None, "the controller", id="process"),
        pytest.param(ROBOT, "service account 'apps/robot' as 'role'", id="service-account"),
        pytest.param(Identity("apps", "robot", ""), "service account 'apps/robot'", id="without-a-role"),
    ],
)
async def test_a_failed_login_says_for_whom_and_is_tried_again(
    harnesses: Callable[..., LoginsHarness], identity: Identity | None, whom: str
) -> None:
    harness = harnesses()
    harness.cloud.failure = "AccessDenied"
    with pytest.raises(LoginFailed) as error:
        await harness.password(identity)
    assert str(error.value) == f"failed to create provider access token for {whom}: AccessDenied"
    harness.cloud.failure = ""
    assert await harness.password(identity) == "password-1"


async def test_a_host_of_nobody_is_refused_before_anything_is_asked(harnesses: Callable[..., LoginsHarness]) -> None:
    harness = harnesses()
    with pytest.raises(LoginFailed, match=r"^invalid registry: 'evil.example'$"):
        await harness.password(ROBOT, host="evil.example")
    assert (harness.audiences, harness.cloud.logins) == ([], [])
    with pytest.raises(LoginFailed, match=r"^provider 'moon' is not supported$"):
        harness.logins.credential_scope("moon", HOST)


async def test_addresses_of_one_scope_share_a_login(harnesses: Callable[..., LoginsHarness]) -> None:
    harness = harnesses()
    assert await harness.password(ROBOT) == await harness.password(ROBOT, host=f"a-mirror-of.{HOST}")
    assert harness.cloud.logins == [(HOST, "token of apps/robot", "")]


async def test_a_proxy_where_none_may_be_is_not_handed_to_the_sdk(harnesses: Callable[..., LoginsHarness]) -> None:
    harness = harnesses(destinations=Destinations())
    await harness.password(proxy="http://me:hush@192.0.2.1:3128")
    assert harness.cloud.logins.pop() == (HOST, "the process", "http://me:hush@192.0.2.1:3128")
    with pytest.raises(LoginFailed) as error:
        await harness.password(proxy="http://me:hush@169.254.169.254:80")
    assert str(error.value) == (
        "failed to create provider access token for the controller: proxy http://169.254.169.254:80: 169.254.169.254 "
        "is refused, because it is link-local; if that is meant, allow it with --allowed-networks"
    )
    assert harness.cloud.logins == []
