from pathlib import Path
from typing import Any

import pytest

from cli.grammar.session import Failed
from cli.grammar.tree import Command
from cli.verbs.bootstrap import COMMAND
from hack.flux_manifest import manifest
from testing.bootstrap_flags import flags
from testing.cluster import FakeCluster, session_on

(GIT,) = COMMAND.children


def run(cluster: FakeCluster, *arguments: str, **given: Any) -> None:
    assert isinstance(GIT, Command)
    with session_on(cluster) as (session, _):
        GIT.run(session, arguments, **flags(**given))


def test_what_is_wrong_is_said_before_anybody_is_asked_for_a_password(capsys: pytest.CaptureFixture[str]) -> None:
    cluster = FakeCluster()
    with pytest.raises(Failed, match=r"^component kustomize-controller is required$"):
        run(cluster, components=("source-controller",))
    with pytest.raises(Failed, match='unknown argument "fleet"'):
        run(cluster, "fleet")
    assert capsys.readouterr().out == ""
    assert cluster.requests == []


def test_an_export_asks_nobody(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cluster = FakeCluster()
    (tmp_path / "install.yaml").write_text(manifest())
    run(
        cluster, export=True, flux_manifests=str(tmp_path), path="clusters/a",
        components_extra=("image-automation-controller",),
    )  # fmt: skip
    out = capfd.readouterr().out
    assert [line for line in out.splitlines() if line.startswith("# clusters/")] == [
        f"# clusters/a/flux-system/{name}"
        for name in (
            "gotk-components.yaml", "gotk-sync.yaml", "kustomization.yaml", "tagline/components.yaml",
            "tagline/kustomization.yaml",
        )
    ]  # fmt: skip
    assert "imageupdateautomation-controller" in out
    assert "imagepolicy-controller" not in out
    assert cluster.requests == []
