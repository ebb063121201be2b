"""`controllers`: `kill -9` at random moments of both journeys; nothing is lost, nothing is done twice.

The moments come from a seed that is printed; `E2E_KILL_SEED` plays one again (as far as a machine's load allows).
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

import pytest

from api.kinds import RECONCILED
from e2e import journeys, metrics
from e2e.cluster import Space, eventually
from e2e.conftest import Parts
from e2e.interfering_proxy import InterferingProxy
from e2e.journeys import Journey
from hack.controllers import KINDS, Controllers
from hack.githost import GitHost
from hack.oci import Pusher

ROUNDS = 12
FIRST_BUILD = 1611906956
OBJECTS = tuple(kind.resource.kind for kind in RECONCILED)


@dataclass(frozen=True, slots=True)
class Strike:
    """Which processes are killed, how long after the tag's push began, and for how long they are away."""

    kinds: tuple[str, ...]
    after_seconds: float
    away_seconds: float
    queued: bool
    """The next tag is pushed without waiting for the end of this strike."""


def plan(rng: Random) -> list[Strike]:
    """Return a strike a round; each kind is killed in every third round at least, some rounds kill two or all."""
    out = []
    for number in range(ROUNDS):
        others = [kind for kind in KINDS if kind != KINDS[number % 3] and rng.random() < 0.3]
        kinds = (KINDS[number % 3], *others)
        out.append(Strike(kinds, rng.uniform(0, 0.6), rng.uniform(0, 0.4), queued=rng.random() < 0.4))
    return out


@pytest.fixture
def running(controllers: Controllers | None) -> Controllers:
    """Yield the session's controllers; they run again when the test has ended, whatever it did to them."""
    if controllers is None:
        pytest.skip("the controllers run in the cluster: their processes are not ours to kill")
    return controllers


@pytest.fixture
def private_proxy(parts: Parts) -> Iterator[InterferingProxy]:
    """Yield the private registry behind a proxy that notes the requests."""
    proxy = InterferingProxy(f"http://{parts.registry}")
    yield proxy
    proxy.close()


@pytest.fixture
def open_proxy(parts: Parts) -> Iterator[InterferingProxy]:
    """Yield the open registry behind a proxy that notes the requests."""
    proxy = InterferingProxy(f"http://{parts.open_registry}")
    yield proxy
    proxy.close()


def scans(proxy: InterferingProxy) -> int:
    """Return how often tags were listed successfully."""
    return sum("/tags/list" in line and line.endswith(" 200") for line in proxy.requests)


def build(number: int) -> str:
    return f"main-{number:07x}-{FIRST_BUILD + number}"


def strike(running: Controllers, what: Strike) -> None:
    """Kill the processes and start them again."""
    time.sleep(what.after_seconds)
    for kind in what.kinds:
        running.stop(kind, kill=True)
    time.sleep(what.away_seconds)
    running.start(*what.kinds)


def wait_idle(running: Controllers, kind: str, count: int) -> None:
    """Wait until a new process has run each of its `count` objects and has nothing left to do."""
    url = running.metrics[kind]
    eventually(
        lambda: (
            metrics.total(url, "controller_runtime_reconcile_total") >= count
            and metrics.total(url, "controller_runtime_active_workers") == 0
            and metrics.total(url, "workqueue_depth") == 0
        ),
        what=f"{kind} to have looked at its objects",
    )


def test_killed_controllers_lose_no_update_repeat_no_commit_and_scan_no_tags_before_they_are_due(
    running: Controllers,
    space: Space,
    parts: Parts,
    registry: Pusher,
    open_registry: Pusher,
    git_host: GitHost,
    private_proxy: InterferingProxy,
    open_proxy: InterferingProxy,
) -> None:
    seed = int(os.environ.get("E2E_KILL_SEED") or time.time_ns() % 1_000_000)
    print(f"E2E_KILL_SEED={seed}")
    production = journeys.production(
        space, git_host, registry, host=private_proxy.url.removeprefix("http://"), user=parts.registry_user,
        password=parts.registry_password,
    )  # fmt: skip
    staging = journeys.staging(
        space, git_host, open_registry, host=open_proxy.url.removeprefix("http://"), tag=build(0)
    )
    assert (scans(private_proxy), scans(open_proxy)) == (1, 1)
    strikes = plan(Random(seed))  # noqa: S311
    tokens = play(running, production, staging, strikes)

    # No further request: what the last one asked for is still owed.
    releases = [f"1.0.{number}" for number in range(ROUNDS + 1)]
    builds = [build(number) for number in range(ROUNDS + 1)]
    for journey, tags in ((production, releases), (staging, builds)):
        require_all_there(journey, tags, token=tokens[journey.name])
    kills = sum("imagerepository" in s.kinds for s in strikes)
    for proxy in (private_proxy, open_proxy):
        assert scans(proxy) <= 1 + ROUNDS + kills

    require_idle_restart(running, space, (private_proxy, open_proxy), (production, staging))
    # What the killed ones had fetched does not pile up: their temporary folder outlives a container's restarts.
    assert len(list((running.folder / "imageupdateautomation.tmp").glob("tagline-git-*"))) == 1
    for journey in (production, staging):
        git_host.delete_repository(journey.repository.name)


def play(running: Controllers, production: Journey, staging: Journey, strikes: list[Strike]) -> dict[str, str]:
    """Push a tag a round in both journeys while the strikes fall; return the tokens of the last requests."""
    tokens: dict[str, str] = {}
    pending: list[Future[None]] = []
    with ThreadPoolExecutor(1) as killer:
        for number, what in enumerate(strikes, start=1):
            pending.append(killer.submit(strike, running, what))
            production.push(f"1.0.{number}", f"0.9.{number}")
            staging.push(build(number), f"feature-{number:07x}-1999999999")
            tokens = {journey.name: journey.scan() for journey in (production, staging)}
            if not what.queued:
                pending[-1].result()
        for future in pending:
            future.result()
    return tokens


def require_all_there(journey: Journey, tags: list[str], *, token: str) -> None:
    """Assert that Git has the last tag, by commits that each changed the scalar once, and the status has settled."""
    journey.settle(tags[-1])
    space = journey.space
    found = space.get("ImageRepository", journey.name)
    assert found["status"]["lastHandledReconcileAt"] == token
    commits = journey.commits()
    taken = [tags[0], *(commit.message.rpartition(":")[2] for commit in commits)]
    # Several tags may be taken in one step while a process is away, but none twice and none backwards.
    positions = [tags.index(tag) for tag in taken]
    assert positions == sorted(set(positions))
    journey.require_exact(commits, taken)
    found = space.get("ImageUpdateAutomation", journey.name)
    assert found["status"]["observedPolicies"][journey.name] == {"name": journey.image, "tag": tags[-1]}
    assert found["status"]["observedSourceRevision"] == f"main@sha1:{commits[-1].id}"
    assert found["status"]["lastPushCommit"] in [commit.id for commit in commits]
    for kind in OBJECTS:
        found = space.get(kind, journey.name)
        assert [c["type"] for c in found["status"]["conditions"]] == ["Ready"]


def require_idle_restart(
    running: Controllers, space: Space, proxies: tuple[InterferingProxy, ...], checked: tuple[Journey, ...]
) -> None:
    """Assert that killing all three at rest leads to no request to a registry, no commit, only a new time of a run."""
    for journey in checked:
        space.request_and_wait("ImageUpdateAutomation", journey.name)  # a second look: no updates made
    counts = [len(proxy.requests) for proxy in proxies]
    heads = [journey.repository.head() for journey in checked]
    before = [space.get(kind, journey.name)["status"] for kind in OBJECTS for journey in checked]
    running.stop(kill=True)
    running.start()
    for kind in KINDS:
        everywhere = space.kubectl("get", kind, "--all-namespaces", "-o", "name").stdout.split()
        wait_idle(running, kind, len(everywhere))
    assert [len(proxy.requests) for proxy in proxies] == counts
    assert [journey.repository.head() for journey in checked] == heads
    after = [space.get(kind, journey.name)["status"] for kind in OBJECTS for journey in checked]
    for status in (*before, *after):
        status.pop("lastAutomationRunTime", None)
    assert after == before
