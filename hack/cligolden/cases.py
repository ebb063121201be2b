"""The recorded invocations: one JSON object a line, as `recorded/README.md` explains. Unknown fields are bad input."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from hack.cligolden import keyfile

FIXTURES = Path(__file__).parent / "recorded" / "fixtures"
BASES = ("none", "empty", "fleet", "installed", "degraded")
ADDITIONS = ("events", "labelled-crds", "bootstrapped", "helm")
NAMES = ("DIR", "HOME", "TMP", "SERVER", "K8S_VERSION", "GIT", "SSH", "SSH_HOST", "SSH_PORT", "VERSION")
"""What `${…}` may name; VERSION is ours, for what is expected instead of a recorded answer."""
KINDS_OF_TEXT = ("SHA", "TIMESTAMP", "base64", "generation", "requestedAt")
"""What `<…>` may stand for."""
STDOUT_FORMS = (
    "stdout", "stdout_is_help_of", "prompt", "help", "objects", "header", "labels_of_first_object", "shape",
    "stdout_first_line", "stdout_lines",
)  # fmt: skip
"""The fields that say what stands on standard output."""
PLAYED_FORMS = ("new_commits", "repository_after", "cluster_after")
"""What only an invocation of `bootstrap git` has, and each of them has."""


class BadInput(Exception):
    """A file that cannot be played; the text says where and why."""


class Record(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A recorded JSON object without fields that nobody compares."""


class Reaction(Record, frozen=True):
    """What a controller does meanwhile: `status` is written to the object once `when` holds."""

    when: Literal["requested", "resumed", "updated", "created"]
    kind: str
    namespace: str
    name: str
    status: dict[str, Any]


class HelpFlag(Record, frozen=True):
    """A flag of a help screen."""

    name: str
    shorthand: str | None
    type: str
    default: str | None


class Help(Record, frozen=True):
    """A help screen as a table."""

    usage: tuple[str, ...]
    flags: tuple[HelpFlag, ...]
    global_flags_beyond_root: tuple[HelpFlag, ...]
    aliases: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


class Shape(Record, frozen=True):
    """A Secret with generated keys."""

    apiVersion: str  # noqa: N815  # the wire's own name
    kind: str
    metadata: dict[str, Any]
    type: str | None
    stringData: dict[str, str]  # noqa: N815
    key_order: tuple[str, ...]


class Before(Record, frozen=True):
    """What was there when `bootstrap git` began; `controllers` says whose statuses a script set ready."""

    repository: str | dict[Literal["files"], dict[str, str]]
    cluster: str
    controllers: str = ""


class Commit(Record, frozen=True):
    """A commit that was pushed: `files` are letters of the change and paths."""

    author: str
    committer: str
    message: str
    files: tuple[str, ...]
    signed: bool


class StoredFile(Record, frozen=True):
    """A file of the repository: its text, or of the components' manifests what is compared."""

    content: str | UnsetType = UNSET
    header: tuple[str, ...] | UnsetType = UNSET
    objects: tuple[dict[str, Any], ...] | UnsetType = UNSET
    common_labels: dict[str, str] | UnsetType = UNSET


class StoredObject(Record, frozen=True):
    """What is compared of an object that `bootstrap git` applies."""

    spec: dict[str, Any]
    labels: dict[str, str] | None


class StoredSecret(Record, frozen=True):
    """What is compared of the source's Secret; `values` are decoded."""

    name: str
    namespace: str
    type: str
    keys: tuple[str, ...]
    labels: dict[str, str] | None
    values: dict[str, str]


class ClusterAfter(Record, frozen=True):
    """The cluster after `bootstrap git`; what is unset must not be there."""

    GitRepository: StoredObject | UnsetType = UNSET
    Kustomization: StoredObject | UnsetType = UNSET
    Secret: StoredSecret | UnsetType = UNSET
    Deployments: tuple[str, ...] = ()


class Case(Record, frozen=True):
    """One invocation and its answer."""

    id: str
    cmd: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    exit: int
    stderr: str
    files: dict[str, str] = {}
    env: dict[str, str] = {}
    stdin: str = ""
    state: str = ""
    reaction: Reaction | None = None
    stdout: str | UnsetType | None = UNSET
    stdout_is_help_of: str | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    help: Help | UnsetType = UNSET
    objects: tuple[dict[str, Any], ...] | UnsetType = UNSET
    header: tuple[str, ...] | UnsetType = UNSET
    labels_of_first_object: dict[str, str] | UnsetType = UNSET
    shape: Shape | UnsetType = UNSET
    stdout_first_line: str | UnsetType = UNSET
    stdout_lines: int | UnsetType = UNSET
    changes: dict[str, Any] | UnsetType = UNSET
    seconds: float | None = None
    note: str = ""
    before: Before | None = None
    new_commits: tuple[Commit, ...] | UnsetType = UNSET
    repository_after: dict[str, StoredFile] | UnsetType = UNSET
    cluster_after: ClusterAfter | UnsetType = UNSET

    @property
    def is_bootstrap(self) -> bool:
        """Whether it is played against a repository."""
        return self.before is not None

    def has(self, field: str) -> bool:
        """Return True when the line speaks of the field."""
        return getattr(self, field) is not UNSET


class CaseFile(msgspec.Struct, frozen=True):
    """The cases of one file, and where its fixtures are."""

    path: Path
    fixtures: Path
    cases: tuple[Case, ...]


def read_files(paths: Sequence[Path]) -> list[CaseFile]:
    """Return the cases of files, and of all `.jsonl` files of folders. Raises BadInput."""
    files = []
    for path in paths:
        if path.is_dir():
            found = sorted(path.glob("*.jsonl"))
            if not found:
                raise BadInput(f"{path}: no .jsonl file is in this folder")
            files += found
        else:
            files.append(path)
    read = [read_file(path) for path in files]
    _refuse_twice(case for file in read for case in file.cases)
    return read


def read_file(path: Path) -> CaseFile:
    """Return the cases of one file. Raises BadInput."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: {error}") from None
    cases = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                cases.append(read_case(line))
            except BadInput as error:
                raise BadInput(f"{path}:{number}: {error}") from None
    if not cases:
        raise BadInput(f"{path}: no line is in this file")
    beside = path.parent / "fixtures"
    return CaseFile(path, beside if beside.is_dir() else FIXTURES, tuple(cases))


def read_case(line: str | bytes) -> Case:
    """Return the case of a line. Raises BadInput."""
    try:
        case = msgspec.json.decode(line, type=Case)
    except msgspec.DecodeError as error:
        raise BadInput(str(error)) from None
    check_case(case)
    check_placeholders(msgspec.to_builtins(case))
    return case


def check_case(case: Case) -> None:
    """Refuse a line of which something would not be compared. Raises BadInput."""
    if case.is_bootstrap:
        missing = [field for field in PLAYED_FORMS if not case.has(field)]
        if missing or case.state or case.reaction:
            raise BadInput(f"{case.id}: a line with `before` has {', '.join(PLAYED_FORMS)}, no state and no reaction")
        _check_stored_files(case)
    else:
        _check_state(case)
    for path, content in case.files.items():
        if re.fullmatch(r"<[^<>]*>", content) and keyfile.content_of(content) is None:
            raise BadInput(f"{case.id}: nothing is known to write for the file {path}: {content}")
    if not any(case.has(field) for field in STDOUT_FORMS):
        raise BadInput(f"{case.id}: says nothing of standard output")
    if case.stdout is None and not (case.has("stdout_is_help_of") or case.has("prompt")):
        raise BadInput(f"{case.id}: stdout is null, and neither stdout_is_help_of nor prompt says why")
    if case.shape is not UNSET and set(case.shape.key_order) != set(case.shape.stringData):
        raise BadInput(f"{case.id}: key_order and stringData of the shape name different keys")


def _check_state(case: Case) -> None:
    parts_of(case.state)
    if any(case.has(field) for field in PLAYED_FORMS):
        raise BadInput(f"{case.id}: {', '.join(PLAYED_FORMS)} without `before`")
    if case.state == "none" and (case.reaction or case.has("changes")):
        raise BadInput(f"{case.id}: without a cluster there is neither a reaction nor a change")


def _check_stored_files(case: Case) -> None:
    assert case.repository_after is not UNSET
    for path, file in case.repository_after.items():
        forms = [file.header, file.objects, file.common_labels]
        if (file.content is UNSET) == any(form is UNSET for form in forms):
            raise BadInput(f"{case.id}: {path} has neither content nor header, objects and common_labels")


def parts_of(state: str) -> tuple[str, tuple[str, ...]]:
    """Return the base of a state and what is added to it. Raises BadInput."""
    base, *additions = state.split("+")
    unknown = [name for name in additions if name not in ADDITIONS]
    if base not in BASES or unknown or (base == "none" and additions):
        raise BadInput(f"unknown state {state!r}")
    return base, tuple(additions)


def check_placeholders(value: Any) -> None:
    """Refuse a placeholder that nobody fills in, anywhere in a decoded line. Raises BadInput."""
    if isinstance(value, str):
        for name in re.findall(r"\$\{([A-Z][A-Z0-9_]*)\}", value):
            if name not in NAMES:
                raise BadInput(f"unknown placeholder ${{{name}}}")
        for name in re.findall(r"<([A-Z][A-Z0-9_]*)>", value):
            if name not in KINDS_OF_TEXT:
                raise BadInput(f"unknown placeholder <{name}>")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            check_placeholders(key)
            check_placeholders(item)
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for item in value:
            check_placeholders(item)


def _refuse_twice(cases: Iterable[Case]) -> None:
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise BadInput(f"two lines have the id {case.id}")
        seen.add(case.id)
