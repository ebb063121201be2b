"""`controllers`: objects and connections that are made to cost, and what everybody else notices of them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from e2e import metrics
from e2e.attacked import Attack
from e2e.cluster import Space
from e2e.fleet import Fleet
from e2e.objects import automation, image_repository, semver_policy
from hack.controllers import KINDS, Controllers

TAGS = [f"{number:04}" + "ab01.-" * 20 for number in range(6000)]
COSTLY = "(.?)" * 200
"""3 to 6 ms for each of the tags: on a machine five times as fast, all of them still take more than 5 s."""
TEMPLATE = "{{ range until 30000 }}{{ $_ := . | add 1 | add 2 | add 3 }}{{ end }}"
OTHER_ADDRESS = "127.0.0.2"
CONNECTIONS = 100
SERVED_SECONDS = 15
HOLD_SECONDS = 1.0
"""How long the event loop may be held at a time."""


def test_patterns_and_templates_that_cost_stop_nobody_else(fleet: Fleet, attacker: Space, attack: Attack) -> None:
    fleet.pusher.push_tags(f"{attacker.name}/long", TAGS)
    long = f"{fleet.image.partition('/')[0]}/{attacker.name}/long"
    with attack.watch(bound=SERVED_SECONDS) as watch:
        image_repository(attacker, "long", long)
        image_repository(attacker, "excluding", long, exclusionList=[rf"\pL{{55}}{number}" for number in range(25)])
        semver_policy(attacker, "refused", repository="long", filterTags={"pattern": "(.?)" * 1000})
        for number in range(3):
            pattern = {"pattern": f"{COSTLY}{number}?"}
            semver_policy(attacker, f"costly-{number}", repository="long", filterTags=pattern)
            automation(attacker, f"costly-{number}", source="fleet", sourceRef={"name": "fleet"}, message=TEMPLATE)
        with watch.victim():
            automation(fleet.space, "costly", source="fleet", path="./none", message=TEMPLATE)
            automation(fleet.space, "fleet", source="fleet")
            fleet.wait_commits(2)
            fleet.push_tag("1.0.2")
            fleet.wait_commits(3)
        cost = r"failed to filter tags: it took more than 5 s of CPU time"
        for name, message in (("costly-0", cost), ("refused", "expression too large")):
            attacker.wait_not_ready("ImagePolicy", name, reason="InvalidPolicy", message=message, seconds=120)
    assert watch.lag <= HOLD_SECONDS


@contextmanager
def flooded(addresses: list[str]) -> Iterator[None]:
    """Keep many idle connections to some addresses open, and open more all the time."""
    over = threading.Event()

    def flood(address: str) -> None:
        parts = urlsplit(address)
        assert parts.hostname
        assert parts.port
        kept: list[socket.socket] = []
        while not over.is_set():
            kept.append(socket.create_connection((parts.hostname, parts.port), source_address=(OTHER_ADDRESS, 0)))
            kept[-1].sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
            if len(kept) > CONNECTIONS:
                kept.pop(0).close()
                over.wait(0.02)
        for connection in kept:
            connection.close()

    threads = [threading.Thread(target=flood, args=(address,)) for address in addresses]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_connections_to_the_ports_keep_no_probe_and_no_scrape_out(
    attack: Attack, fleet: Fleet, controllers: Controllers | None
) -> None:
    if controllers is None:
        pytest.skip(
            "pods are probed here by way of the API server: one client, from which the flood would come as well"
        )
    running = attack.processes
    ports = [address for kind in KINDS for address in (running.health[kind], running.metrics[kind])]
    with attack.watch(bound=SERVED_SECONDS) as watch, flooded(ports), watch.victim():
        automation(fleet.space, "fleet", source="fleet")
        fleet.wait_commits(2)
        for kind in KINDS:
            assert metrics.total(running.metrics[kind], "event_loop_lag_seconds_count") > 0
