"""Judges cli/manifests.py and what it stands on: which objects files have, where, and what is said of bad ones."""

import base64
import io
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from cli.manifests import Manifests, read_files, read_manifests

POLICY = """\
apiVersion: image.toolkit.fluxcd.io/v1beta2
kind: ImagePolicy
metadata:
  name: app
spec:
  imageRepositoryRef: {name: app}
"""
SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: pull, namespace: apps}
"""


def read(
    tmp_path: Path, files: Mapping[str, str], *sources: str, environ: Mapping[str, str] | None = None
) -> Manifests:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_manifests([str(tmp_path / source) for source in sources or (".",)], environ=environ or {})


def found(manifests: Manifests, root: Path) -> list[tuple[str, str]]:
    assert not manifests.problems
    return [(str(m), str(m.place).removeprefix(f"{root}/")) for m in manifests.objects]


def problem(manifests: Manifests, root: Path) -> str:
    assert len(manifests.problems) == 1
    return str(manifests.problems[0]).replace(f"{root}/", "")


def test_objects_are_found_in_all_folders_with_the_line_they_begin_at(tmp_path: Path) -> None:
    files = {
        "b/objects.yaml": f"# two of them\n---\n{POLICY}---\n{SECRET}",
        "a.yml": POLICY.replace("name: app", "name: other\n  namespace: apps", 1),
        "deployment.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n",
        ".git/config.yaml": POLICY,
        "values.yaml": "image: {{ broken",
    }
    assert found(read(tmp_path, files), tmp_path) == [
        ("ImagePolicy apps/other", "a.yml:1"),
        ("ImagePolicy default/app", "b/objects.yaml:3"),
        ("Secret apps/pull", "b/objects.yaml:10"),
    ]


def test_a_list_and_json_are_read(tmp_path: Path) -> None:
    text = '{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "image.toolkit.fluxcd.io/v1", '
    text += '"kind": "ImageRepository", "metadata": {"name": "app"}}]}'
    assert found(read(tmp_path, {"all.json": text}), tmp_path) == [("ImageRepository default/app", "all.json:1")]


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(POLICY.encode())))
    manifests = read_manifests(["-"])
    assert [str(m.place) for m in manifests.objects] == ["standard input:1"]


def test_the_kustomization_of_a_folder_gives_the_namespace(tmp_path: Path) -> None:
    files = {"apps/kustomization.yaml": "namespace: flux-system\n", "apps/app.yaml": POLICY}
    assert found(read(tmp_path, files), tmp_path) == [("ImagePolicy flux-system/app", "apps/app.yaml:1")]


def test_a_checkout_is_read_by_its_own_paths(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text(POLICY)
    manifests = read_files(tmp_path, [b"app.yaml", b"gone.yaml", b"README.md"])
    assert [str(m.place) for m in manifests.objects] == ["app.yaml:1"]


def test_a_date_and_an_exponent_stay_what_the_api_server_reads(tmp_path: Path) -> None:
    text = POLICY.replace("spec:", "  annotations: {day: 2026-11-30}\nspec:")
    assert read(tmp_path, {"a.yaml": text}).objects[0].document["metadata"]["annotations"] == {"day": "2026-11-30"}


def test_the_same_object_twice_is_one_and_two_that_differ_are_a_problem(tmp_path: Path) -> None:
    assert len(found(read(tmp_path, {"a.yaml": POLICY, "b.yaml": POLICY}), tmp_path)) == 1
    manifests = read(tmp_path, {"b.yaml": POLICY.replace("{name: app}", "{name: web}")})
    assert problem(manifests, tmp_path) == (
        f"b.yaml:1: ImagePolicy default/app is at {tmp_path}/a.yaml:1 as well, and not the same".replace(
            f"{tmp_path}/", ""
        )
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (POLICY + "spec: {}\n", "a.yaml:7: is not YAML: the key spec is there twice"),
        (POLICY + "  - x\n", "a.yaml:7: is not YAML: while parsing a block mapping, did not find expected key"),
        (POLICY.replace("  name: app\n", "  name: 7\n"), "a.yaml:1: ImagePolicy without metadata.name"),
        (POLICY.replace("metadata:\n  name: app\n", ""), "a.yaml:1: ImagePolicy without metadata.name"),
        (POLICY + "deep: " + "[" * 200 + "]" * 200, "a.yaml:7: is not YAML: it is nested too deeply"),
        (
            POLICY + "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
                f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 10)}]\n" for i in range(6)
            ),
            "a.yaml:12: is not YAML: its aliases stand for more than 500000 values",
        ),
        (POLICY + "loop: &l [*l]\n", "a.yaml:7: is not YAML: its aliases stand for more than 500000 values"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    assert problem(read(tmp_path, {"a.yaml": text}), tmp_path).startswith(message)


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    assert problem(read(tmp_path, {}, "none.yaml"), tmp_path) == "none.yaml: there is no such file"


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(POLICY.encode() + b"# \xff\n")
    assert problem(read(tmp_path, {}), tmp_path) == "a.yaml: is not YAML: byte 126 is not UTF-8"


def secret(tmp_path: Path, text: str, environ: Mapping[str, str]) -> dict[str, str]:
    manifests = read(tmp_path, {"s.yaml": SECRET + text}, environ=environ)
    assert not manifests.problems
    assert "stringData" not in manifests.objects[0].document
    return {key: base64.b64decode(value).decode() for key, value in manifests.objects[0].document["data"].items()}


def test_secrets_take_values_from_the_environment(tmp_path: Path) -> None:
    text = "stringData: {password: 'x-${TOKEN}', user: '${USER_NAME:-ci}', plain: 'a$$b$c$${TOKEN}'}\ndata: {k: eA==}\n"
    assert secret(tmp_path, text, {"TOKEN": "t0p"}) == {
        "password": "x-t0p", "user": "ci", "plain": "a$$b$c${TOKEN}", "k": "x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stringData: {password: '${TOKEN}'}", "stringData.password: the variable TOKEN is not set"),
        ("stringData: {password: 12345}", "stringData.password is not a text: write it in quotes"),
        ("data: {password: 's3cret!'}", "data.password is not base64: put a plain value into stringData"),
        ("data: [s3cret]", "data is not a map"),
        ("sops: {mac: x}", "it is encrypted with SOPS: decrypt it"),
    ],
)
def test_a_secret_that_cannot_be_used_is_named_without_its_values(tmp_path: Path, text: str, message: str) -> None:
    said = problem(read(tmp_path, {"s.yaml": SECRET + text}), tmp_path)
    assert said.startswith(f"s.yaml:1: Secret apps/pull: {message}")
    assert "s3cret" not in said
