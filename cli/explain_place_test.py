"""`tagline explain FILE:LINE` and `tagline explain IMAGE` on checkouts without a cluster."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.main import main
from cli.preview_test import DEPLOYMENT, OBJECTS, git, write

GIT = OBJECTS[OBJECTS.index("  git:") : OBJECTS.index("  update:")]
FOLLOWED = """\
apps/web.yaml:4: the value ghcr.io/org/web:1.0.0 has the marker flux-system:web
ImagePolicy flux-system/web: ghcr.io/org/web:1.2.0 (Ready=True: Latest image tag for ghcr.io/org/web resolved to 1.2.0)
ImageRepository flux-system/web: ghcr.io/org/web (Ready=True: successful scan: found 4 tags)
ImageUpdateAutomation flux-system/all: pushes to branch updates of ssh://git@git.example.com/org/fleet.git
the next run of the automation writes ghcr.io/org/web:1.2.0
"""
Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "fleet"
    write(root, {"apps/web.yaml": DEPLOYMENT, "clusters/objects.yaml": OBJECTS})
    git(root, "init", "-q", "-b", "main")
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    (tmp_path / "web.txt").write_text("1.0.0\n1.2.0\n1.1.0\n2.0.0\n")

    def call(*argv: str) -> tuple[int, str, str]:
        status = main(["explain", *argv, "--offline", f"--tags=ghcr.io/org/web={tmp_path / 'web.txt'}"])
        return status, *capsys.readouterr()

    return call


def test_a_marker_is_followed_to_the_commit(checkout: Path, ask: Ask) -> None:
    assert ask("apps/web.yaml:4") == (0, FOLLOWED, "")


def test_a_value_that_is_right_needs_nothing(checkout: Path, ask: Ask) -> None:
    write(checkout, {"apps/web.yaml": DEPLOYMENT.replace("1.0.0", "1.2.0")})
    assert ask("apps/web.yaml:4")[1].endswith("what the policy has chosen: there is nothing to write\n")


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("apps/web.yaml", "flux-system:web", "flux-system:wep",
         "it does not exist: create it or correct the name (there is flux-system/web)"),
        ("apps/web.yaml", "flux-system:web", "flux-system:web:tags", "'tags' is no part of an image"),
        ("clusters/objects.yaml", "imageRepositoryRef: {name: web}", "imageRepositoryRef: {name: wab}",
         "it does not exist: create it or correct the name (there is flux-system/web)"),
        ("clusters/objects.yaml", "image: ghcr.io/org/web,", "image: ghcr.io/org/app,", "it is not ready: "),
        ("clusters/objects.yaml", "range: 1.x", "range: 7.x", "flux-system/web is not ready: "),
        ("clusters/objects.yaml", "path: ./apps", "path: ./clusters",
         "the file is not below its spec.update.path, ./clusters"),
        ("clusters/objects.yaml", "interval: 5m", "suspend: true\n  interval: 5m", "it is suspended: nothing is"),
        ("clusters/objects.yaml", "interval: 5m", "policySelector: {matchLabels: {a: b}}\n  interval: 5m",
         "its policySelector does not match the labels of the policy"),
        ("clusters/objects.yaml", "name: all, namespace: flux-system", "name: all, namespace: apps",
         "there is no ImageUpdateAutomation in namespace flux-system: only those there use its policies"),
        ("clusters/objects.yaml", "kind: GitRepository, name: fleet", "kind: GitRepository, name: other",
         "its GitRepository flux-system/other does not exist"),
        ("clusters/objects.yaml", GIT, "", "it has no spec.git, which says as whom to commit and where to push"),
    ],
)  # fmt: skip
def test_the_first_link_that_does_not_hold_is_shown_last(
    checkout: Path, ask: Ask, file: str, old: str, new: str, fault: str
) -> None:
    text = (checkout / file).read_text()
    assert old in text
    (checkout / file).write_text(text.replace(old, new))
    status, out, _ = ask("apps/web.yaml:4")
    assert status == 1
    assert fault in out.rpartition("  → ")[2]
    assert "the next run" not in out


def test_the_password_of_a_url_is_not_shown(checkout: Path, ask: Ask) -> None:
    url = "https://bot:s3cret@git.example.com/org/fleet.git"
    write(checkout, {"clusters/objects.yaml": OBJECTS.replace("ssh://git@git.example.com/org/fleet.git", url)})
    _, out, err = ask("apps/web.yaml:4")
    assert "branch updates of https://git.example.com/org/fleet.git\n" in out
    assert "s3cret" not in out + err


def test_an_image_is_followed_from_every_place(checkout: Path, ask: Ask) -> None:
    write(checkout, {"apps/other.yaml": DEPLOYMENT.replace("name: web}", "name: other}")})
    status, out, _ = ask("ghcr.io/org/web")
    assert (status, out.count("the next run of the automation writes")) == (0, 2)


def test_an_image_without_marker_or_policy(checkout: Path, ask: Ask) -> None:
    write(checkout, {"apps/web.yaml": "kind: Deployment\n"})
    status, out, _ = ask("ghcr.io/org/web:1.0.0")
    assert (status, out.splitlines()[-1]) == (
        1,
        "  → no marker in this repository names it: its choice is written nowhere",
    )
    status, out, _ = ask("ghcr.io/org/none")
    assert (status, "`tagline adopt --only 'ghcr.io/org/none'` proposes one" in out) == (1, True)


def test_a_marker_beyond_yaml_is_followed(checkout: Path, ask: Ask) -> None:
    marker = '# {"$imagepolicy": "flux-system:web"}'
    image = "ghcr.io/org/web:1.0.0"
    write(
        checkout,
        {
            "clusters/objects.yaml": OBJECTS.replace("Setters", 'Setters, files: ["sub/*.env", "Dockerfile"]'),
            "apps/sub/a.env": f"IMAGE={image} {marker}\n",
            "apps/Dockerfile": f"{marker}\nFROM {image}\nRUN two values {marker}\n",
            "apps/b.env": f"IMAGE={image} {marker}\n",
            "c.env": f"IMAGE={image} {marker}\n",
        },
    )  # fmt: skip
    for place, shown in (("sub/a.env:1", "sub/a.env:1"), ("Dockerfile:1", "Dockerfile:2"), ("Dockerfile:2",) * 2):
        status, out, err = ask(f"apps/{place}")
        assert (status, err) == (0, "")
        assert out.startswith(f"apps/{shown}: the value {image} has the marker flux-system:web\n")
        assert out.endswith("the next run of the automation writes ghcr.io/org/web:1.2.0\n")
    status, out, _ = ask("apps/b.env:1")
    assert (status, "the file is no YAML file: name it in spec.update.files" in out) == (1, True)
    status, out, _ = ask("c.env:1")
    assert (status, "the file is not below its spec.update.path, ./apps" in out) == (1, True)
    assert "stands behind no value" in ask("apps/Dockerfile:3")[2]
    assert ask("apps/Dockerfile:9")[2] == "there is no marker at apps/Dockerfile:9; markers are at line 2\n"
    (checkout / "apps" / "latin.env").write_bytes(b"a\n\xe4\n")
    assert "apps/latin.env cannot be looked into: " in ask("apps/latin.env:1")[2]
    status, out, _ = ask("ghcr.io/org/web")
    assert status == 0
    assert [line.partition(": ")[0] for line in out.splitlines() if "has the marker" in line] == [
        "apps/Dockerfile:2", "apps/sub/a.env:1", "apps/web.yaml:4",
    ]  # fmt: skip


def test_what_is_no_file_is_not_waited_for(checkout: Path, ask: Ask) -> None:
    os.mkfifo(checkout / "p.yaml")
    (checkout / "link.yaml").symlink_to("p.yaml")
    os.mkfifo(checkout / "clusters" / "kustomization.yaml")
    (checkout / "zero.yaml").symlink_to("/dev/zero")
    for name in ("p", "link", "zero"):
        status, _, err = ask(f"{name}.yaml:1")
        assert (status, err) == (2, f"{name}.yaml is not read: a pipe or device, not a file\n")
    assert ask("apps:1")[0] == 2
    assert ask("apps/web.yaml:4")[0] == 0


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("apps/web.yaml:2", "there is no marker at apps/web.yaml:2; markers are at line 4\n"),
        ("apps/NONE.yaml:2", "there is no file apps/NONE.yaml\n"),
        ("Not An Image", "could not parse reference: Not An Image\n"),
        ("policy", "give one of: policy [NAMESPACE/]NAME, FILE:LINE, IMAGE\n"),
    ],
)
def test_a_question_that_cannot_be_answered_is_a_wrong_request(checkout: Path, ask: Ask, what: str, said: str) -> None:
    status, out, err = ask(what)
    assert (status, out, err) == (2, "", said)
