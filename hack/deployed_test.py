"""What is run against pods, and how they are installed."""

from pathlib import Path

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
