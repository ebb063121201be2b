import os
import stat
from pathlib import Path

import pytest

from cli.bootstrap import kustomize
from cli.grammar.session import Failed

SHOW = '#!/bin/sh\necho "---"\ncat "$2/objects.yaml"\nenv >&2\n'


def install(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    ("content", "changes"),
    [
        ("resources:\n- a\n", False),
        ("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a]\n", False),
        ("resources:\n- a\npatches: []\n", True),
        ("images:\n- name: a\n", True),
        ("", False),
        ("a: [", False),
    ],
)
def test_a_kustomization_that_only_names_resources_needs_no_program(content: str, changes: bool) -> None:
    assert kustomize.changes_resources(content.encode()) is changes


def test_kubectl_or_kustomize_builds_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert kustomize.program() is None
    install(tmp_path, "kustomize", SHOW)
    assert kustomize.program() == (str(tmp_path / "kustomize"), "build")
    install(tmp_path, "kubectl", SHOW)
    command = kustomize.program()
    assert command == (str(tmp_path / "kubectl"), "kustomize")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    files = {"a/b/objects.yaml": b"kind: A\n---\nkind: B\n", "../outside": b"x"}
    assert kustomize.build(command, files, "a/b") == [{"kind": "A"}, {"kind": "B"}]


def test_files_of_the_repository_are_nobodys_settings(tmp_path: Path) -> None:
    install(tmp_path, "kubectl", '#!/bin/sh\necho "kind: Home"\necho "files: [$(ls -A "$HOME")]"\n')
    files = {".gitconfig": b"[core]\nsshCommand = touch /tmp/owned\n", ".kube/kuberc": b"", "a/k": b""}
    command = (str(tmp_path / "kubectl"), "kustomize")
    assert kustomize.build(command, files, "a") == [{"kind": "Home", "files": []}]


def test_what_the_program_says_of_a_broken_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_PASSWORD", "hunter2")
    install(tmp_path, "kubectl", '#!/bin/sh\necho "no file $2/x.yaml; $GIT_PASSWORD" >&2\nexit 1\n')
    with pytest.raises(Failed, match=r"a/b cannot be built, .*no file /a/b/x\.yaml;; mend it"):
        kustomize.build((str(tmp_path / "kubectl"), "kustomize"), {"a/b/k": b""}, "a/b")
