"""`manifests/components`: hooks of a forge wake automations; what `receiver-automations` lets the receiver do."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from api.names import PUSHED_TAGS, REQUESTED_AT
from e2e import receiver_process
from e2e.cluster import Space, eventually
from e2e.conftest import Parts
from e2e.fleet import Fleet
from e2e.objects import automation
from e2e.pull_requests_test import Offers
from e2e.receiver_process import ReceiverProcess
from hack.controllers import Kubectl

KIND = "ImageUpdateAutomation"
COMPONENTS = ("receiver", "receiver-automations")
RESOURCES = [{"kind": KIND, "name": "*"}]


@pytest.fixture(scope="module")
def hooks(cluster: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    folder = tmp_path_factory.mktemp("receiver")
    with receiver_process.running(cluster, folder, "--wake-automations", components=COMPONENTS) as process:
        yield process
    for kind in ("clusterrolebinding", "clusterrole"):
        cluster.kubectl("delete", kind, "tagline-receiver-automations")


@pytest.fixture
def offers(fleet: Fleet) -> Offers:
    return Offers(fleet)


def test_gitea_says_that_a_pull_request_was_merged_or_pushed_to(hooks: ReceiverProcess, offers: Offers) -> None:
    fleet, token = offers.fleet, receiver_process.new_token()
    receiver_process.receiver(fleet.space, "forge", "gitea", token, resources=RESOURCES)
    config = {"url": hooks.hook(token, "forge", fleet.space.name), "content_type": "json", "secret": token}
    events = ["push", "delete", "pull_request", "pull_request_sync"]
    offers.call("POST", "/hooks", {"type": "gitea", "config": config, "events": events, "active": True})
    automation(
        fleet.space,
        "fleet",
        source="fleet",
        interval="12h",
        git={
            "commit": {"author": {"name": "Bot", "email": "bot@example.com"}},
            "pullRequest": {"forge": "gitea"},
        },
    )
    first = offers.wait_open("Update app to 1.0.1")
    offers.wait_status(first["number"], "Open")
    offers.merge(first["number"], "squash")
    offers.wait_status(first["number"], "Merged")  # nobody has asked for a run, and the interval is long

    fleet.push_tag("1.0.2")
    second = offers.wait_open("Update app to 1.0.2")
    offers.wait_status(second["number"], "Open")
    fleet.repository.commit({"note.txt": "mine"}, "By hand", branch=offers.head)
    fleet.space.wait_event(KIND, "fleet", type="Warning", reason="ForeignCommit", message=second["html_url"])


def merge(kubectl: Kubectl, space: Space, change: Mapping[str, Any]) -> str:
    """Return what is said against a change of an automation; empty where it is made."""
    done = kubectl("patch", KIND, "app", "-n", space.name, "--type=merge", "-p", json.dumps(change), check=False)
    return done.stderr if done.returncode else ""


def test_the_account_may_ask_for_a_run_and_change_nothing_else(
    hooks: ReceiverProcess, space: Space, parts: Parts
) -> None:
    account = Kubectl(parts.kubectl.program, hooks.controllers.kubeconfigs["receiver"])
    automation(space, "app", source="none", suspend=True)
    eventually(lambda: merge(account, space, {"spec": {"suspend": False}}), what="the admission policy to be at work")
    assert merge(account, space, {"metadata": {"annotations": {REQUESTED_AT: "now"}}}) == ""
    for change, why in (
        ({"spec": {"suspend": False}}, "may not change a spec"),
        ({"spec": {"git": {"push": {"branch": "main"}}}}, "may not change a spec"),
        ({"metadata": {"labels": {"a": "b"}}}, "neither labels nor owners nor finalizers"),
        ({"metadata": {"finalizers": ["a.example.com/b"]}}, "neither labels nor owners nor finalizers"),
        ({"metadata": {"annotations": {PUSHED_TAGS: "[]"}}}, "no annotations but those"),
        ({"metadata": {"annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}}}, "no annotations but those"),
    ):
        assert why in merge(account, space, change)
    for verb, resource in (("create", KIND), ("delete", KIND), ("update", KIND), ("get", "gitrepositories")):
        said = account("auth", "can-i", verb, resource, "-A", check=False).stdout.strip()
        assert said == "no", (verb, resource)
