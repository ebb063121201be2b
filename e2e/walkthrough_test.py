"""`controllers`: the walk-through that users start from; what kubectl prints, word for word.

Docker Hub is a registry of this machine, reached by its real name through a proxy and trusted by its certificate.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.cluster import Space
from e2e.conftest import Parts, proxies_allowed
from e2e.journeys import FILTER, MESSAGE
from e2e.objects import automation, git_repository
from e2e.running import Running
from hack.env import pki, process, registry
from hack.env.registry import TlsFiles
from hack.githost import GitHost
from hack.oci import Pusher
from testing.address import HOST
from testing.proxy import ProxyServer

IMAGE = "cnych/devops-demo"
NAME = "k8s-demo"
LATEST = "main-25de3e1a-1695469144"
NEXT = "main-e21d5f90-1695526572"
SPREAD = r"(2[89]|3[01])(\.\d+)?s"
"""The interval of 30s, as it is; the manifests have intervals spread by 5 per cent, so that pods show others."""
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
VALUES = """image:
  repository: {name} # {{"$imagepolicy": "{ns}:k8s-demo:name"}}
  tag: {tag} # {{"$imagepolicy": "{ns}:k8s-demo:tag"}}
"""
MORE = ["READY", "STATUS", "AGE"]
COLUMNS = {"": MORE, ".v1": MORE, ".v1beta2": [], ".v1beta1": []}
"""Columns after those of the walk-through by API version; kubectl prefers v1."""


@dataclass(frozen=True, slots=True)
class Hub:
    """A registry that is index.docker.io to whoever uses the proxy and trusts the authority."""

    tunnel: ProxyServer
    pusher: Pusher
    authority: Path


SCANNERS = ("imagerepository", "imagepolicy")


@pytest.fixture
def hub(parts: Parts, any_controllers: Running, namespace: str) -> Iterator[Hub]:
    """Yield Docker Hub with the 21 tags of the walk-through."""
    folder = parts.folder / f"hub-{namespace}"
    folder.mkdir()
    authority = pki.new_authority("Docker Hub of this test")
    trusted = folder / "ca.crt"
    trusted.write_bytes(authority.certificate_pem())
    crt, key = authority.issue("index.docker.io", folder, ("index.docker.io",), addresses=(HOST,))
    running = registry.start(folder, tls=TlsFiles(crt, key, trusted), address=HOST)
    tunnel = ProxyServer("http", routes={"index.docker.io:443": running.host})
    try:
        with proxies_allowed(any_controllers, *SCANNERS), tunnel, Pusher(running.host, authority=trusted) as pusher:
            tags = [f"main-{number:08x}-{1695400000 + number}" for number in range(20)]
            pusher.push_tags(IMAGE, [*tags, LATEST])
            yield Hub(tunnel, pusher, trusted)
    finally:
        process.stop(running.process, kill=True)


@pytest.fixture
def scanned(hub: Hub, space: Space) -> Space:
    """Create the ImageRepository of the walk-through, scanned, and its ImagePolicy."""
    repository(space, hub, f"docker.io/{IMAGE}")
    policy = {"policy": {"numerical": {"order": "asc"}}, "filterTags": FILTER}
    space.apply("ImagePolicy", NAME, {"imageRepositoryRef": {"name": NAME}, **policy})
    space.wait_ready("ImageRepository", NAME)
    space.wait_ready("ImagePolicy", NAME)
    return space


def repository(space: Space, hub: Hub, image: str) -> None:
    space.apply("Secret", "way-out", stringData={"address": hub.tunnel.url})
    space.apply("Secret", "hub-ca", stringData={"ca.crt": hub.authority.read_text()})
    ways = {"proxySecretRef": {"name": "way-out"}, "certSecretRef": {"name": "hub-ca"}}
    space.apply("ImageRepository", NAME, {"image": image, "interval": "30s", **ways})


def table(space: Space, resource: str) -> tuple[list[str], list[str]]:
    """Return the header and only row of `kubectl get`, cell by cell."""
    output = space.kubectl("get", resource, "-n", space.name).stdout.splitlines()
    header, row = (re.split(r" {2,}", line.strip()) for line in output)
    return header, row


def described(space: Space, kind: str) -> str:
    """Return the status in `kubectl describe`, blanks as one blank."""
    output = space.kubectl("describe", kind, NAME, "-n", space.name).stdout
    return re.sub(r"[ \t]+", " ", output.partition("\nStatus:")[2])


@pytest.mark.parametrize("image", [IMAGE, f"docker.io/{IMAGE}", f"index.docker.io/{IMAGE}"])
def test_image_of_docker_hub_is_scanned_under_its_canonical_name(hub: Hub, space: Space, image: str) -> None:
    repository(space, hub, image)
    found = space.wait_ready("ImageRepository", NAME, message="^successful scan: found 21 tags$")
    assert found["status"]["canonicalImageName"] == f"index.docker.io/{IMAGE}"
    assert set(hub.tunnel.asked) == {"CONNECT index.docker.io:443"}


def test_repository_is_described_as_in_the_walk_through(scanned: Space) -> None:
    scanned.request_and_wait("ImageRepository", NAME)
    message = f"^no new tags found, next scan in {SPREAD}$"
    scanned.wait_event("ImageRepository", NAME, type="Normal", reason="Succeeded", message=message)
    text = described(scanned, "imagerepository")
    wanted = [
        f"Canonical Image Name: index.docker.io/{IMAGE}", "Message: successful scan: found 21 tags",
        "Reason: Succeeded", "Status: True", "Type: Ready", "Latest Tags:", f"Scan Time: {TIME}", "Tag Count: 21",
        r"Observed Exclusion List:\n \^\.\*\\\.sig\$",
        r"Normal Succeeded .* image-reflector-controller successful scan: found 21 tags",
        rf"Normal Succeeded .* image-reflector-controller no new tags found, next scan in {SPREAD}",
    ]  # fmt: skip
    for line in wanted:
        assert re.search(rf"^ ?{line}$", text, re.MULTILINE), f"{line} is not in\n{text}"
    latest = text.partition("Latest Tags:")[2].partition("Revision:")[0].split()
    assert len(latest) == 10
    assert latest == sorted(latest, reverse=True)
    assert latest[0] == LATEST


def test_columns_come_in_the_order_of_the_walk_through(scanned: Space, git_host: GitHost) -> None:
    git = git_host.create_repository(scanned.name, {"my-values.yaml": "a: 1\n"})
    git_repository(scanned, NAME, git)
    automation(scanned, NAME, source=NAME)
    scanned.wait_ready("ImageUpdateAutomation", NAME)
    for version, more in COLUMNS.items():
        suffix = f"{version}.image.toolkit.fluxcd.io" if version else ""
        header, row = table(scanned, f"imagerepository{suffix}")
        assert header == ["NAME", "LAST SCAN", "TAGS", *more]
        assert re.fullmatch(f"{NAME} {TIME} 21( True successful scan: found 21 tags .*)?", " ".join(row))
        header, row = table(scanned, f"imagepolicy{suffix}")
        assert header == ["NAME", "LATESTIMAGE", *more]
        assert row[:2] == [NAME, f"docker.io/{IMAGE}:{LATEST}"]
        header, row = table(scanned, f"imageupdateautomation{suffix}")
        assert header == ["NAME", "LAST RUN", *more]
        assert re.fullmatch(f"{NAME} {TIME}( True no updates made .*)?", " ".join(row))
    git_host.delete_repository(git.name)


def test_new_build_becomes_a_commit_that_is_reported_as_in_the_walk_through(
    hub: Hub, scanned: Space, git_host: GitHost
) -> None:
    before = VALUES.format(name=IMAGE, tag="d3fc3d5", ns=scanned.name)
    git = git_host.create_repository(scanned.name, {"helm/my-values.yaml": before})
    git_repository(scanned, NAME, git)
    automation(scanned, NAME, source=NAME, path="./helm/my-values.yaml", message=MESSAGE)
    scanned.wait_ready("ImageUpdateAutomation", NAME, message="last commit|committed and pushed")
    assert git.messages()[0] == f"docker.io/{IMAGE}:{LATEST}"

    hub.pusher.push(IMAGE, NEXT)
    scanned.request("ImageRepository", NAME)
    event = scanned.wait_event("ImageUpdateAutomation", NAME, type="Normal", reason="Succeeded", message=NEXT)
    head = git.head()
    assert event["message"] == f"committed and pushed commit '{head}' to branch 'main'\ndocker.io/{IMAGE}:{NEXT}\n"
    assert event["source"]["component"] == "image-automation-controller"
    assert git.file("helm/my-values.yaml") == VALUES.format(name=f"docker.io/{IMAGE}", tag=NEXT, ns=scanned.name)

    scanned.request_and_wait("ImageUpdateAutomation", NAME)
    text = described(scanned, "imageupdateautomation")
    wanted = [
        f"Message: no updates made; last commit {head[:7]} at {TIME}", f"Last Automation Run Time: {TIME}",
        f"Last Push Commit: {head}", f"Last Push Time: {TIME}", "Type: Ready",
    ]  # fmt: skip
    for line in wanted:
        assert re.search(rf"^ {line}$", text, re.MULTILINE), f"{line} is not in\n{text}"
    git_host.delete_repository(git.name)
