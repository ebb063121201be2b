"""Which scalars does an update change, and how? In: `files`, `policies`, optional `updatePath` and `strategy`.

Flux rewrites a changed file, we replace scalars in place, so texts are not compared. Instead: the same files
change; the result, the marks and the unreadable files are the same; outside the recorded marks no byte differs; and
what we wrote reads as the recorded documents, every marked value being a string.

The reading of YAML here is a second one, made for this comparison alone: it shares the parser with
`controllers.setters`, but neither its search for markers nor its quoting.
"""

import base64
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped]

from controllers.setters import (
    FileEdit,
    FindingReason,
    ImageRef,
    SettersError,
    Update,
    UpdatePathOutside,
    apply,
    has_marker,
    is_candidate,
    relative_to,
    require_strategy,
    resolve_update_path,
    update,
)
from controllers.setters.refs import resolve

Case = dict[str, Any]
Position = tuple[int, int]
"""Line and column of a scalar, 1-based."""


class MissingPath(Exception):
    """What the caller says when the update path does not exist."""


# recorded answers from which ours differ on purpose


@dataclass(frozen=True, slots=True)
class Difference:
    reason: str
    applies: Callable[[Case], bool]
    """Whether a case is of this kind, by its question and recorded answer."""


def fails_with(*texts: str) -> Callable[[Case], bool]:
    return lambda case: any(text in case.get("error", "") for text in texts)


def escapes_root(case: Case) -> bool:
    try:
        resolve_update_path(case["in"].get("updatePath", ""))
    except UpdatePathOutside:
        return True
    return False


def is_written_elsewhere(case: Case) -> bool:
    return "new_file" in case.get("out", {}).get("quirks", ())


CONFINED = Difference("a path that leads out is silently confined by the reference; ours is an error", escapes_root)
EXPLODED = Difference(
    "of a changed `kind: List` the reference leaves the file and writes each item into a new one; ours edits the items "
    "in place, so the file and its name in the result differ",
    is_written_elsewhere,
)
ABORTED = (
    Difference(
        "one policy with an invalid image aborts the reference's whole run; the automation leaves such a policy out",
        fails_with("encountered invalid image ref"),
    ),
    Difference(
        "one file with an annotation of kyaml's own bookkeeping aborts the reference's whole run; "
        "ours keeps no books in annotations, so such a file is one like any other",
        fails_with(
            "mismatched legacy and internal path annotations",
            "the annotation formatting in the input resources is not consistent",
            "resource must be written under package",
            "package paths may not be absolute paths",
            "resources must be annotated with internal.config.kubernetes.io/",
        ),
    ),
    Difference(
        "one List with an item that is no map aborts the reference's whole run; ours edits what is marked",
        fails_with("wrong node kind: expected MappingNode"),
    ),
    Difference(
        "one ResourceList with an item without metadata aborts the reference's whole run; ours edits the item in place",
        fails_with("missing Resource metadata"),
    ),
)
"""Where the reference fails as a whole, ours must succeed, and change the marked scalars and nothing else."""


def has_list_at_root(data: bytes) -> bool:
    """Return True for a file that the reference leaves alone because a document is a list, and that ours edits."""
    try:
        return any(isinstance(document, list) for document in documents(data))
    except (UnicodeDecodeError, yaml.YAMLError, KeyError):
        return False


# the comparison


def check(case: Case) -> str | None:
    question = case["in"]
    files = {file["path"]: content(file) for file in question["files"]}
    try:
        ours = run(question, files)
    except UpdatePathOutside as error:
        return None if CONFINED.applies(case) else f"failed: {error}, want {expected_answer(case)}"
    except (SettersError, MissingPath) as error:
        return None if str(error) == case.get("error") else f"failed: {error}, want {expected_answer(case)}"
    if "error" not in case:
        return next(compare(case, ours, files), None)
    if any(difference.applies(case) for difference in ABORTED):
        return next(compare_with_ourselves(ours, references(question), files), None)
    return f"got {result_of(ours)}, want {expected_answer(case)}"


def expected_answer(case: Case) -> str:
    return f"the error {case['error']}" if "error" in case else str(case["out"]["result"])


def content(file: dict[str, str]) -> bytes:
    return base64.b64decode(file["b64"]) if "b64" in file else file["text"].encode()


def run(question: dict[str, Any], files: dict[str, bytes]) -> Update:
    """Do the caller's part: look at strategy and path, leave out policies without a valid image, walk in order."""
    require_strategy(question.get("strategy", "Setters"))
    base = resolve_update_path(question.get("updatePath", ""))
    if all(relative_to(path, base) is None for path in files):
        raise MissingPath(f"walking path for files: lstat <workdir>/{base}: no such file or directory")
    return update(sorted(files.items()), references(question), base)


def references(question: dict[str, Any]) -> dict[str, ImageRef]:
    policies = ((f"{policy['namespace']}:{policy['name']}", policy["latestRef"]) for policy in question["policies"])
    return {
        key: ImageRef(ref["name"], ref["tag"], ref.get("digest", ""))
        for key, ref in policies
        if ref and re.fullmatch(r"[^A-Z\s]+", ref["name"])
    }


def compare(case: Case, ours: Update, files: dict[str, bytes]) -> Iterator[str]:
    out, exploded = case["out"], EXPLODED.applies(case)
    lists = {path for path, data in files.items() if has_list_at_root(data)}
    if lists:
        yield from compare_with_ourselves(ours, references(case["in"]), files)
        ours, out = leave_out(lists, ours, out, base=resolve_update_path(case["in"].get("updatePath", "")))
    theirs = {file["path"] for file in out["files"]}
    if set(ours.edits) != theirs and not exploded:
        yield f"changed {sorted(ours.edits)}, want {sorted(theirs)}"
    if bool(ours.edits) != out["has_changes"]:
        yield f"has changes: {bool(ours.edits)}, want {out['has_changes']}"
    got, want = result_of(ours), out["result"]
    if exploded:
        got, want = ([{**entry, "file": ""} for entry in entries] for entries in (got, want))
    if got != want:
        yield f"result {got}, want {want}"
    problems = sorted(finding.file for finding in ours.findings if finding.reason is FindingReason.UNPARSABLE)
    if problems != sorted(out["problem_files"]):
        yield f"unreadable {problems}, want {sorted(out['problem_files'])}"
    base = resolve_update_path(case["in"].get("updatePath", ""))
    for path, data in files.items():
        relative = relative_to(path, base)
        if relative is not None and is_candidate(path) and has_marker(data):
            yield from compare_file(out, path, apply(relative, data, references(case["in"])), data)


def leave_out(paths: set[str], ours: Update, out: dict[str, Any], *, base: str) -> tuple[Update, dict[str, Any]]:
    """Leave files out of our answer, and out of the recorded list of unreadable ones."""
    names = {relative_to(path, base) for path in paths}
    rest = Update(
        {path: edit for path, edit in ours.edits.items() if path not in paths},
        tuple(entry for entry in ours.result if entry.file not in names),
        tuple(finding for finding in ours.findings if finding.file not in names),
    )
    return rest, {**out, "problem_files": [path for path in out["problem_files"] if path not in names]}


def compare_file(out: dict[str, Any], path: str, edit: FileEdit, data: bytes) -> Iterator[str]:
    recorded = out["marks"][path if path in out["marks"] else edit.file]
    if recorded is None:
        return
    marks = deduplicate(recorded)
    if is_list(data):  # a mark beside the items is recorded, but the reference does not follow it either
        marks = [mark for mark in marks if mark["path"].startswith("items.")]
    if collect_marks(edit) != [{name: mark[name] for name in COMPARED_MARK} for mark in marks]:
        yield f"{path}: marks {collect_marks(edit)}, want {marks}"
    if edit.changed:
        yield from compare_text(path, data, edit.data, {(mark["line"], mark["column"]): mark["new"] for mark in marks})
        meanings = out["semantic_minimal"] if path in out["semantic_minimal"] else out["semantic"]
        if path in meanings and (got := documents(edit.data)) != meanings[path]:
            yield f"{path}: reads {got}, want {meanings[path]}"


def compare_with_ourselves(ours: Update, refs: dict[str, ImageRef], files: dict[str, bytes]) -> Iterator[str]:
    for path, edit in ours.edits.items():
        values = {(mark.line, mark.column): str(resolve(mark.setter, refs)) for mark in edit.markers}
        yield from compare_text(path, files[path], edit.data, values)
        if apply(edit.file, edit.data, refs).changed:
            yield f"{path}: a second run changes it again"


def compare_text(path: str, before: bytes, after: bytes, marks: dict[Position, str]) -> Iterator[str]:
    """Compare the texts outside the marked scalars; inside them there must be a string, the mark's new value."""
    old, new = list(scalars(before)), list(scalars(after))
    numbers = {number: marks[position_of(event)] for number, event in enumerate(old) if position_of(event) in marks}
    if len(numbers) != len(marks):
        yield f"{path}: marks that are no scalars among {marks}"
    if remove_scalars(before, [old[number] for number in numbers]) != remove_scalars(
        after, [new[number] for number in numbers]
    ):
        yield f"{path}: bytes outside the marks differ: {after!r}"
    for number, value in numbers.items():
        if value_of(new[number]) != value:
            yield f"{path}: {new[number].value} is not the string {value}"


COMPARED_MARK = ("doc", "line", "column", "path", "setter", "old", "style")


def collect_marks(edit: FileEdit) -> list[dict[str, Any]]:
    return [
        {
            "doc": mark.document,
            "line": mark.line,
            "column": mark.column,
            "path": mark.path,
            "setter": mark.setter,
            "old": mark.value,
            "style": mark.style,
        }
        for mark in edit.markers
    ]


def deduplicate(marks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop repeated findings: the reference visits the first of several equal keys once for each of them."""
    return [mark for number, mark in enumerate(marks) if mark not in marks[:number]]


def result_of(ours: Update) -> list[dict[str, Any]]:
    return [
        {
            "file": entry.file,
            "object": {
                "apiVersion": entry.object.api_version,
                "kind": entry.object.kind,
                "namespace": entry.object.namespace,
                "name": entry.object.name,
            },
            "changes": [
                {"oldValue": change.old_value, "newValue": change.new_value, "setter": change.setter}
                for change in entry.changes
            ],
        }
        for entry in ours.result
    ]


# a second reading of YAML

BLANKS = " \r\n\x85\u2028\u2029"
LINE_END = "(?:\r\n|[\r\n\x85\u2028\u2029])"
BLOCK = re.compile(f"[|>][-+0-9]*([^\r\n\x85\u2028\u2029]*{LINE_END}?)")


def text_of(data: bytes) -> str:
    return data.decode().removeprefix("\ufeff")


def scalars(data: bytes) -> Iterator[Any]:
    events = yaml.parse(text_of(data), Loader=yaml.CLoader)
    return (event for event in events if isinstance(event, yaml.ScalarEvent))


def position_of(event: Any) -> Position:
    return event.start_mark.line + 1, event.start_mark.column + 1


def remove_scalars(data: bytes, events: list[Any]) -> str:
    """Return the text without the scalars; a block scalar's header comment and the empty lines at its end stay.

    The line end of its last line of text is not: a value that is written in quotes instead has no such line.
    """
    text, at, rest = text_of(data), 0, ""
    for event in events:
        start, end = event.start_mark.index, event.end_mark.index
        rest += text[at:start] + "@"
        if event.style in ("|", ">") and (block := BLOCK.search(text, start, end)):
            ends = empty_lines(body := text[block.end() : end])
            rest += block.group(1) + (re.sub(LINE_END, "", ends, count=1) if body.strip(BLANKS) else body)
        at = end
    return rest + text[at:]


def empty_lines(body: str) -> str:
    """Return the line ends after the last character of a block scalar's text."""
    return body[len(body.rstrip(BLANKS)) :].replace(" ", "")


def is_list(data: bytes) -> bool:
    try:
        found = documents(data)
    except yaml.YAMLError:
        return False
    return len(found) == 1 and found[0].get("kind") in ("List", "ResourceList") and "items" in found[0]


def documents(data: bytes) -> list[Any]:
    """Return the documents as plain JSON, without empty ones; `<<` is an ordinary key, the last of equal keys wins."""
    anchors: dict[str, Any] = {}
    events = yaml.parse(text_of(data), Loader=yaml.CLoader)
    found = (node(events, next(events), anchors) for event in events if isinstance(event, yaml.DocumentStartEvent))
    return [document for document in found if document is not None]


def node(events: Iterator[Any], event: Any, anchors: dict[str, Any]) -> Any:
    if isinstance(event, yaml.AliasEvent):
        return anchors[event.anchor]
    value: Any
    if isinstance(event, yaml.ScalarEvent):
        value = value_of(event)
    elif isinstance(event, yaml.SequenceStartEvent):
        value = [node(events, item, anchors) for item in take_until(events, yaml.SequenceEndEvent)]
    else:
        keys = take_until(events, yaml.MappingEndEvent)
        value = {str(getattr(key, "value", "")): node(events, next(events), anchors) for key in keys}
    if event.anchor is not None:
        anchors[event.anchor] = value
    return value


def take_until(events: Iterator[Any], kind: type) -> Iterator[Any]:
    """Yield the events up to the next of this kind; the caller takes the inner ones of each."""
    for event in events:
        if isinstance(event, kind):
            return
        yield event


def value_of(event: Any) -> Any:
    return event.value if event.style or event.tag else resolve_scalar(event.value)


PLAIN_SCALARS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
INTEGERS = ((r"[-+]?0b([01]+)", 2), (r"[-+]?0o?([0-7]+)", 8), (r"[-+]?0x([0-9a-fA-F]+)", 16), (r"[-+]?([0-9]+)", 10))


def resolve_scalar(text: str) -> Any:
    """Return an untagged plain scalar as go-yaml v3 reads it into an empty interface; dates are their text."""
    if text in PLAIN_SCALARS:
        return PLAIN_SCALARS[text]
    digits = text.replace("_", "") if text[:1] in "0123456789+-." else text
    for pattern, base in INTEGERS:
        if found := re.fullmatch(pattern, digits):
            return int(found.group(1), base) * (-1 if digits.startswith("-") else 1)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", digits):
        return float(digits)
    if re.fullmatch(r"[-+]?\.(inf|Inf|INF)", text):
        return -math.inf if text.startswith("-") else math.inf
    return text
