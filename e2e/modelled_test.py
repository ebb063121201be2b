"""`e2e.modelled`: one history with the session's processes; `make model REAL=1` plays random ones."""

import pytest

from e2e.kubeapi import KubeApi
from e2e.modelled import cluster_world
from hack.controllers import Controllers
from hack.model import steps
from hack.model.player import play

HISTORY: list[steps.Step] = [
    steps.EditAutomation(0, hold=True),
    steps.Push(0, "1.1.0"),
    steps.Crash(steps.Scan(0), 1, is_written=True),
    steps.Revert(2),
    steps.EditPolicy(1, {"kind": "numerical", "allow_downgrade": False}),
    steps.Restart((steps.Push(0, "1.2.0"), steps.EditRepository(0, exclusion="rc|sig"))),
    steps.Delete("ImageRepository", 1),
    steps.Create("ImageRepository", 1),
]


async def test_history(controllers: Controllers | None, kube_api: KubeApi) -> None:
    if controllers is None:
        pytest.skip("the controllers run in the cluster: their processes are not ours to kill")
    async with cluster_world(kube_api, controllers) as world:
        await play(world, HISTORY)
