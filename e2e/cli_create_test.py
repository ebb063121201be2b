"""`cli.verbs.create`: objects from flags alone, on a real API server with tagline's controllers, in every version."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.fleet import Fleet

ROOT = Path(__file__).parents[1]


def tagline(fleet: Fleet, *arguments: str, kubeconfig: str) -> str:
    """Run the command line in a fleet's namespace, where it must succeed, and return what it prints and tells."""
    command = [sys.executable, "-P", "-m", "cli.main", *arguments, "-n", fleet.space.name, "--timeout=30s"]
    environment = os.environ | {"KUBECONFIG": kubeconfig, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2", "v1"])
def test_from_an_image_to_a_commit_by_flags_alone(version: str, fleet: Fleet, kubeconfig: str) -> None:
    served = f"--api-version={version}"
    made = tagline(
        fleet, "create", "image", "repository", "made", f"--image={fleet.image}", "--interval=10m", "--insecure",
        "--latest-tags-count=5", served, kubeconfig=kubeconfig,
    )  # fmt: skip
    assert "✔ ImageRepository created" in made
    assert "✔ ImageRepository reconciliation completed" in made
    chosen = tagline(
        fleet, "create", "image", "policy", "made", "--image-ref=made", "--select-semver=*", "--deny=9.9.9",
        "--label=by=flags", served, kubeconfig=kubeconfig,
    )  # fmt: skip
    assert "✔ ImagePolicy reconciliation completed" in chosen
    again = tagline(
        fleet, "create", "image", "policy", "made", "--image-ref=made", "--select-alpha=asc", served,
        kubeconfig=kubeconfig,
    )  # fmt: skip
    assert "✔ ImagePolicy updated" in again
    update = tagline(
        fleet, "create", "image", "update", "made", "--git-repo-ref=fleet", "--checkout-branch=main",
        "--author-name=bot", "--author-email=bot@example.com", "--hold-reverted", served, kubeconfig=kubeconfig,
    )  # fmt: skip
    assert "✔ ImageUpdateAutomation reconciliation completed" in update
    exported = tagline(fleet, "export", "image", "all", kubeconfig=kubeconfig)
    assert exported.count("name: made\n") == 4  # three objects, and the policy's reference
    assert "by: flags" not in exported  # labels are replaced


def test_what_the_server_refuses_is_said_in_its_words(fleet: Fleet, kubeconfig: str) -> None:
    with pytest.raises(AssertionError, match=r"spec\.interval must be set when spec\.digestReflectionPolicy"):
        tagline(
            fleet, "create", "image", "policy", "made", "--image-ref=app", "--select-semver=*",
            "--reflect-digest=Always", kubeconfig=kubeconfig,
        )  # fmt: skip
