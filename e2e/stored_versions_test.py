"""`manifests/crds`: old installations, with objects in versions that nobody serves any more."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from ruamel.yaml import YAML

from e2e.cluster import Space
from e2e.objects import image_repository
from hack.controllers import ROOT, Kubectl, KubectlFailed, install, install_crds

NAME = "imagerepositories.image.toolkit.fluxcd.io"
FILE = ROOT / "manifests" / "crds" / "image.toolkit.fluxcd.io_imagerepositories.yaml"


@pytest.fixture
def our_crds(kubectl: Kubectl) -> Iterator[None]:
    """Put ours back."""
    yield
    set_stored_versions(kubectl, "v1")
    install_crds(kubectl)


def old_crd(version: str, *, storing: str) -> str:
    """Return our CRD with one more version, and objects stored in `storing`."""
    crd: dict[str, Any] = YAML(typ="safe").load(FILE.read_text())
    versions = [entry for entry in crd["spec"]["versions"] if entry["name"] != version]
    newest = next(entry for entry in versions if entry["name"] == "v1")
    versions.append({**newest, "name": version})
    for entry in versions:
        entry["storage"] = entry["name"] == storing
    crd["spec"]["versions"] = versions
    return json.dumps(crd)


def store_in_old_version(kubectl: Kubectl, space: Space, version: str) -> None:
    """Store an object in `version`, as an old release would have, and then go over to v1."""
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=old_crd(version, storing=version))
    image_repository(space, "old", "127.0.0.1:1/app", suspend=True)
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=old_crd(version, storing="v1"))
    assert version in stored_versions(kubectl)


def stored_versions(kubectl: Kubectl) -> list[str]:
    found: list[str] = json.loads(kubectl("get", "crd", NAME, "-o", "json").stdout)["status"]["storedVersions"]
    return found


def set_stored_versions(kubectl: Kubectl, *versions: str) -> None:
    patch = json.dumps({"status": {"storedVersions": versions}})
    kubectl("patch", "crd", NAME, "--subresource=status", "--type=merge", "-p", patch)


def check(kubectl: Kubectl) -> subprocess.CompletedProcess[str]:
    """Run `tagline check`."""
    command = [sys.executable, "-m", "cli.main", "check", "--pre", "--kubeconfig", str(kubectl.kubeconfig)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def obey(kubectl: Kubectl, text: str) -> int:
    """Run the commands that `tagline check` printed; return how many there were."""
    commands = [line.strip() for line in text.splitlines() if line.startswith("      kubectl ")]
    for command in commands:
        program = f"{kubectl.program} --kubeconfig {kubectl.kubeconfig}"
        shell = ["bash", "-euo", "pipefail", "-c", command.replace("kubectl ", f"{program} ")]
        for _ in range(10):
            done = subprocess.run(shell, capture_output=True, text=True, check=False)
            if "(NotFound)" not in done.stderr:  # an object of another test that is just being deleted
                break
        assert done.returncode == 0, (command, done.stderr)
    return len(commands)


def test_versions_that_old_releases_stored_do_not_stop_the_apply(
    kubectl: Kubectl, space: Space, our_crds: None
) -> None:
    store_in_old_version(kubectl, space, "v1alpha2")
    install(kubectl)
    assert space.get("ImageRepository", "old")["spec"]["image"] == "127.0.0.1:1/app"
    checked = check(kubectl)
    assert checked.returncode == 0, checked.stderr
    assert f"⚠️  {NAME}: v1alpha2 in status.storedVersions" in checked.stderr
    assert obey(kubectl, checked.stderr) >= 2
    assert stored_versions(kubectl) == ["v1"]
    assert space.get("ImageRepository", "old")["spec"]["image"] == "127.0.0.1:1/app"


def test_other_stored_versions_are_told_before_the_apply_with_what_to_do(
    kubectl: Kubectl, space: Space, our_crds: None
) -> None:
    store_in_old_version(kubectl, space, "v1gamma1")
    with pytest.raises(KubectlFailed, match="v1gamma1"):
        install(kubectl)
    checked = check(kubectl)
    assert checked.returncode == 1
    assert f"✗ {NAME}: v1gamma1 in status.storedVersions; the API server would refuse ours" in checked.stderr
    assert obey(kubectl, checked.stderr) >= 2
    assert check(kubectl).returncode == 0
    install(kubectl)
    assert space.get("ImageRepository", "old")["spec"]["image"] == "127.0.0.1:1/app"
