"""`--cluster`: choices are made from the tag lists of a cluster, for its objects and for those of files."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.imagepolicy import ImagePolicy
from api.kinds import KINDS
from api.names import IMAGE_POLICIES, IMAGE_TAG_LISTS
from cli import cluster as cluster_access
from cli import local
from cli.hosting import SCANNERS, Host
from cli.main import main
from cli.objects import read_manifests
from cli.preview_test import DEPLOYMENT, OBJECTS, git, write
from controllers.clock import SYSTEM_CLOCK
from controllers.runtime.embedded.api import EmbeddedApi
from controllers.runtime.kube.errors import ApiError, Forbidden

TAGS = {"ghcr.io/org/web": ["1.0.0", "1.2.0", "1.1.0", "2.0.0"]}
POLICY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: {name}, namespace: flux-system}}
spec: {{imageRepositoryRef: {{name: web}}, policy: {{semver: {{range: "{range}"}}}}}}
"""


class Cluster:
    """A cluster whose controllers have scanned and chosen, and to which somebody has access."""

    def __init__(self, api: EmbeddedApi) -> None:
        self.api = api
        self.client = api.connect()
        self.failures: dict[str, ApiError] = {}
        """Plural → what reading one of it raises."""
        self.written: list[str] = []

    async def get(self, resource: Any, namespace: str, name: str, *, into: Any) -> Any:
        if resource.plural in self.failures:
            raise self.failures[resource.plural]
        return await self.client.get(resource, namespace, name, into=into)

    async def list(self, resource: Any, *, into: Any, limit: int = 500) -> Any:
        return await self.client.list(resource, into=into, limit=limit)

    def policy(self, name: str = "web") -> ImagePolicy:
        return asyncio.run(self.client.get(IMAGE_POLICIES, "flux-system", name, into=ImagePolicy))

    def patch(self, resource: Any, name: str, body: dict[str, Any], subresource: str = "") -> None:
        work = self.client.patch(resource, "flux-system", name, body, into=dict, subresource=subresource)
        asyncio.run(work)

    async def scan(self, texts: Sequence[str], folder: Path) -> None:
        """Let the controllers do their work on manifests."""
        (folder / "cluster.yaml").write_text("---\n".join(texts))
        for manifest in read_manifests([str(folder / "cluster.yaml")], namespace="default", environ={}).manifests:
            await self.client.create(manifest.resource, manifest.key.namespace, manifest.body, into=dict)
        build = local.offline_registry(TAGS, clock=SYSTEM_CLOCK, offline=True)
        async with Host(self.api, SCANNERS, argv=local.FLAGS, build=build) as host:
            await host.settle()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    with EmbeddedApi.in_memory(KINDS, clock=SYSTEM_CLOCK) as api:
        made = Cluster(api)
        asyncio.run(made.scan([OBJECTS], tmp_path))

        @asynccontextmanager
        async def connect(_: str, *, user_agent: str) -> AsyncIterator[Cluster]:
            assert user_agent
            yield made

        monkeypatch.setattr(cluster_access, "connect", connect)
        yield made


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "fleet"
    write(root, {"apps/web.yaml": DEPLOYMENT})
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "Start")
    return root


def preview(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, dict[str, Any]]:
    status = main(["preview", "--cluster", "-o", "json", *map(str, argv)])
    shown = capsys.readouterr()
    assert shown.err == ""
    return status, msgspec.json.decode(shown.out)


def chosen(report: dict[str, Any]) -> dict[str, str]:
    return {policy["name"]: policy["image"] for policy in report["policies"]}


def test_the_policies_of_the_cluster_choose_what_their_statuses_say(
    cluster: Cluster, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, report = preview(capsys, checkout)
    assert status == 0
    assert chosen(report) == {"flux-system/web": cluster.policy().status.latest_image}
    selection = cluster.policy().status.selection
    assert selection
    assert report["policies"][0]["runnersUp"] == [
        {"tag": one.tag, "reason": one.message} for one in selection.candidates
    ]
    assert "+  image: ghcr.io/org/web:1.2.0" in report["automations"][0]["diff"]
    assert report["notes"] == []


def test_a_choice_is_made_anew_where_the_status_is_an_older_one(
    cluster: Cluster, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.patch(IMAGE_POLICIES, "web", {"spec": {"policy": {"semver": {"range": "2.x"}}}})  # its controller is away
    assert chosen(preview(capsys, checkout)[1]) == {"flux-system/web": "ghcr.io/org/web:2.0.0"}


def test_a_policy_of_a_file_is_answered_with_the_tags_of_the_cluster(
    cluster: Cluster, checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is shown is what the controller chooses once the file is applied."""
    texts = [POLICY.format(name="web", range="~1.1"), POLICY.format(name="next", range=">=1")]
    write(tmp_path, {"new/policies.yaml": "---\n".join(texts)})
    before = cluster.api.store.version
    status, report = preview(capsys, checkout, "-f", tmp_path / "new")
    assert (status, report["problems"], cluster.api.store.version) == (0, [], before)
    assert "+  image: ghcr.io/org/web:1.1.0" in report["automations"][0]["diff"]
    cluster.patch(IMAGE_POLICIES, "web", {"spec": {"policy": {"semver": {"range": "~1.1"}}}})
    asyncio.run(cluster.scan([texts[1]], tmp_path))
    expected = {f"flux-system/{name}": cluster.policy(name).status.latest_image for name in ("web", "next")}
    assert chosen(report) == expected == {
        "flux-system/web": "ghcr.io/org/web:1.1.0", "flux-system/next": "ghcr.io/org/web:2.0.0"
    }  # fmt: skip


def test_the_choice_of_the_status_counts_for_a_policy_that_forbids_downgrades(
    cluster: Cluster, checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latest = {"name": "ghcr.io/org/web", "tag": "1.9.9"}
    cluster.patch(IMAGE_POLICIES, "web", {"status": {"latestRef": latest}}, "status")
    text = POLICY.format(name="web", range="1.x").replace('"1.x"}', '"1.x"}, allowDowngrade: false')
    write(tmp_path, {"policy.yaml": text})
    _, report = preview(capsys, checkout, "-f", tmp_path / "policy.yaml")
    assert chosen(report) == {"flux-system/web": "ghcr.io/org/web:1.9.9"}
    assert "1.2.0 would be a downgrade" in report["policies"][0]["message"]


def test_a_repository_of_a_file_with_another_image_has_no_tags_in_the_cluster(
    cluster: Cluster, checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    objects = OBJECTS.replace("image: ghcr.io/org/web,", "image: ghcr.io/org/app,")
    write(tmp_path, {"objects.yaml": objects})
    status, report = preview(capsys, checkout, "-f", tmp_path / "objects.yaml")
    assert status == 1
    assert "waiting for ImageRepository 'flux-system/web' to scan ghcr.io/org/app" in report["policies"][0]["message"]


def test_another_exclusion_list_needs_another_scan_and_that_is_said(
    cluster: Cluster, checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    objects = OBJECTS.replace("interval: 1m}", "interval: 1m, exclusionList: ['^1[.]2']}", 1)
    write(tmp_path, {"objects.yaml": objects})
    _, report = preview(capsys, checkout, "-f", tmp_path / "objects.yaml")
    (note,) = (note for note in report["notes"] if "exclusionList" in note)
    assert f"{tmp_path}/objects.yaml:1: ImageRepository flux-system/web has another exclusionList" in note


@pytest.mark.parametrize("how", ["forbidden", "other controllers"])
def test_without_tag_lists_the_choices_of_the_statuses_are_shown_and_that_is_said(
    cluster: Cluster, checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    if how == "forbidden":
        text = 'imagetaglists "web-tags-0" is forbidden: User "dev" cannot get resource'
        cluster.failures[IMAGE_TAG_LISTS.plural] = Forbidden("get imagetaglists", text, status=403)
    else:
        asyncio.run(cluster.client.delete(IMAGE_TAG_LISTS, "flux-system", "web-tags-0"))
    status, report = preview(capsys, checkout)
    assert (status, chosen(report)) == (0, {"flux-system/web": "ghcr.io/org/web:1.2.0"})
    (note,) = report["notes"]
    assert note.startswith("ImagePolicy flux-system/web: the choice is that of its status, not a new one: ")
    write(tmp_path, {"policy.yaml": POLICY.format(name="web", range="2.x")})
    status, report = preview(capsys, checkout, "-f", tmp_path / "policy.yaml")
    assert (status, report["policies"][0]["ready"]) == (1, False)  # its status answers another question


def test_explain_asks_the_same(cluster: Cluster, checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.patch(IMAGE_POLICIES, "web", {"spec": {"policy": {"semver": {"range": "2.x"}}}})
    assert main(["explain", f"{checkout}/apps/web.yaml:4", "--cluster"]) == 0
    out = capsys.readouterr().out
    assert "ImagePolicy flux-system/web: ghcr.io/org/web:2.0.0 (Ready=True: " in out
    assert "ImageRepository flux-system/web: ghcr.io/org/web (Ready=True: successful scan: found 4 tags)" in out
