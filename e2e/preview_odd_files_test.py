"""`cli.verbs.preview`: odd files are foreseen as `tagline automate --once` commits them, byte for byte."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hack.controllers import ROOT
from testing.gitserver import ENVIRONMENT, GIT, BareRepository, Content, git_server
from testing.loopback_registry import loopback_registry
from testing.registry_server import RegistryHandler

MANIFESTS = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: app, namespace: apps}}
spec: {{image: "{host}/org/app", interval: 1h}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: app, namespace: apps}}
spec:
  imageRepositoryRef: {{name: app}}
  policy: {{semver: {{range: ">=1.0.0"}}}}
  digestReflectionPolicy: {digest}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: fleet, namespace: apps}}
spec: {{url: "{git}/fleet.git", interval: 1m, ref: {{branch: main}}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {{name: fleet, namespace: apps}}
spec:
  interval: 1h
  sourceRef: {{kind: GitRepository, name: fleet}}
  git:
    commit:
      author: {{email: bot@example.com}}
{message}
{push}
  update: {update}
"""
MESSAGE = """\
      messageTemplateValues: {where: "prod – ä"}
      messageTemplate: |+
        {{.Values.where}}
        {{range $file, $objects := .Changed.FileChanges}}{{$file}}
        {{range $objects}}{{range .}}- {{.OldValue}} → {{.NewValue}}
        {{end}}{{end}}{{end}}

"""
MARK = '# {"$imagepolicy": "apps:app:tag"}'
FILLER = "".join(f"line{number}: {number}\n" for number in range(30))
FILES: Mapping[str, Content] = {
    "windows.yaml": f"a: 1\r\ntag: 1.0.0 {MARK}\r\nb: 2\r\n",
    "bom.yaml": f"\ufefftag: 1.0.0 {MARK}\n",
    "no-newline.yaml": f"a: 1\ntag: 1.0.0 {MARK}",
    "no-newline-far.yaml": f"tag: 1.0.0 {MARK}\n{FILLER}last: 1",
    "one-line.yaml": f"tag: 1.0.0 {MARK}\n",
    "a folder/with blanks.yaml": f"tag: 1.0.0 {MARK}\n",
    "a folder-b/x.yaml": f"tag: 1.0.0 {MARK}\n",
    "a folder.yaml": f"tag: 1.0.0 {MARK}\n",
    "größe/ä.yaml": f"größe: ä\ntag: 1.0.0 {MARK}\n",
    "größe/ä ö.yaml": f"tag: 1.0.0 {MARK}\n",
    'quo"te\\.yaml': f"tag: 1.0.0 {MARK}\n",
    "equal-lines.yaml": f"- tag: 1.0.0 {MARK}\n- tag: 1.2.0 {MARK}\n- tag: 1.1.0 {MARK}\n\n- tag: 1.2.0 {MARK}\n" * 3,
    "apart-6.yaml": f"a: 1.0.0 {MARK}\n1: 1\n2: 1\n3: 1\n4: 1\n5: 1\n6: 1\nb: 1.0.0 {MARK}\n",
    "apart-7.yaml": f"a: 1.0.0 {MARK}\n1: 1\n2: 1\n3: 1\n4: 1\n5: 1\n6: 1\n7: 1\nb: 1.0.0 {MARK}\n",
    "several-lines.yaml": f'x: 1\ntag: "1.\\\n  0.0" {MARK}\n{FILLER}tag2: 1.0.0 {MARK}\n',
    "script.yaml": ("100755", f"tag: 1.0.0 {MARK}\n"),
    "link.yaml": ("120000", "one-line.yaml"),
    "elsewhere.yaml": ("120000", "/etc/hostname"),
    "two-documents.yaml": f"---\ntag: 1.0.0 {MARK}\n...\n---\ntag: 1.1.0 {MARK}\n",
    "broken.yaml": f"a: [\ntag: 1.0.0 {MARK}\n",
    "tabs.yaml": f"tag:\t1.0.0\t{MARK}  \n",
    "variables.env": f"TAG=1.0.0 {MARK}\n",
    "Dockerfile": f'{MARK.replace("tag", "name")}\nFROM example.com/app:1.0.0 # {{"$imagepolicy": "apps:app"}}\n',
    "not-utf-8.env": b"# \xe4\nTAG=1.0.0 " + MARK.encode() + b"\n",
}


@dataclass(frozen=True, slots=True)
class World:
    """A registry with 1.2.0 as the newest tag, a repository, and the place for manifests outside of it."""

    folder: Path
    host: str
    repository: BareRepository
    git_url: str

    def write(self, *, digest: str = "Never", message: str = "", update: str = "{}", push: str = "") -> None:
        text = MANIFESTS.format(
            host=self.host, git=self.git_url, digest=digest, message=message, update=update, push=push
        )
        (self.folder / "manifests.yaml").write_text(text)

    def tagline(self, verb: str, *arguments: str, where: Path | None = None) -> bytes:
        variables = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", verb, *arguments], capture_output=True, check=False, env=variables,
            cwd=where or self.folder,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
        return done.stdout

    def checkout(self, branch: str = "main") -> Path:
        path = self.folder / f"checkout-{branch}"
        git(self.folder, "clone", "-q", "--branch", branch, f"{self.git_url}/fleet.git", str(path))
        return path

    def preview(self, checkout: Path) -> tuple[bytes, dict[str, Any]]:
        """Return the text and the JSON of a preview."""
        options = ("-f", str(self.folder / "manifests.yaml"))
        report = json.loads(self.tagline("preview", *options, "-o", "json", where=checkout))
        return self.tagline("preview", *options, where=checkout), report["automations"][0]

    def automate(self) -> Any:
        return json.loads(self.tagline("automate", "manifests.yaml", "--once", "--state=state.db", "--output=json"))


def git(folder: Path, *arguments: str, data: bytes = b"") -> bytes:
    return subprocess.run(
        [GIT, "-C", str(folder), *arguments], input=data, capture_output=True, check=True, env=ENVIRONMENT
    ).stdout


def commit_of(world: World, branch: str = "main") -> tuple[bytes, bytes]:
    """Return message and diff of a branch's newest commit, without object names and headings of hunks."""
    path = world.repository.path
    message = git(path, "cat-file", "commit", branch).partition(b"\n\n")[2]
    diff = git(path, "diff-tree", "-p", "--no-renames", "--no-commit-id", "--no-color", branch)
    diff = re.sub(rb"^index [0-9a-f]+\.\.[0-9a-f]+( \d+)?\n", b"", diff, flags=re.MULTILINE)
    return message, re.sub(rb"^(@@ [^@]+ @@) .*$", rb"\1", diff, flags=re.MULTILINE)


def require_same(world: World, checkout: Path, *, branch: str = "main") -> None:
    """Preview, automate, compare."""
    text, report = world.preview(checkout)
    world.automate()
    message, diff = commit_of(world, branch)
    assert text[text.index(b"diff --git ") :].startswith(diff)
    assert report["diff"] == diff.decode(errors="replace")
    assert report["message"] == message.decode()
    git(checkout, "apply", "--index", data=text)
    assert git(checkout, "write-tree") == git(world.repository.path, "rev-parse", f"{branch}^{{tree}}")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    tags = RegistryHandler({"org/app": ["1.0.0", "1.1.0", "1.2.0"]})
    with loopback_registry(tags) as registry, git_server(tmp_path) as server:
        yield World(tmp_path, registry.host, server.repository("fleet"), server.url)


def test_odd_files_are_foreseen_byte_for_byte(world: World) -> None:
    world.repository.commit(FILES)
    world.write(message=MESSAGE, update='{files: ["*.env", Dockerfile]}')
    require_same(world, world.checkout())


@pytest.mark.parametrize(
    "update",
    ["{path: ./größe}", "{path: one-line.yaml}", "{path: 'a folder'}", "{path: /größe/}"],
)
def test_parts_of_a_repository_are_foreseen(world: World, update: str) -> None:
    world.repository.commit(FILES)
    world.write(update=update)
    require_same(world, world.checkout())


def test_a_push_branch_that_exists_is_foreseen_from_its_checkout(world: World) -> None:
    world.repository.commit(FILES)
    world.repository.commit({"one-line.yaml": f"tag: 1.1.0 {MARK}\n"}, branch="updates", onto=world.repository.head())
    world.write(push="    push: {branch: updates}")
    elsewhere, _ = world.preview(world.checkout())
    assert b"note: ImageUpdateAutomation apps/fleet adds to branch updates, which exists already" in elsewhere
    require_same(world, world.checkout("updates"), branch="updates")


def test_a_reflected_digest_is_foreseen(world: World) -> None:
    world.repository.commit({"app.yaml": f'image: {world.host}/org/app:1.0.0 # {{"$imagepolicy": "apps:app"}}\n'})
    world.write(digest="IfNotPresent")
    require_same(world, world.checkout())
