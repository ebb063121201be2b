"""Objects of Kubernetes in files: read from files, folders and standard input, each with the place that it stands at.

What is not about images, their policies, automations, Git repositories or secrets is passed over, so that a whole
repository can be given. Whether an object is valid is up to the API that it goes to.
"""

import errno
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from api.core import NAMESPACES, SECRETS, SERVICE_ACCOUNTS
from api.kinds import KINDS
from cli.secrets_in_manifests import BadSecret, complete_secret
from cli.yaml_documents import NotYaml, load_documents

Json: TypeAlias = dict[str, Any]

STANDARD_INPUT: Final = "-"
SUFFIXES: Final = (".yaml", ".yml", ".json")
KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
MAX_FILE_BYTES: Final = 16 << 20
"""Of a file with manifests; larger ones in folders are data of another kind."""
SKIPPED_FOLDERS: Final = frozenset({".git", "node_modules"})

_KINDS: Final = {
    (resource.group, resource.kind)
    for resource in (NAMESPACES, SECRETS, SERVICE_ACCOUNTS, *(kind.resource for kind in KINDS))
    if resource.kind != "ImageTagList"  # made by a scan
}
_MENTIONS_KIND: Final = re.compile(
    rb"(?:image|source)\.toolkit\.fluxcd\.io/|kind[\"']?\s*:\s*[\"']?(?:Secret|ServiceAccount|Namespace)\b"
)
"""What a file must have to be worth parsing: a repository has thousands of others."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a file as the user would name it, and a line, 0 for the whole file."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object as a file says it, with a namespace where its kind has one."""

    document: Json
    place: Place

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Return group, kind, namespace and name: one object has one of each."""
        metadata = self.document["metadata"]
        group = self.document["apiVersion"].rpartition("/")[0]
        return group, self.document["kind"], metadata.get("namespace", ""), metadata["name"]

    def __str__(self) -> str:
        _, kind, namespace, name = self.identity
        return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at a place, in words for the user."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(slots=True)
class Manifests:
    """What was read: objects in the order of the files, and what is wrong with others."""

    objects: list[Manifest] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_manifests(
    sources: Sequence[str], *, namespace: str = "default", environ: Mapping[str, str] = os.environ
) -> Manifests:
    """Return the objects of files and folders (with all folders below them), `-` being standard input.

    namespace: of objects that name none and whose folder's kustomization sets none. environ: for `${NAME}` in the
    values of Secrets.
    """
    reader = _Reader(namespace, environ)
    for source in sources:
        if source == STANDARD_INPUT:
            reader.read_text(sys.stdin.buffer.read(), "standard input", reader.namespace)
        elif os.path.isdir(source):
            for path in _files_below(source):
                reader.read_file(path, named=False)
        else:
            reader.read_file(source, named=True)
    return reader.result()


def read_files(
    root: Path, paths: Iterable[bytes], *, namespace: str = "default", environ: Mapping[str, str] = os.environ
) -> Manifests:
    """Return the objects in those of a checkout's files that have any. paths: from the root; so are the places."""
    reader = _Reader(namespace, environ, root=root)
    for path in paths:
        name = os.fsdecode(path)
        if name.endswith(SUFFIXES):
            reader.read_file(name, named=False)
    return reader.result()


class _Reader:
    def __init__(self, namespace: str, environ: Mapping[str, str], *, root: Path = Path()) -> None:
        self.namespace = namespace
        self._environ = environ
        self._root = root
        self._by_folder: dict[str, str] = {}
        self._found: dict[tuple[str, str, str, str], Manifest] = {}
        self._manifests = Manifests()

    def result(self) -> Manifests:
        return self._manifests

    def read_file(self, name: str, *, named: bool) -> None:
        """Read one file; named: by the user, so that it must be there and be readable."""
        path = os.path.join(self._root, name)
        try:
            found = _stat(path)
            if not found or not stat.S_ISREG(found.st_mode) or (not named and found.st_size > MAX_FILE_BYTES):
                if named:
                    self._complain(Place(name), "is not a file" if found else "there is no such file")
                return
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            self._complain(Place(name), f"cannot be read: {error.strerror}")
            return
        if named or _MENTIONS_KIND.search(data):
            self.read_text(data, name, self._namespace_of(os.path.dirname(name)))

    def read_text(self, data: bytes, file: str, namespace: str) -> None:
        """Read all documents of a text."""
        try:
            for line, document in load_documents(data):
                for item in _items(document):
                    self._add(item, Place(file, line), namespace)
        except NotYaml as error:
            self._complain(Place(file, error.line), f"is not YAML: {error}")

    def _add(self, document: Any, place: Place, namespace: str) -> None:
        if not isinstance(document, dict):
            return
        api_version, kind = document.get("apiVersion"), document.get("kind")
        if not isinstance(api_version, str) or (api_version.rpartition("/")[0], kind) not in _KINDS:
            return
        metadata = document.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if not isinstance(metadata, dict) or not isinstance(name, str) or not name:
            self._complain(place, f"{kind} without metadata.name")
            return
        own = metadata.get("namespace")
        placed = {**metadata, "namespace": own or namespace} if kind != NAMESPACES.kind else metadata
        self._keep(Manifest({**document, "metadata": placed}, place))

    def _keep(self, manifest: Manifest) -> None:
        if manifest.document["kind"] == SECRETS.kind:
            try:
                manifest = Manifest(complete_secret(manifest.document, self._environ), manifest.place)
            except BadSecret as error:
                self._complain(manifest.place, f"{manifest}: {error}")
                return
        other = self._found.setdefault(manifest.identity, manifest)
        if other is manifest:
            self._manifests.objects.append(manifest)
        elif other.document != manifest.document:
            self._complain(manifest.place, f"{manifest} is at {other.place} as well, and not the same")

    def _complain(self, place: Place, message: str) -> None:
        self._manifests.problems.append(Problem(place, message))

    def _namespace_of(self, folder: str) -> str:
        """Return the namespace that the kustomization of a folder gives to what it lists."""
        if folder not in self._by_folder:
            self._by_folder[folder] = self._read_kustomization(folder) or self.namespace
        return self._by_folder[folder]

    def _read_kustomization(self, folder: str) -> str:
        for name in KUSTOMIZATIONS:
            try:
                documents = list(load_documents((self._root / folder / name).read_bytes()))
            except (OSError, NotYaml):
                continue
            namespace = documents[0][1].get("namespace") if documents and isinstance(documents[0][1], dict) else None
            return namespace if isinstance(namespace, str) else ""
        return ""


def _stat(path: str) -> os.stat_result | None:
    """Return what is at a path, None for nothing: also for a link to nothing and for one that leads in a circle."""
    try:
        return os.stat(path)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return None
        raise


def _items(document: Any) -> Iterator[Any]:
    """Yield a document, or the items of a `kind: List`."""
    if isinstance(document, dict) and document.get("kind") == "List" and isinstance(document.get("items"), list):
        yield from document["items"]
    else:
        yield document


def _files_below(folder: str) -> Iterator[str]:
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        for name in sorted(files):
            if name.endswith(SUFFIXES):
                yield os.path.normpath(os.path.join(path, name))
