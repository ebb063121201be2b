"""What is measured, one phase after the other on one world. Each returns lines for people."""

import asyncio
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, Final

from api.imagerepository import ImageRepository
from api.imageupdateautomation import ImageUpdateAutomation
from api.names import IMAGE_POLICIES, IMAGE_REPOSITORIES, REQUESTED_AT
from controllers.runtime.key import Key
from controllers.runtime.kube.client import KubeClient
from hack.bench.scale import objects, probes
from hack.bench.scale.observer import Observer, is_settled
from hack.bench.scale.probes import Usage
from hack.bench.scale.world import Raw, World, create, gather
from hack.controllers import Controllers
from hack.githttp import ENVIRONMENT, GIT

COMMIT_PAUSE_SECONDS: Final = 2.0
CHURNED: Final = 0.01
"""So much of the images gets a new tag, as much another spec, and as much is deleted and made anew, each round."""


@dataclass(slots=True)
class Bench:
    """One world, its controllers and who looks on."""

    world: World
    client: KubeClient
    observer: Observer
    shards: list[Controllers]
    random: Random = field(default_factory=lambda: Random(7))  # noqa: S311
    pushed: int = 0

    async def run_controllers(self, *, start: bool) -> None:
        """Start or stop all processes."""
        for controllers in self.shards:
            await asyncio.to_thread(controllers.start if start else controllers.stop)

    def images(self) -> list[Key]:
        """Return the keys of all images, of which the repository and the policy bear the name."""
        return [Key(*name) for name in self.world.size.image_names()]


class Costs:
    """What a phase costs: CPU of every process, and requests to API server and registry. Use in a `with` block."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.seconds = 0.0

    def __enter__(self) -> "Costs":
        world = self._bench.world
        self._cpu = self._cpu_now()
        self._requests, self._scans = world.servers.requests(), world.registry_requests()
        self._began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._began
        world = self._bench.world
        now = self._cpu_now()
        self.cpu = {name: used - self._cpu.get(name, 0.0) for name, used in now.items()}
        self.requests = world.servers.requests() - self._requests
        self.scans = world.registry_requests() - self._scans

    def _cpu_now(self) -> dict[str, float]:
        kinds = probes.usage_by_kind(self._bench.shards)
        servers = {name: self._bench.world.servers.usage(name) for name in ("kube-apiserver", "etcd")}
        return {name: one.cpu_seconds for name, one in {**kinds, **servers}.items()}

    def lines(self) -> Iterator[str]:
        """Yield CPU seconds and requests."""
        yield "  CPU s: " + ", ".join(f"{name} {used:.1f}" for name, used in self.cpu.items())
        written = [(name, count) for name, count in self.requests.most_common(12) if count >= 3]
        yield f"  registry requests: {self.scans}; API: " + ", ".join(f"{count} {name}" for name, count in written)


def memory(bench: Bench) -> str:
    """Return the memory of every process."""
    kinds = probes.usage_by_kind(bench.shards)
    servers = {name: bench.world.servers.usage(name) for name in ("kube-apiserver", "etcd")}
    shown = [f"{name} {_mib(one)}" for name, one in {**kinds, **servers}.items()]
    return f"  MiB resident (greatest): {', '.join(shown)}; etcd in use {bench.world.servers.etcd_mib():.0f}"


def _mib(one: Usage) -> str:
    return f"{one.resident_mib:.0f} ({one.peak_mib:.0f})"


async def cold_start(bench: Bench) -> Iterator[str]:
    """Start the controllers on objects that nobody has looked at; until every file in Git names the newest tag."""
    began = time.monotonic()
    with Costs(bench) as costs:
        await bench.run_controllers(start=True)
        at = await bench.observer.wait_settled(bench.world.size.newest)
    # The processes began within the phase: what they have used since is all of it.
    costs.cpu |= {kind: one.cpu_seconds for kind, one in probes.usage_by_kind(bench.shards).items()}
    commits = sum(_count_commits(bench))
    settled = ", ".join(f"{kind} {moment - began:.1f} s" for kind, moment in at.items())
    return iter([f"cold start, settled: {settled}; {commits} commits", *costs.lines(), memory(bench)])


def _count_commits(bench: Bench) -> Iterator[int]:
    """Yield how many commits each repository has beyond the first."""
    for namespace, fleet, _ in bench.world.size.fleets():
        path = str(bench.world.git.root / f"{namespace}-{fleet}.git")
        command = [GIT, "-C", path, "rev-list", "--count", "main"]
        yield int(subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True).stdout) - 1


async def rest(bench: Bench, seconds: float) -> Iterator[str]:
    """Leave everything alone: nothing is due."""
    with Costs(bench) as costs:
        await asyncio.sleep(seconds)
    return iter([f"at rest for {seconds:.0f} s", *costs.lines(), memory(bench)])


async def resync(bench: Bench) -> Iterator[str]:
    """Restart with everything due, while a user edits one object after the other and new tags are to be committed."""
    await bench.run_controllers(start=False)
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    stale = {"status": {"lastScanResult": {"scanTime": long_ago.strftime("%Y-%m-%dT%H:%M:%SZ")}}}
    await gather([partial(_patch, bench, key, stale, "status") for key in bench.images()])
    await asyncio.sleep(1)
    edits: list[float] = []
    commits: list[float] = []
    began = time.monotonic()
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)

    def is_scanned(one: ImageRepository) -> bool:
        last = one.status.last_scan_result
        return last is not None and last.scan_time >= moment

    with Costs(bench) as costs:
        await bench.run_controllers(start=True)
        ready = time.monotonic()
        users = [asyncio.create_task(_edit(bench, edits)), asyncio.create_task(_release(bench, commits))]
        await bench.observer.wait_for(bench.observer.repositories, is_scanned)
        done = time.monotonic()
        for user in users:
            user.cancel()
        await until_cancelled(users)
    costs.cpu |= {kind: one.cpu_seconds for kind, one in probes.usage_by_kind(bench.shards).items()}
    return iter(
        [
            f"restart with everything due: ready after {ready - began:.1f} s, all scanned {done - ready:.1f} s later",
            f"  a user's edit, served meanwhile: {_spread(edits)}",
            f"  a tag, committed meanwhile: {_spread(commits)}",
            *costs.lines(),
            memory(bench),
        ]
    )


async def until_cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Return when all have been cancelled. Raises what one of them ended with before: its figures would be too few."""
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended


async def _patch(bench: Bench, key: Key, body: Any, subresource: str = "") -> None:
    client = bench.client
    await client.patch(IMAGE_REPOSITORIES, *key, body, into=Raw, subresource=subresource)


async def _edit(bench: Bench, seconds: list[float]) -> None:
    """Change the spec of one image after the other; note how long each took to be served."""
    while True:
        key = bench.random.choice(bench.images())
        pattern = f"^x{len(seconds)}-"
        began = time.monotonic()
        answer = await bench.client.patch(
            IMAGE_REPOSITORIES, *key, {"spec": {"exclusionList": [pattern]}}, into=ImageRepository
        )
        generation = answer.metadata.generation
        observer = bench.observer

        def is_served(one: ImageRepository, generation: int = generation) -> bool:
            return one.status.observed_generation >= generation

        seconds.append(await observer.wait_for(observer.repositories, is_served, key) - began)
        await asyncio.sleep(0.05)


async def _release(bench: Bench, seconds: list[float]) -> None:
    """Push one tag after the other; note how long each took to be in Git."""
    fleets = list(bench.world.size.fleets())
    while True:
        namespace, fleet, images = bench.random.choice(fleets)
        name = bench.random.choice(images)
        tag = _next_tag(bench)
        bench.world.push_tag(namespace, name, tag)
        began = time.monotonic()
        await _request(bench, Key(namespace, name))
        observer = bench.observer

        def is_written(one: ImageUpdateAutomation, name: str = name, tag: str = tag) -> bool:
            chosen = one.status.observed_policies.get(name)
            return chosen is not None and chosen.tag == tag

        seconds.append(await observer.wait_for(observer.automations, is_written, Key(namespace, fleet)) - began)
        await asyncio.sleep(COMMIT_PAUSE_SECONDS)


def _next_tag(bench: Bench) -> str:
    bench.pushed += 1
    return f"2.0.{bench.pushed}"


async def _request(bench: Bench, key: Key) -> str:
    token = str(time.time_ns())
    await _patch(bench, key, {"metadata": {"annotations": {REQUESTED_AT: token}}})
    return token


async def churn(bench: Bench, rounds: int) -> Iterator[str]:
    """Have all scanned, and some changed and replaced, round by round: twelve are an hour of five-minute intervals."""
    grown: dict[str, list[float]] = {}
    lines = []
    for number in range(rounds):
        began = time.monotonic()
        await _churn_once(bench)
        for kind, one in probes.usage_by_kind(bench.shards).items():
            grown.setdefault(f"{kind} MiB", []).append(one.resident_mib)
            grown.setdefault(f"{kind} descriptors", []).append(one.descriptors)
        grown.setdefault("etcd in use MiB", []).append(bench.world.servers.etcd_mib())
        lines.append(f"  round {number + 1}: {time.monotonic() - began:.1f} s")
    for name, values in grown.items():
        later = values[1:] if len(values) > 2 else values  # the first round still fills pools and caches
        lines.append(f"  {name}: {values[0]:.1f} → {values[-1]:.1f}, slope {probes.slope(later):+.2f} a round")
    return iter([f"{rounds} rounds of churn", *lines])


async def _churn_once(bench: Bench) -> None:
    keys = bench.images()
    share = max(1, round(len(keys) * CHURNED))
    chosen = bench.random.sample(keys, 3 * share)
    for key in chosen[:share]:
        bench.world.push_tag(key.namespace, key.name, _next_tag(bench))
    edit = {"spec": {"exclusionList": [f"^y{bench.pushed}-"]}}
    await gather([partial(_patch, bench, key, edit) for key in chosen[share : 2 * share]])
    await gather([partial(_replace, bench, key) for key in chosen[2 * share :]])
    tokens: dict[Key, str] = {}

    async def request(key: Key) -> None:
        tokens[key] = await _request(bench, key)

    await gather([partial(request, key) for key in keys])

    def is_handled(one: ImageRepository) -> bool:
        token = tokens[Key(one.metadata.namespace, one.metadata.name)]
        return one.status.last_handled_reconcile_at == token and is_settled(one)

    await bench.observer.wait_for(bench.observer.repositories, is_handled, *keys)
    await bench.observer.wait_for(bench.observer.policies, is_settled)
    await bench.observer.wait_for(bench.observer.automations, is_settled)


async def _replace(bench: Bench, key: Key) -> None:
    """Delete an image and its policy, and make both anew."""
    size, world = bench.world.size, bench.world
    fleet = next(
        fleet for namespace, fleet, images in size.fleets() if namespace == key.namespace and key.name in images
    )
    for resource in (IMAGE_POLICIES, IMAGE_REPOSITORIES):
        await bench.client.delete(resource, key.namespace, key.name)
    await create(bench.client, IMAGE_REPOSITORIES, objects.repository(size, world.registry, *key))
    await create(bench.client, IMAGE_POLICIES, objects.policy(size, *key, fleet))


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
    return f"median {statistics.median(ordered):.2f} s, p99 {p99:.2f} s, most {ordered[-1]:.2f} s (n={len(ordered)})"
