"""`tagline policy test -f`: what a manifest chooses, or why that cannot be answered offline."""

import io
import sys
from pathlib import Path

import pytest

from cli.main import main

REPOSITORY = """
kind: ImageRepository
apiVersion: image.toolkit.fluxcd.io/v1
metadata: {name: app, namespace: apps}
spec: {image: x/app, interval: 5m, exclusionList: ["-alpha$"]}
"""


def manifest(choice: str, *, name: str = "app", version: str = "v1", more: str = "") -> str:
    return f"""---
kind: ImagePolicy
apiVersion: image.toolkit.fluxcd.io/{version}
metadata: {{name: {name}, namespace: apps}}
spec: {{imageRepositoryRef: {{name: app}}, policy: {{{choice}}}{more}}}
"""


@pytest.mark.parametrize(
    ("text", "more", "chosen"),
    [
        pytest.param(manifest("semver: {range: 1.x}"), [], "1.2.0", id="semver"),
        pytest.param(manifest("semver: {range: 1.x}", version="v1beta1"), [], "1.2.0", id="older-version"),
        pytest.param(manifest("semver: {range: 1.x}, deny: [{tag: 1.2.0}]"), [], "1.1.0", id="rule"),
        pytest.param(
            manifest("numerical: {}", more=", filterTags: {pattern: '^b-(.*)$', extract: '$1'}"),
            [],
            "b-8 (ranked by 8)",
            id="filter",
        ),
        pytest.param(
            manifest("semver: {range: 1.x}, allowDowngrade: false"),
            ["--current", "1.3.0"],
            "1.3.0 (kept: 1.2.0 would be a downgrade)",
            id="downgrade",
        ),
        pytest.param(
            manifest("semver: {range: 1.x}") + manifest("alphabetical: {}", name="other"),
            ["--name", "other"],
            "b-8",
            id="one-of-several",
        ),
        pytest.param("kind: Secret\n---\n- 1\n" + manifest("semver: {range: 1.x}"), [], "1.2.0", id="among-others"),
        pytest.param(
            manifest("keys: [{extract: '$1', type: numerical}]", more=", filterTags: {pattern: '^b-(.*)$'}"),
            [],
            "b-8",
            id="keys",
        ),
    ],
)
def test_policy_of_a_manifest_chooses(
    text: str, more: list[str], chosen: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "policy.yaml").write_text(text)
    tags = ["1.0.0", "1.1.0", "1.2.0", "b-7", "b-8"]
    assert main(["policy", "test", "-f", str(tmp_path / "policy.yaml"), *more, *tags]) == 0
    assert capsys.readouterr().out.splitlines()[0] == chosen


def test_exclusion_list_of_the_manifest_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"{REPOSITORY}{manifest('alphabetical: {}')}"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((text).encode())))
    assert main(["policy", "test", "-f", "-", "1.0.0", "2.0.0-alpha"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1.0.0",
        "",
        "  TAGS  WHY NOT CHOSEN                              FOR EXAMPLE",
        "     1  is on the ImageRepository's exclusion list",
    ]


def test_ages_are_not_known_offline(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO((manifest("semver: {range: '*'}, minAge: 72h")).encode()))
    )
    assert main(["policy", "test", "-f", "-", "1.0.0"]) == 0
    assert capsys.readouterr().err == "minAge is left out: only a cluster knows when tags were first seen\n"


OFFLINE = "cannot be answered offline: apply the policy and ask tagline explain policy"


@pytest.mark.parametrize(
    ("text", "more", "reason"),
    [
        pytest.param("a: [", ["1"], "policy.yaml:2:1: not YAML", id="no-yaml"),
        pytest.param("a: \udcff", ["1"], "policy.yaml: not UTF-8 at byte 3", id="no-text"),
        pytest.param("a: 2020-13-45", ["1"], "policy.yaml: exactly one ImagePolicy is needed", id="no-date"),
        pytest.param("[" * 5000, ["1"], "policy.yaml:2:1: not YAML", id="nested-without-end"),
        pytest.param("[" * 5000 + "]" * 5000, ["1"], "nested too deeply", id="nested-deeply"),
        pytest.param("kind: ImagePolicy", ["1"], "and --name chooses one; there: none", id="no-policy"),
        pytest.param(manifest("") + manifest("", name="b"), ["1"], "--name chooses one; there: app, b", id="several"),
        pytest.param(manifest(""), ["--name", "b", "1"], "--name chooses one; there: app", id="wrong-name"),
        pytest.param(manifest("semver: {range: 1}"), ["1"], "Expected `str`, got `int` - at `$.spec", id="wrong-type"),
        pytest.param(manifest("semver: {range: '*'}, minAge: soon"), ["1"], "soon", id="wrong-duration"),
        pytest.param(
            manifest("semver: {range: '*'}, platforms: [linux/arm64]"),
            ["1.0.0"],
            f"platforms {OFFLINE}",
            id="platforms",
        ),
        pytest.param(manifest("newest: {by: FirstSeen}"), ["1"], f"newest {OFFLINE}", id="newest"),
        pytest.param(manifest("semver: {range: '*'}"), ["--pattern", "x", "1"], "leave them out", id="two-filters"),
        pytest.param(REPOSITORY.replace("-alpha$", "(") + manifest("numerical: {}"), ["1"], "regex (", id="exclusion"),
    ],
)
def test_what_a_manifest_cannot_be_asked_says_why(
    text: str, more: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "policy.yaml").write_bytes(text.encode(errors="surrogateescape"))
    assert main(["policy", "test", "-f", str(tmp_path / "policy.yaml"), *more]) == 2
    assert reason in capsys.readouterr().err


def test_manifest_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["policy", "test", "-f", str(tmp_path / "none"), "1"]) == 2
    assert capsys.readouterr().err == f"cannot read {tmp_path}/none: No such file or directory\n"


def test_standard_input_cannot_be_manifest_and_tags(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "test", "-f", "-"]) == 2
    assert "give the tags as arguments" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--name", "--current"])
def test_options_about_a_manifest_need_one(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "test", "--semver", "*", option, "1.0.0", "1.1.0"]) == 2
    assert "name it with --file" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["List", "ImagePolicyList"])
def test_a_list_is_what_is_in_it(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As `kubectl get imagepolicies,imagerepositories -o yaml` prints it, lists in lists included."""
    items = [document for document in manifest("semver: {range: '*'}").split("---\n") if document.strip()]
    texts = ["- " + item.strip().replace("\n", "\n  ") for item in items]
    inner = f"apiVersion: v1\nkind: {kind}\nitems:\n" + "\n".join(texts)
    path = tmp_path / "list.yaml"
    path.write_text("apiVersion: v1\nkind: List\nitems:\n- " + inner.replace("\n", "\n  ") + "\n- 5\n")
    assert main(["policy", "test", "-f", str(path), "1.0.0", "1.2.0"]) == 0
    assert capsys.readouterr().out.startswith("1.2.0\n")


def test_bytes_of_standard_input_that_are_no_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a: \xe4\n"), encoding="utf-8"))
    assert main(["policy", "test", "-f", "-", "1.0.0"]) == 2
    assert "not UTF-8 at byte 3" in capsys.readouterr().err
