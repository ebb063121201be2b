"""Objects from files: manifests of the served kinds in files, folders and on stdin, each with its place.

Files of a GitOps repository hold much else, which is left alone. What is meant for us and cannot be used is an error
with file and line, and all such errors are collected: a run that knows half of what it should do is not begun.
"""

import errno
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from api.kinds import KINDS
from api.names import IMAGE_GROUP, SOURCE_GROUP
from api.resource import Resource
from cli.object_problems import find_all, suggest
from cli.reading import TooLarge, UnfitFile, mentions, read_file
from cli.yaml_documents import NotYaml, load_documents
from controllers.net.foreign_text import escape
from controllers.net.library_errors import describe
from controllers.net.url import show_remote
from controllers.runtime.embedded.served import ServedKinds
from controllers.runtime.key import Key
from controllers.worktree.committed import AS_THEY_ARE, CommittedContents, UnknownContent

MAX_FILE_BYTES: Final = 8 << 20
SUFFIXES: Final = (".yaml", ".yml", ".json")
KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_OURS: Final = re.compile(
    rb"(?:image|source)\.toolkit\.fluxcd\.io|\bkind[\"']?\s*:\s*[\"']?(?:Secret|Namespace|ServiceAccount)\b"
)
_TOOLKIT: Final = b".toolkit.fluxcd.io"
_BUILT_IN: Final = frozenset({"Secret", "Namespace", "ServiceAccount"})
_READ: Final = frozenset({kind.resource.kind for kind in KINDS} - {"ImageTagList"}) | _BUILT_IN
_REFERENCE: Final = re.compile(r"\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class BadInput(Exception):
    """What was given cannot be used. One problem a line, each with its place and what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object as a file states it."""

    place: str
    """`path:line` of its document."""
    resource: Resource
    """In the version it is written in."""
    key: Key
    body: dict[str, Any] = field(repr=False)
    """May have the values of a Secret in it."""

    @property
    def name(self) -> str:
        """`Kind namespace/name`, for messages."""
        return f"{self.resource.kind} {self.key}"


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """A file that is not on this machine."""

    place: str
    data: bytes = field(repr=False)
    namespace: str = ""
    """That of its folder's kustomization; empty for none."""


@dataclass
class _Reading:
    namespace: str
    environ: Mapping[str, str]
    root: Path = Path()
    namespaces: dict[str, str] = field(default_factory=dict)
    """Of folders, as their kustomizations say."""
    manifests: dict[tuple[str, Key], Manifest] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Manifests:
    """What was read."""

    manifests: tuple[Manifest, ...]
    notices: tuple[str, ...]
    """What was passed over although it looks like ours."""
    problems: tuple[str, ...] = ()
    """What cannot be used, each with its place."""

    def of(self, kind: str) -> list[Manifest]:
        """Return the objects of a kind."""
        return [manifest for manifest in self.manifests if manifest.resource.kind == kind]


def read_manifests(
    sources: Iterable[str],
    *,
    namespace: str,
    environ: Mapping[str, str],
    more: Iterable[ForeignFile] = (),
) -> Manifests:
    """Read the objects of files, folders and stdin (`-`). Raises BadInput when one of them cannot be used.

    See `collect_manifests`.
    """
    found = collect_manifests(sources, namespace=namespace, environ=environ, more=more)
    if found.problems:
        raise BadInput("\n".join(found.problems))
    return found


def collect_manifests(
    sources: Iterable[str],
    *,
    namespace: str,
    environ: Mapping[str, str],
    more: Iterable[ForeignFile] = (),
) -> Manifests:
    """Read the objects of files, folders and stdin (`-`) that can be used; the problems tell of the others.

    namespace: of objects that name none, and whose folder's kustomization sets none. environ: what `${NAME}` in the
    values of a Secret stands for. more: files from elsewhere.
    """
    reading = _Reading(namespace, environ)
    for source in sources:
        _read_source(source, reading)
    for file in more:
        _read_file(file.place, file.data, replace(reading, namespace=file.namespace or namespace))
    return _result(reading)


def collect_files(
    root: Path,
    paths: Iterable[bytes],
    contents: CommittedContents = AS_THEY_ARE,
    *,
    namespace: str,
    environ: Mapping[str, str],
) -> Manifests:
    """Read the objects of a checkout's files like `collect_manifests`, as they are committed.

    paths: from the root; so are the places.
    """
    reading = _Reading(namespace, environ, root)
    base, suffixes = os.fsencode(root), tuple(map(os.fsencode, SUFFIXES))
    for path in paths:
        if not path.endswith(suffixes):
            continue
        name = os.fsdecode(path)
        data = _read(os.path.join(base, path), escape(name), reading)
        try:
            if data is not None and (may_hold_objects(data) or contents.is_opaque(path)):
                data = contents.read(path, data)
            elif path in contents.absent:
                data = contents.read_absent(path)
        except UnknownContent as error:
            reading.notices.append(f"{escape(name)}: {error}, so it was not read")
            continue
        if data is not None and may_hold_objects(data):
            _read_file(name, data, reading, folder=os.path.dirname(name))
    return _result(reading)


def may_hold_objects(data: bytes) -> bool:
    """Return whether a file is worth to be read for objects."""
    return _OURS.search(data) is not None


def kustomized_namespace(data: bytes) -> str:
    """Return the namespace that a kustomization gives to what it lists; empty for none, and for what is no YAML."""
    try:
        return _namespace_in(list(load_documents(data)))
    except (ValueError, NotYaml):
        return ""


def _result(reading: _Reading) -> Manifests:
    return Manifests(tuple(reading.manifests.values()), tuple(reading.notices), tuple(reading.problems))


def _read_source(source: str, reading: _Reading) -> None:
    """Read what may hold objects; what was named itself has to be readable."""
    if source == "-":
        _read_file("stdin", sys.stdin.buffer.read(), reading, explicit=True)
    elif os.path.isdir(source):
        for file in map(str, _walk(Path(source))):
            data = _read(file, escape(file), reading, notice=True)
            if data is not None and may_hold_objects(data):
                _read_file(file, data, reading, folder=os.path.dirname(file))
    elif not os.path.exists(source):
        reading.problems.append(_why_missing(source))
    elif (data := _read(source, escape(source), reading, explicit=True)) is not None:
        _read_file(source, data, reading, folder=os.path.dirname(source), explicit=True)


def _why_missing(source: str) -> str:
    if "://" in source:
        return f"{show_remote(source)}: manifests are read from files and folders: clone it, and name the clone"
    return f"{source}: there is no such file or folder"


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder that may hold manifests, by name; hidden folders and links are not entered."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(files) if name.endswith(SUFFIXES))


def _read(
    path: str | bytes, shown: str, reading: _Reading, *, notice: bool = False, explicit: bool = False
) -> bytes | None:
    """Return the content of a file, None without any; what is left out although it may be ours is a problem.

    notice: say also of other large files that they are left out. explicit: the file was named, so all of it counts.
    """
    try:
        return read_file(path, limit=MAX_FILE_BYTES)
    except FileNotFoundError:  # a link to nowhere, or it has just been removed
        return None
    except TooLarge as error:
        if explicit or mentions(path, _TOOLKIT):
            reading.problems.append(f"{shown}: {error}, so its objects are not read: split it")
        elif notice:
            reading.notices.append(f"{shown}: {error}, so it was not read")
        return None
    except UnfitFile as error:
        if explicit:
            reading.problems.append(f"{shown}: {error}: give what it has to standard input, which is called -")
        return None
    except OSError as error:
        if error.errno != errno.ELOOP or explicit:
            reading.problems.append(f"{shown}: cannot be read: {describe(error)}")
        return None


def _read_file(
    place: str, data: bytes, reading: _Reading, *, folder: str | None = None, explicit: bool = False
) -> None:
    """Read the objects of a content. folder: whose kustomization counts; None for what is in none."""
    namespace, shown = reading.namespace, escape(place)
    if folder is not None:
        reading.namespace = _namespace_of(folder, reading)
    try:
        for line, document in load_documents(data):
            _read_document(f"{shown}:{line}", document, reading)
    except NotYaml as error:
        # A template among the manifests is nobody's mistake, unless objects of ours are in it.
        if explicit or _TOOLKIT in data:
            where = f"{shown}:{error.place}" if error.place else shown
            reading.problems.append(f"{where}: {error}")
    finally:
        reading.namespace = namespace


def _namespace_of(folder: str, reading: _Reading) -> str:
    """Return the namespace that the kustomization of a folder gives to what it lists."""
    if folder not in reading.namespaces:
        reading.namespaces[folder] = next(_kustomized(reading.root / folder, reading), "")
    return reading.namespaces[folder] or reading.namespace


def _kustomized(folder: Path, reading: _Reading) -> Iterator[str]:
    for name in KUSTOMIZATIONS:
        try:
            documents = list(load_documents(read_file(folder / name, limit=MAX_FILE_BYTES)))
        except TooLarge as error:
            reading.notices.append(f"{escape(str(folder / name))}: {error}, so its namespace is not known")
            continue
        except (OSError, UnfitFile, ValueError, NotYaml):
            continue
        if namespace := _namespace_in(documents):
            yield namespace


def _namespace_in(documents: Sequence[tuple[int, Any]]) -> str:
    namespace = documents[0][1].get("namespace") if documents and isinstance(documents[0][1], dict) else None
    return namespace if isinstance(namespace, str) else ""


def _read_document(place: str, document: Any, reading: _Reading) -> None:
    if not isinstance(document, dict):
        return
    kind, api_version = document.get("kind"), document.get("apiVersion")
    if kind == "List" and isinstance(document.get("items"), list):
        for item in document["items"]:
            _read_document(place, item, reading)
        return
    kind = kind if isinstance(kind, str) else ""
    group = api_version.rpartition("/")[0] if isinstance(api_version, str) else ""
    if group not in {IMAGE_GROUP, SOURCE_GROUP} and not (api_version == "v1" and kind in _BUILT_IN):
        return
    if kind not in _READ:
        if group == IMAGE_GROUP:
            near = suggest(kind, [served.resource.kind for served in KINDS if served.resource.group == group])
            reading.problems.append(f"{place}: there is no kind {kind!r} in {group}{near}")
        return
    _read_object(place, document, reading)


def _read_object(place: str, document: dict[str, Any], reading: _Reading) -> None:
    kind, api_version = str(document["kind"]), str(document["apiVersion"])
    served = SERVED.of_object(api_version, kind)
    if served is None:
        versions = ", ".join(k.version for k in _resources(kind))
        reading.problems.append(f"{place}: {kind} has no version {api_version}; there are {versions}")
        return
    meta = document.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    name = meta.get("name")
    if not isinstance(name, str) or not name:
        reading.problems.append(f"{place}: {kind} without metadata.name")
        return
    if kind == "Secret" and "sops" in document:
        reading.notices.append(
            f"{place}: Secret {name} is encrypted with SOPS and was passed over; give its values with --secret-from-env"
        )
        return
    namespace = str(meta.get("namespace") or reading.namespace) if served.resource.namespaced else ""
    resource = Resource(*api_version.rpartition("/")[::2], served.resource.plural, kind, served.resource.namespaced)
    body = {**document, "metadata": {**meta, **({"namespace": namespace} if namespace else {})}}
    body.pop("status", None)
    if kind == "Secret":
        _substitute(place, body, reading)
    manifest = Manifest(place, resource, Key(namespace, name), body)
    unknown, invalid = find_all(served, manifest.resource.version, manifest.body)
    reading.problems += [f"{place}: {manifest.name}: {problem}" for problem in (*unknown, *invalid)]
    if not invalid:
        _add(manifest, reading)


def _add(manifest: Manifest, reading: _Reading) -> None:
    identity = (manifest.resource.kind, manifest.key)
    earlier = reading.manifests.setdefault(identity, manifest)
    if earlier is not manifest and earlier.body != manifest.body:
        reading.problems.append(
            f"{manifest.place}: {manifest.name} is there twice, and not the same; the first is at {earlier.place}"
        )


def _substitute(place: str, body: dict[str, Any], reading: _Reading) -> None:
    """Put the environment's values in place of `${NAME}` in a Secret's texts; `$${NAME}` is `${NAME}` itself."""
    texts = body.get("stringData")
    if not isinstance(texts, dict):
        return

    def value_of(reference: re.Match[str]) -> str:
        if reference[1]:
            return reference[0][1:]
        if reference[2] not in reading.environ and reference[3] is None:
            reading.problems.append(f"{place}: the variable {reference[2]}, which the Secret refers to, is not set")
        return reading.environ.get(reference[2]) or reference[3] or ""

    body["stringData"] = {
        name: _REFERENCE.sub(value_of, text) if isinstance(text, str) else text for name, text in texts.items()
    }


def _resources(kind: str) -> list[Resource]:
    return [
        Resource(served.resource.group, version, served.resource.plural, kind)
        for served in KINDS
        if served.resource.kind == kind
        for version in served.definition.versions
    ]


SERVED: Final = ServedKinds.of(KINDS)
