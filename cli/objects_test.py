import io
import os
from pathlib import Path
from typing import Any

import pytest

from cli.objects import (
    MAX_FILE_BYTES,
    BadInput,
    ForeignFile,
    Manifests,
    collect_files,
    collect_manifests,
    read_manifests,
)
from controllers.runtime.key import Key

POLICY = """\
apiVersion: image.toolkit.fluxcd.io/{version}
kind: ImagePolicy
metadata: {{name: {name}}}
spec: {{imageRepositoryRef: {{name: app}}, policy: {{semver: {{range: '*'}}}}}}
"""

EITHER = "exactly one of tag and pattern must be set"


def policy(name: str = "app", version: str = "v1") -> str:
    return POLICY.format(name=name, version=version)


def read(*sources: Path, **environ: str) -> Manifests:
    return read_manifests(map(str, sources), namespace="apps", environ=environ)


def problems(*sources: Path, **environ: str) -> list[str]:
    with pytest.raises(BadInput) as caught:
        read(*sources, **environ)
    return str(caught.value).splitlines()


def test_objects_of_a_folder_in_the_order_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(f"kind: Deployment\n---\n{policy('b', 'v1beta1')}")
    (tmp_path / "a.yml").write_text(policy("a") + "---\n" + policy("a2", "v1beta2"))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.json").write_text('{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}')
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "d.yaml").write_text(policy("hidden"))
    (tmp_path / "notes.txt").write_text(policy("text"))
    read_ = read(tmp_path)
    assert [(m.name, m.resource.version, m.place.removeprefix(f"{tmp_path}/")) for m in read_.manifests] == [
        ("ImagePolicy apps/a", "v1", "a.yml:1"),
        ("ImagePolicy apps/a2", "v1beta2", "a.yml:6"),
        ("ImagePolicy apps/b", "v1beta1", "b.yaml:3"),
        ("Namespace n", "v1", "sub/c.json:1"),
    ]


def test_lists_are_unfolded_and_status_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        '{"kind": "List", "apiVersion": "v1", "items": [{"apiVersion": "image.toolkit.fluxcd.io/v1", "kind": '
        '"ImageRepository", "metadata": {"name": "x", "namespace": "n"}, "spec": {"image": "i", "interval": "1h"}, '
        '"status": {"canonicalImageName": "i"}}]}'
    )
    (manifest,) = read(tmp_path).manifests
    assert (manifest.key, "status" in manifest.body) == (Key("n", "x"), False)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(policy().encode())))
    (manifest,) = read(Path("-")).manifests
    assert manifest.place == "stdin:1"


def test_texts_of_a_secret_refer_to_the_environment(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
        "stringData: {a: 'x${A}y', b: '$${A}', c: '$A', d: '${B}${A}'}\n"
    )
    (manifest,) = read(tmp_path, A="1", B="${A}").manifests
    assert manifest.body["stringData"] == {"a": "x1y", "b": "${A}", "c": "$A", "d": "${A}1"}
    (problem,) = problems(tmp_path, A="1")
    assert problem.endswith("s.yaml:1: the variable B, which the Secret refers to, is not set")


def test_all_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(policy().replace("range", "rang"))
    (tmp_path / "b.yaml").write_text(policy("b").replace("{semver:", "{deny: [{tagg: x}], semver:"))
    found = [problem.removeprefix(f"{tmp_path}/") for problem in problems(tmp_path, tmp_path / "none")]
    assert found == [
        "a.yaml:1: ImagePolicy apps/app: unknown field spec.policy.semver.rang; is range meant?",
        "a.yaml:1: ImagePolicy apps/app: spec.policy.semver.range: Required value",
        "b.yaml:1: ImagePolicy apps/b: unknown field spec.policy.deny[0].tagg; is tag meant?",
        f'b.yaml:1: ImagePolicy apps/b: spec.policy.deny[0]: Invalid value: "object": {EITHER}',
        "none: there is no such file or folder",
    ]


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ("semver.rang: x", "spec.policy.semver.rang; is semver meant?"),
        ("'semv[0]': x", "spec.policy.semv[0]; is semver meant?"),
        ("5: x", "spec.policy.5"),
        ("'.': x", "spec.policy.."),
    ],
)
def test_unknown_fields_of_any_name_are_named(field: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(policy().replace("{semver:", f"{{{field}, semver:"))
    (problem,) = problems(tmp_path)
    assert problem.endswith(f"unknown field {named}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("kind: ImagePolici", "there is no kind 'ImagePolici'", id="kind"),
        pytest.param("kind: ImageTagList", "there is no kind 'ImageTagList'", id="internal-kind"),
        pytest.param("kind: ImagePolicy", "ImagePolicy without metadata.name", id="no-metadata"),
        pytest.param("kind: ImagePolicy\nmetadata: []", "without metadata.name", id="metadata-in-a-list"),
        pytest.param("kind: ImagePolicy\nmetadata: {name: 5}", "without metadata.name", id="name-of-a-number"),
        pytest.param("kind: ImagePolicy\nmetadata: {name: x}\nspec: []", "must be of type object", id="spec-in-a-list"),
        pytest.param("kind: ImagePolicy\nmetadata: {name: x}\nspec: 2024-01-01", "must be of type object", id="date"),
        pytest.param("kind: &a [*a]", "its aliases stand for more", id="kind-in-a-list"),
        pytest.param("kind: ImagePolicy\nmetadata: {name: x}\nspec: &a {policy: *a}", "not YAML", id="endless"),
        pytest.param("kind: !!python/object:x {}", "not YAML: could not determine a constructor", id="tag"),
        pytest.param("kind: x\n\tbad: y", "a.yaml:3:1: not YAML", id="tab"),
    ],
)
def test_what_is_meant_for_us_and_cannot_be_used(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"apiVersion: image.toolkit.fluxcd.io/v1\n{text}\n")
    (found,) = problems(tmp_path)
    assert problem in found


def test_what_is_not_meant_for_us_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text("{{ if x }}\nkind: Secret\n{{ end }}\n")
    (tmp_path / "latin.yaml").write_bytes(b"kind: Secret # \xe4\n")
    (tmp_path / "other.yaml").write_text("apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\n")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "dangling.yaml").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.yaml")
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(1 << 30)
    found = read(tmp_path)
    assert found.manifests == ()
    assert found.notices == (f"{tmp_path}/huge.yaml: larger than {MAX_FILE_BYTES >> 20} MiB, so it was not read",)


def test_a_file_that_was_named_has_to_be_readable(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("{{ if x }}\n")
    assert "not YAML" in problems(tmp_path / "a.yaml")[0]
    (tmp_path / "b.yaml").write_bytes(b"a: \xe4\n")
    assert problems(tmp_path / "b.yaml") == [f"{tmp_path}/b.yaml: not UTF-8 at byte 3; save the file as UTF-8"]
    (tmp_path / "dangling.yaml").symlink_to("nowhere")
    assert "no such file" in problems(tmp_path / "dangling.yaml")[0]


def test_a_large_file_with_objects_of_ours_is_a_problem(tmp_path: Path) -> None:
    """Unlike a large file of something else: a run that knows half of what it should do is not begun."""
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.write(policy().encode())
        file.truncate(MAX_FILE_BYTES + 1)
    said = "huge.yaml: larger than 8 MiB, so its objects are not read: split it"
    assert problems(tmp_path) == [f"{tmp_path}/{said}"]
    assert collect_files(tmp_path, [b"huge.yaml"], namespace="apps", environ={}).problems == (said,)
    (tmp_path / "huge.yaml").write_bytes(b" " * (MAX_FILE_BYTES + 1))
    assert problems(tmp_path / "huge.yaml") == [f"{tmp_path}/{said}"]
    assert (
        read(tmp_path).problems == collect_files(tmp_path, [b"huge.yaml"], namespace="apps", environ={}).problems == ()
    )


def test_what_was_named_and_is_no_file_is_a_problem(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (found,) = problems(tmp_path / "pipe.yaml")
    assert "pipe.yaml: a pipe or device, not a file: give what it has to standard input" in found
    (found,) = problems(Path("x" * 5000))
    assert "there is no such file or folder" in found


def test_the_kustomization_of_a_folder_is_for_the_files_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kustomization.yaml").write_text("namespace: here\n")
    (tmp_path / "a.yaml").write_text(policy())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(policy("stdin").encode())))
    more = [
        ForeignFile("https://git.example.com/fleet: b.yaml", policy("remote").encode()),
        ForeignFile("https://git.example.com/fleet: c/c.yaml", policy("kustomized").encode(), "there"),
        ForeignFile("https://git.example.com/fleet: d.yaml", policy("last").encode()),
    ]
    found = read_manifests(["a.yaml", "-"], namespace="apps", environ={}, more=more)
    assert {m.key.name: m.key.namespace for m in found.manifests} == {
        "app": "here", "stdin": "apps", "remote": "apps", "kustomized": "there", "last": "apps"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_a_kustomization_that_is_no_file_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.yaml").write_text(policy())
    os.mkfifo(tmp_path / name)
    assert [m.key.namespace for m in read(tmp_path).manifests] == ["apps"]
    os.unlink(tmp_path / name)
    with (tmp_path / name).open("wb") as file:
        file.truncate(1 << 30)
    found = read(tmp_path)
    assert [m.key.namespace for m in found.manifests] == ["apps"]
    assert any("larger than 8 MiB, so its namespace is not known" in notice for notice in found.notices)


def test_encrypted_secrets_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: ENC}\nsops: {}\n")
    found: Any = read(tmp_path)
    assert found.manifests == ()
    assert "Secret s is encrypted with SOPS" in found.notices[0]


def test_the_kustomization_of_a_folder_gives_the_namespace(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "kustomization.yaml").write_text("namespace: flux-system\n")
    (tmp_path / "sub" / "a.yaml").write_text(policy("a"))
    (tmp_path / "b.yaml").write_text(policy("b"))
    assert {m.name for m in read(tmp_path).manifests} == {"ImagePolicy flux-system/a", "ImagePolicy apps/b"}
    found = collect_files(tmp_path, [b"sub/a.yaml", b"gone.yaml", b"sub"], namespace="apps", environ={})
    assert [(m.name, m.place) for m in found.manifests] == [("ImagePolicy flux-system/a", "sub/a.yaml:1")]


def test_what_can_be_used_is_collected_and_the_rest_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(policy("a") + "---\n" + policy("b").replace("range", "rang"))
    found = collect_manifests([str(tmp_path)], namespace="apps", environ={})
    assert [m.name for m in found.manifests] == ["ImagePolicy apps/a"]
    assert all("ImagePolicy apps/b" in problem for problem in found.problems)
    assert found.problems


def test_the_same_object_twice_is_one_and_another_one_of_its_name_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(policy())
    (tmp_path / "b.yaml").write_text(policy())
    assert len(read(tmp_path).manifests) == 1
    (tmp_path / "c.yaml").write_text(policy().replace("'*'", "1.x"))
    (problem,) = problems(tmp_path)
    assert problem.endswith(f"is there twice, and not the same; the first is at {tmp_path}/a.yaml:1")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("stringData: {password: 12345}", "stringData.password is not a text: write it in quotes"),
        ("data: {password: 's3cret!'}", "data.password is not base64: put a plain value into stringData"),
        ("data: [s3cret]", "data is not a map"),
    ],
)
def test_values_of_a_secret_that_cannot_be_used_are_named_and_not_shown(
    tmp_path: Path, text: str, problem: str
) -> None:
    (tmp_path / "s.yaml").write_text(f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n{text}\n")
    (found,) = problems(tmp_path)
    assert found == f"{tmp_path}/s.yaml:1: Secret apps/s: {problem}"
    assert "s3cret" not in found
