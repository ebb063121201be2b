"""Keel: annotations or labels of workloads, and the `keel` block of Helm values.

https://keel.sh/docs/#policies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from controllers.adoption.finder import describe_document
from controllers.adoption.instructions import Extras, Instruction
from controllers.adoption.origins.carrying import Carried, glob_to_regexp
from controllers.adoption.schemes import Level, Scheme
from controllers.documents.nodes import Mapping, load, pairs, resolve_alias, to_value
from controllers.policy import Alphabetical, Filter, Newest, NewestBy

PREFIX = "keel.sh/"
NAME = "Keel"
_LEVELS = {"all": Level.MAJOR, "major": Level.MAJOR, "minor": Level.MINOR, "patch": Level.PATCH}
_KEYS = {"matchTag": "match-tag", "imagePullSecret": "imagePullSecret", "pollSchedule": "pollSchedule"}
_SILENT = {"policy", "trigger", "match-tag", "pollSchedule", "imagePullSecret", "images"}
_EVERY = re.compile(r"@every (?P<interval>[0-9]+[smh](?:[0-9]+[smh])*)")
_WHY = {
    "approvals": "let the automation push to a branch of its own, and approve its pull request",
    "approvalDeadline": "let the automation push to a branch of its own, and approve its pull request",
    "notify": "events go where Flux's notification-controller sends them",
    "monitorContainers": "leave containers out with --skip",
    "initContainers": "init containers are adopted like others",
}


def may_concern(path: str, data: bytes) -> bool:
    """Return False for a file without a word of the tool's."""
    return path.endswith((".yaml", ".yml", ".json")) and (PREFIX.encode() in data or b"keel:" in data)


def read(path: str, data: bytes, carried: Carried) -> None:
    """Add what a file says. Raises Unparsable."""
    for root in load(data):
        if isinstance(root, Mapping):
            settings = dict(_settings(root))
            if "policy" in settings:
                _carry(path, root, settings, carried)


def _settings(root: Mapping) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield Keel's settings of a document, by name, with their lines; annotations win over labels."""
    metadata = resolve_alias(root.get("metadata"))
    if isinstance(metadata, Mapping):
        for field in ("labels", "annotations"):
            for key, value in pairs(resolve_alias(metadata.get(field))):
                if key.value.startswith(PREFIX):
                    yield key.value.removeprefix(PREFIX), (_text(to_value(value)), key.line)
    if not root.text("kind"):
        for key, value in pairs(resolve_alias(root.get("keel"))):
            yield _KEYS.get(key.value, key.value), (_text(to_value(value)), key.line)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value or "")


def _carry(path: str, root: Mapping, settings: dict[str, tuple[str, int]], carried: Carried) -> None:
    policy, line = settings["policy"]
    for name, (_, at) in settings.items():
        if name not in _SILENT:
            carried.note(path, at, f"{PREFIX}{name}", _WHY.get(name, "tagline has nothing like it"))
    schedule, at = settings.get("pollSchedule", ("", 0))
    every = _EVERY.fullmatch(schedule)
    if schedule and not every:
        carried.note(path, at, f"pollSchedule {schedule!r}", "tagline knows intervals, no calendar")
    extras = Extras(interval=every["interval"] if every else "", secret=settings.get("imagePullSecret", ("", 0))[0])
    origin, form = f"{NAME}, {path}:{line}", describe_document(root, path)
    kind, _, argument = policy.partition(":")
    follow = Newest(NewestBy.FIRST_SEEN)
    if kind in _LEVELS:
        one = Instruction("*", origin, level=_LEVELS[kind], file=path, form=form, extras=extras)
    elif kind == "never":
        one = Instruction("*", origin, skip=True, file=path, form=form)
    elif kind == "force":
        is_digest = settings.get("match-tag", ("", 0))[0] == "true"
        scheme = Scheme(Alphabetical("asc"), digest="Always") if is_digest else Scheme(follow)
        one = Instruction("*", origin, scheme=scheme, file=path, form=form, extras=extras)
    elif kind in {"glob", "regexp"}:
        pattern = glob_to_regexp(argument) if kind == "glob" else argument
        one = Instruction("*", origin, scheme=Scheme(follow, Filter(pattern)), file=path, form=form, extras=extras)
    else:
        carried.note(path, line, f"the policy {policy!r}", "tagline has nothing like it")
        return
    carried.instructions.append(one)
