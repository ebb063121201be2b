"""`controllers.git`: commits that grow in whoever reads them cost their own automation its run, and others nothing."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.attacked import Attack
from e2e.cluster import Space
from e2e.fleet import Fleet
from e2e.objects import automation, git_secret
from hack.attacks import commits
from hack.githttp import GitHttpServer
from testing.address import HOST

SHAPES = {
    "same-file": False,
    "dense-markers": False,
    "chained-links": False,
    "winding-links": True,
    "large-file": True,
    "quoted-markers": True,
}
"""Whether they are within the bounds, and only much work."""
SOON = 10
ATTACK_SECONDS = 10
"""So long at least, the victim's commit is in it."""
USER, PASSWORD = "mallory", "not-secret"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHttpServer]:
    with GitHttpServer(tmp_path, user=USER, password=PASSWORD, host=HOST) as server:
        yield server


@pytest.mark.parametrize("shape", SHAPES)
def test_commits_that_grow_delay_nobody_else(
    attack: Attack, fleet: Fleet, attacker: Space, server: GitHttpServer, shape: str
) -> None:
    commits.make(server.root / "hostile.git", commits.SHAPES[shape]())
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    git_secret(attacker, "login", USER, PASSWORD)
    spec = {"url": f"{server.url}/hostile.git", "interval": "1h", "secretRef": {"name": "login"}}
    with attack.watch(bound=SOON) as watch:
        began = time.monotonic()
        for number in range(4):
            attacker.apply("GitRepository", f"hostile-{number}", {**spec, "ref": {"branch": "main"}})
            automation(attacker, f"hostile-{number}", source=f"hostile-{number}", interval="1s")
        with watch.victim():
            fleet.push_tag("1.0.2")
            fleet.wait_commits(3)
        time.sleep(max(0.0, began + ATTACK_SECONDS - time.monotonic()))
    if SHAPES[shape]:
        attacker.wait_ready("ImageUpdateAutomation", "hostile-0", seconds=60)
    else:
        attacker.wait_not_ready("ImageUpdateAutomation", "hostile-0", reason="GitOperationFailed", seconds=60)
