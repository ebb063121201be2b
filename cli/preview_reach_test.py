"""`cli.verbs`: preview and explain of targets without markers, policies of other namespaces, pull requests."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.main import main
from cli.preview_test import DEPLOYMENT, OBJECTS, git, write

VALUES = '{\n  "image": {"repository": "ghcr.io/org/web",  "tag": "1.0.0"}\n}\n'
TARGETS = '{path: ./apps, targets: [{file: values.json, path: "$.image.tag", policy: web, part: tag}]}'
ELSEWHERE = OBJECTS.replace("name: all, namespace: flux-system", "name: all, namespace: apps").replace(
    "name: fleet, namespace: flux-system", "name: fleet, namespace: apps"
)
TO_APPS = "{namespaceSelectors: [{matchLabels: {kubernetes.io/metadata.name: apps}}]}"
OPEN = f"spec: {{accessFrom: {TO_APPS}, imageRepositoryRef"
ASKED = "spec:\n  policyNamespaces: {namespaceSelectors: [{matchLabels: {team: platform}}]}\n  interval: 5m"
LABELS = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: flux-system, labels: {team: platform}}\n"
OFFERED = OBJECTS.replace("    push: {branch: updates}", "    pullRequest: {forge: gitea, groupBy: policy}")

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "fleet"
    write(root, {"apps/web.yaml": DEPLOYMENT, "clusters/objects.yaml": OBJECTS})
    git(root, "init", "-q", "-b", "main")
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def tagline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    (tmp_path / "web.txt").write_text("1.0.0\n1.2.0\n1.1.0\n2.0.0\n")

    def call(*argv: str) -> tuple[int, str, str]:
        status = main([*argv, "--offline", f"--tags=ghcr.io/org/web={tmp_path / 'web.txt'}"])
        return status, *capsys.readouterr()

    return call


def with_targets(root: Path, values: str = VALUES) -> None:
    objects = OBJECTS.replace("{path: ./apps, strategy: Setters}", TARGETS)
    write(root, {"clusters/objects.yaml": objects, "apps/values.json": values, "values.json": VALUES})


def test_a_target_is_in_the_diff_and_git_applies_it(checkout: Path, tagline: Call) -> None:
    with_targets(checkout)
    _, out, _ = tagline("preview")
    assert "apps/values.json:2: 1.0.0 → 1.2.0" in out
    git(checkout, "apply", stdin=out)
    assert (checkout / "apps" / "values.json").read_text() == VALUES.replace("1.0.0", "1.2.0")
    assert (checkout / "values.json").read_text() == VALUES


def test_a_target_without_a_value_is_left_alone_with_its_file_and_path(checkout: Path, tagline: Call) -> None:
    with_targets(checkout, '{"image": "x"}')
    _, out, _ = tagline("preview")
    assert "left alone: apps/values.json: target $.image.tag: there is no value at this path" in out


def test_a_target_whose_file_is_missing_is_reported(checkout: Path, tagline: Call) -> None:
    with_targets(checkout)
    (checkout / "apps" / "values.json").unlink()
    _, out, _ = tagline("preview")
    assert (
        "left alone: apps/values.json: target $.image.tag: no file below spec.update.path is what 'values.json'" in out
    )


def test_a_target_is_explained_by_its_line_and_by_its_image(checkout: Path, tagline: Call) -> None:
    with_targets(checkout)
    status, out, _ = tagline("explain", "apps/values.json:2")
    first = "is target $.image.tag of ImageUpdateAutomation flux-system/all, for flux-system:web:tag"
    assert (status, out.splitlines()[0]) == (0, f"apps/values.json:2: the value 1.0.0 {first}")
    assert out.endswith("the next run of the automation writes 1.2.0\n")
    status, out, _ = tagline("explain", "ghcr.io/org/web")
    assert (status, out.count("the next run of the automation writes")) == (0, 2)
    assert tagline("explain", "apps/values.json:1")[0] == 2


def test_a_policy_of_another_namespace_is_used_where_both_agree(checkout: Path, tagline: Call) -> None:
    objects = ELSEWHERE.replace("spec: {imageRepositoryRef", OPEN).replace("spec:\n  interval: 5m", ASKED) + LABELS
    write(checkout, {"clusters/objects.yaml": objects})
    status, out, _ = tagline("preview")
    assert (status, "apps/web.yaml:4: ghcr.io/org/web:1.0.0 → ghcr.io/org/web:1.2.0" in out) == (0, True)
    assert "needs a controller with --no-cross-namespace-refs=false" in out
    status, out, _ = tagline("explain", "apps/web.yaml:4")
    assert (status, out.splitlines()[-1]) == (0, "the next run of the automation writes ghcr.io/org/web:1.2.0")


@pytest.mark.parametrize(
    ("policy", "automation", "words"),
    [
        pytest.param(OPEN, "spec:\n  interval: 5m", "spec.policyNamespaces of the automation", id="automation"),
        pytest.param("spec: {imageRepositoryRef", ASKED, "spec.accessFrom of the ImagePolicy", id="policy"),
    ],
)
def test_who_refuses_is_said(checkout: Path, tagline: Call, policy: str, automation: str, words: str) -> None:
    objects = ELSEWHERE.replace("spec: {imageRepositoryRef", policy).replace("spec:\n  interval: 5m", automation)
    write(checkout, {"clusters/objects.yaml": objects + LABELS})
    _, out, _ = tagline("preview")
    assert words in out
    assert "would push" not in out
    status, out, _ = tagline("explain", "apps/web.yaml:4")
    assert (status, words in out) == (1, True)


def test_pull_requests_that_would_be_made(checkout: Path, tagline: Call) -> None:
    write(checkout, {"clusters/objects.yaml": OFFERED})
    status, out, _ = tagline("preview")
    assert status == 0
    assert "ImageUpdateAutomation flux-system/all would offer to branch main of ssh://git@git.example.com" in out
    assert "  pull request from tagline/flux-system-all-web to main: ghcr.io/org/web:1.2.0\n" in out
    assert "| `ghcr.io/org/web` | `1.0.0` | `1.2.0` |" in out
    git(checkout, "apply", stdin=out)
    assert (checkout / "apps" / "web.yaml").read_text() == DEPLOYMENT.replace(":1.0.0", ":1.2.0")


def test_pull_requests_as_json(checkout: Path, tagline: Call) -> None:
    write(checkout, {"clusters/objects.yaml": OFFERED})
    document = json.loads(tagline("preview", "-o", "json")[1])
    (offer,) = document["automations"][0]["pullRequests"]
    assert (offer["head"], offer["base"]) == ("tagline/flux-system-all-web", "main")


def test_what_a_pull_request_is_to_have_is_shown(checkout: Path, tagline: Call) -> None:
    more = "labels: [deps, images], reviewers: [ann], autoMerge: {method: squash}"
    write(checkout, {"clusters/objects.yaml": OFFERED.replace("pullRequest: {", f"pullRequest: {{{more}, ")})
    _, out, _ = tagline("preview")
    assert "    labels: deps, images; reviewers: ann; merged by the forge: squash\n" in out
    (offer,) = json.loads(tagline("preview", "-o", "json")[1])["automations"][0]["pullRequests"]
    assert (offer["labels"], offer["reviewers"], offer["autoMerge"]) == (["deps", "images"], ["ann"], "squash")
    _, out, _ = tagline("preview", "-o", "markdown")
    assert "\n- pull request from `tagline/flux-system-all-web` to `main`: ghcr.io/org/web:1.2.0 (labels: " in out


@pytest.mark.parametrize(
    ("git_spec", "words"),
    [
        pytest.param("pullRequest: {branch: main}", "is the branch that pull requests are for", id="base-as-head"),
        pytest.param("push: {branch: refs/heads/x}", "is no branch but a full reference name", id="full-name"),
    ],
)
def test_a_branch_that_cannot_be_is_why_nothing_would_be_done(
    checkout: Path, tagline: Call, git_spec: str, words: str
) -> None:
    write(checkout, {"clusters/objects.yaml": OBJECTS.replace("push: {branch: updates}", git_spec)})
    status, out, _ = tagline("preview")
    assert (status, words in out, "would do nothing" in out) == (1, True, True)
