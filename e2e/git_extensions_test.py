"""`controllers.imageupdateautomation`: what Flux lacks: markers in files that are not YAML, reverts that are kept."""

from e2e.fleet import Fleet
from e2e.objects import automation
from hack.githost import git

DOCKERFILE = '# {{"$imagepolicy": "{marker}"}}\nFROM {image}:1.0.0 AS base\n'
TERRAFORM = 'locals {{\n  tag   = "1.0.0" # {{"$imagepolicy": "{marker}:tag"}}\n}}\n'
ENV = 'TAG=1.0.0 # {{"$imagepolicy": "{marker}:tag"}}\n'


def test_files_that_are_named_are_updated_as_well(fleet: Fleet) -> None:
    texts = {"build/Dockerfile": DOCKERFILE, "infra/main.tf": TERRAFORM, "infra/.env": ENV, "other.env": ENV}
    files = {path: text.format(marker=fleet.marker, image=fleet.image) for path, text in texts.items()}
    fleet.repository.commit(files, "More files")
    update = {"files": ["Dockerfile", "infra/*.tf", "infra/.env"]}
    automation(fleet.space, "fleet", source="fleet", update=update)
    fleet.wait_commits(3)
    for path, text in files.items():
        want = text if path == "other.env" else text.replace("1.0.0", "1.0.1")
        assert fleet.repository.file(path) == want


def test_value_that_was_put_back_is_held_until_a_newer_tag(fleet: Fleet) -> None:
    automation(fleet.space, "fleet", source="fleet", update={"holdReverted": True})
    fleet.wait_commits(2)
    fleet.space.wait_ready("ImageUpdateAutomation", "fleet")
    with fleet.repository.clone() as clone:
        git(clone, "checkout", "-q", "-B", "main", "origin/main")
        git(clone, "revert", "--no-edit", "HEAD")
        git(clone, "push", "-q", "origin", "HEAD:refs/heads/main")
    found = fleet.space.request_and_wait("ImageUpdateAutomation", "fleet")
    assert len(fleet.repository.messages()) == 3
    (finding,) = found["status"]["findings"]
    assert finding["reason"] == "HeldBack"
    fleet.space.wait_event(
        "ImageUpdateAutomation", "fleet", type="Warning", reason="HeldBack", message="app.yaml:10: .* was put back here"
    )
    fleet.push_tag("1.0.2")
    fleet.wait_commits(4)
    assert "app:1.0.2 #" in fleet.repository.file("app.yaml")
