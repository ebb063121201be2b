"""`api`: the `flux` command line (`FLUX`, on PATH, or built here) on tagline's objects."""

import re
import subprocess
from collections.abc import Callable

import pytest

from e2e.fleet import Fleet
from e2e.objects import automation
from hack.env.tools import find_program

FLUX = find_program("flux")
pytestmark = pytest.mark.skipif(FLUX is None, reason="there is no flux command line: make flux-cli builds it")

Flux = Callable[..., str]


@pytest.fixture
def flux(fleet: Fleet, kubeconfig: str) -> Flux:
    """Return a function that runs it in the test's namespace, where it must succeed, and returns what it prints."""

    def run(*arguments: str) -> str:
        assert FLUX
        command = [str(FLUX), "--kubeconfig", kubeconfig, "-n", fleet.space.name, "--timeout=30s", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


def test_get_shows_what_was_scanned_chosen_and_done(fleet: Fleet, flux: Flux) -> None:
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    fleet.space.wait_ready("ImageUpdateAutomation", "fleet")
    output = flux("get", "images", "all")
    assert re.search(r"imagerepository/app\s+\S+\s+False\s+True\s+successful scan: found \d+ tags", output)
    assert re.search(rf"imagepolicy/app\s+{fleet.image}\s+1\.0\.1\s+True\s+Latest image tag", output)
    assert re.search(r"imageupdateautomation/fleet\s+\S+\s+False\s+True\s+", output)


def test_reconcile_waits_for_the_answer(fleet: Fleet, flux: Flux) -> None:
    fleet.pusher.push(f"{fleet.space.name}/app", "1.0.2")
    assert re.search(r"scan fetched \d+ tags", flux("reconcile", "image", "repository", "app"))
    fleet.space.wait_ready("ImagePolicy", "app", message="resolved to 1.0.2")
    assert f"selected ref {fleet.image}:1.0.2" in flux("reconcile", "image", "policy", "app")
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
    assert "no updates made; last commit" in flux("reconcile", "image", "update", "fleet")


@pytest.mark.parametrize("kind", ["repository", "policy", "update"])
def test_suspend_and_resume(kind: str, fleet: Fleet, flux: Flux) -> None:
    name = "fleet" if kind == "update" else "app"
    automation(fleet.space, "fleet", source="fleet")
    assert "suspended" in flux("suspend", "image", kind, name)
    assert "reconciliation completed" in flux("resume", "image", kind, name)


def test_create_export_and_delete(fleet: Fleet, flux: Flux) -> None:
    made = flux("create", "image", "repository", "made", f"--image={fleet.image}", "--interval=1m")
    assert "ImageRepository reconciliation completed" in made
    made = flux("create", "image", "policy", "made", "--image-ref=made", "--select-semver=1.0.x")
    assert "ImagePolicy reconciliation completed" in made
    made = flux(
        "create", "image", "update", "made", "--git-repo-ref=fleet", "--git-repo-path=.", "--checkout-branch=main",
        "--author-name=Bot", "--author-email=bot@example.com", "--commit-template=Update",
    )  # fmt: skip
    assert "ImageUpdateAutomation reconciliation completed" in made
    assert "range: 1.0.x" in flux("export", "image", "policy", "made")
    for kind in ("update", "policy", "repository"):
        assert "deleted" in flux("delete", "image", kind, "made", "--silent")


def test_events_are_listed(fleet: Fleet, flux: Flux) -> None:
    assert re.search(r"Normal\s+Succeeded\s+ImagePolicy/app\s+Latest image tag", flux("events"))
