"""What is run against pods, and how they are installed."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from hack import deployed
from hack.controllers import ROOT


def test_nothing_but_the_image_is_changed() -> None:
    text = deployed.kustomization("registry.example.com:5000/org/tagline:v9", manifests="manifests")
    content = YAML(typ="safe").load(text)
    image = {"name": deployed.PUBLISHED, "newName": "registry.example.com:5000/org/tagline", "newTag": "v9"}
    assert content["images"] == [image]
    assert set(content) == {"apiVersion", "kind", "resources", "images", "components"}
    assert content["resources"] == ["manifests"]
    assert content["components"] == []
    assert deployed.PUBLISHED in (ROOT / "manifests/controller/deployment.yaml").read_text()


def test_each_file_of_tests_runs_against_pods_or_says_why_not() -> None:
    present = {path.name for path in Path(ROOT / "e2e").glob("*_test.py")}
    assert set(deployed.FILES) | set(deployed.LEFT_OUT) == present
    assert not set(deployed.FILES) & set(deployed.LEFT_OUT)


@pytest.mark.parametrize("name", deployed.FILES)
def test_what_runs_against_pods_reaches_nothing_on_loopback_by_chance(name: str) -> None:
    """What is meant for this machine alone says LOOPBACK; servers for the controllers are at testing.address.HOST."""
    literal = re.compile(r"127\.0\.0\.1\b|//localhost")
    for path in with_helpers(ROOT / "e2e" / name):
        assert not (found := [line for line in path.read_text().splitlines() if literal.search(line)]), (path, found)


def with_helpers(path: Path) -> set[Path]:
    """Return a module of e2e/ and those of e2e/ that it imports, by whatever way."""
    found, new = set[Path](), {path}
    while new:
        found |= new
        text = "\n".join(one.read_text() for one in new)
        names = {*re.findall(r"^from e2e\.(\w+) import", text, re.MULTILINE)}
        for listed in re.findall(r"^from e2e import (.*)$", text, re.MULTILINE):
            names |= set(re.findall(r"\w+", listed))
        new = {one for name in names if (one := path.parent / f"{name}.py").exists()} - found
    return found


def test_a_cluster_of_others_needs_an_address_that_its_pods_reach(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nonexistent")
    for given in ("", "127.0.0.1"):
        monkeypatch.setenv("E2E_HOST", given)
        with pytest.raises(SystemExit, match="2"):
            deployed.main(["registry.example.com/tagline:v9"])
        assert "E2E_HOST has to name an address of this machine that pods reach" in capsys.readouterr().err
