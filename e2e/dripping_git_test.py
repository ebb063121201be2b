"""`controllers.git`: Git servers of one namespace that never end their answers do not delay another one's commits."""

import time
from contextlib import ExitStack

from e2e.attacked import Attack
from e2e.cluster import Space
from e2e.fleet import Fleet
from e2e.objects import automation
from hack.attacks.gitdrip import DrippingServer
from testing.address import HOST

MODES = ("headers", "error-body", "chunk-size", "compressed", "interim", "silence")
HOSTS_PER_MODE, REPOSITORIES_PER_HOST = 5, 3
SOON = 8
"""Seconds that the victim's commit may take while the attack goes on."""


def test_dripping_git_servers_of_one_namespace_delay_nobody_else(attack: Attack, fleet: Fleet, attacker: Space) -> None:
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    with ExitStack() as stack:
        servers = [
            stack.enter_context(DrippingServer(mode, host=HOST)) for mode in MODES for _ in range(HOSTS_PER_MODE)
        ]
        for number, server in enumerate(servers * REPOSITORIES_PER_HOST):
            name = f"drips-{number}"
            spec = {"url": f"http://{server.host}/{name}.git", "interval": "1h", "timeout": "20s"}
            attacker.apply("GitRepository", name, {**spec, "ref": {"branch": "main"}})
            automation(attacker, name, source=name)
        time.sleep(8)  # until stand-ins have taken over for the workers that wait
        with attack.watch(bound=SOON) as watch, watch.victim():
            fleet.push_tag("1.0.2")
            fleet.wait_commits(3)
        assert sum(server.open for server in servers) > 0, "nobody is attacked any more"
    attacker.wait_not_ready("ImageUpdateAutomation", "drips-0", reason="GitOperationFailed", seconds=60)
