"""The whole: seconds from a pushed tag to a pushed commit, on the local environment, and the processes' memory."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from hack.bench.measure import Figure
from hack.controllers import install_and_start
from hack.demo import journeys
from hack.demo.demo_environment import DemoEnvironment, build
from hack.demo.narration import Narrator
from hack.env import environment
from hack.oci import Pusher


def figures(pushes: int) -> tuple[list[Figure], dict[str, float], dict[str, float]]:
    """Return the latency over `pushes` tags; resident MiB by process, idle and afterwards."""
    with TemporaryDirectory(prefix="tagline-bench-") as name:
        folder = Path(name)
        idle = _idle_memory(folder / "idle")
        world = build(Narrator(), folder / "world")
        try:
            journeys.production(world)
            latency = _latency(world, pushes)
            return [latency], idle, world.controllers.rss_mib()
        finally:
            world.close(keep=False)


def _idle_memory(folder: Path) -> dict[str, float]:
    env = environment.up(folder)
    try:
        controllers = install_and_start(env, folder / "controllers")
        time.sleep(2)
        memory = controllers.rss_mib()
        controllers.stop()
        return memory
    finally:
        environment.down(env)


def _latency(world: DemoEnvironment, pushes: int) -> Figure:
    """Let the production journey's policy follow one tag after the other; asking for a scan is part of the time."""
    fleet, env = world.git.repository("fleet"), world.env
    wall: list[float] = []
    with Pusher(env.registry, user=env.registry_user, password=env.registry_password) as registry:
        for number in range(pushes):
            head = fleet.head()
            registry.push("cnych/devops-demo", f"1.1.{number}")
            began = time.monotonic()
            world.timed_commit(fleet, "k8s-demo", pushed_at=began, head=head)
            wall.append((time.monotonic() - began) * 1000)
            world.wait_ready("ImageUpdateAutomation", "k8s-demo", message=fleet.head())
    return Figure("tag pushed → commit in Gitea (kubectl annotate included)", wall, [])
