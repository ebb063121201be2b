"""The steps of `tagline adopt`: read, plan, ask, print, write. What is decided is decided in `controllers.adoption`."""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cli.adoption_dialogue import ask
from cli.adoption_report import AdoptionReport, format_report, to_json
from cli.checkout import BadFolder, CheckedOutFolder, UnreadFile, open_checkout, read_files, report_left_out
from cli.file_writing import why_unwritable, write_files
from cli.output import encode_diff, encode_json, encode_text, one_line, write_error, write_output
from cli.progress import Progress, waiting
from cli.tags import TagLists, read_tag_files
from controllers.adoption.automation_edit import Placement, place_targets
from controllers.adoption.evidence import Verdict, hold_against
from controllers.adoption.instructions import full_name, parse_instruction
from controllers.adoption.inventory import Inventory, guess_namespace, take_inventory
from controllers.adoption.objects import AutomationOptions, join_documents, render_objects
from controllers.adoption.occurrences import Occurrence
from controllers.adoption.origins.carrying import Carried
from controllers.adoption.origins.tools import read_tool
from controllers.adoption.proposals import Plan, plan_adoption
from controllers.adoption.schemes import Level
from controllers.adoption.survey import Adoption, Fault, Survey, take_survey, write_markers
from controllers.adoption.targets import without_named
from controllers.documents.diff import unified_diff
from controllers.documents.manifests import ObjectInFile, find_manifests, may_hold_objects
from controllers.net.foreign_text import escape
from controllers.setters import Unparsable, UpdatePathOutside, is_candidate, relative_to, resolve_update_path

DEFAULT_NAMESPACE = DEFAULT_SOURCE = "flux-system"
DEFAULT_BRANCH = "main"
OBJECTS_FILE = "image-automation.yaml"
AUTOMATION_NAME = "image-automation"
OUTPUTS = ("text", "summary", "diff", "yaml", "json")
"""text: for people, with the diff below; summary: without it; diff; yaml: the objects; json: all, for programs."""


def run_adoption(options: argparse.Namespace) -> int:
    """Adopt as the options of the verb say; return the exit status.

    Raises BadFolder, BadInstruction, BadTagFile, NotWritten; OSError for a file that cannot be read.
    """
    instructions = [parse_instruction(text) for text in options.policy]
    known_tags = read_tag_files(options.tags)
    checkout = open_checkout(options.path, hidden=options.hidden)
    target = Path(options.objects) if options.objects else checkout.folder / OBJECTS_FILE
    if fault := why_unwritable(checkout.folder, os.path.relpath(target, checkout.folder)):
        raise BadFolder(f"objects cannot go to {fault}; --objects says where")
    unread: list[UnreadFile] = []
    survey = _survey(checkout, options, unread)
    carried = _read_tool(options.origin, checkout)
    instructions += carried.instructions
    manifests = _read_manifests(checkout, survey, target)
    namespace = options.namespace or guess_namespace(manifests, DEFAULT_NAMESPACE)
    inventory = take_inventory(manifests, namespace)
    unnamed = without_named(survey.occurrences, survey.contents, inventory.automations, checkout.in_repository)
    with waiting("planning"):
        plan = plan_adoption(unnamed, inventory, instructions=instructions, level=Level(options.level))
    lists = _find_tags(plan, known_tags, offline=options.offline)
    verdicts = _hold_all(plan, lists)
    if options.interactive:
        chosen = ask(verdicts, namespace, lists.of, prompt=_prompt, show=_show)
        if chosen is None:
            write_error("nothing was written")
            return 0
        verdicts = chosen
    with waiting("trying the markers"):
        adoption = write_markers(
            survey.contents,
            [verdict.proposal for verdict in verdicts],
            namespace,
            without_markers=options.targets,
        )
    automation, assumptions = _describe_automation(checkout, inventory, options, namespace)
    is_automation_new = bool(adoption.proposals) and not inventory.automations
    objects = render_objects(adoption.proposals, automation, automation=is_automation_new, targets=adoption.targets)
    placement = Placement() if is_automation_new else _place_targets(checkout, adoption, inventory, survey)
    edits = {**adoption.edits, **placement.edits}
    contents = {**survey.automation_files, **survey.contents}
    changes = _list_changes(checkout, edits, contents, objects=objects, target=target)
    report = AdoptionReport(
        namespace,
        adoption.proposals,
        {verdict.proposal.policy_name: verdict.choice for verdict in verdicts},
        sorted((*plan.obstacles, *adoption.obstacles), key=_order),
        survey.faults,
        [
            *(assumptions if is_automation_new else _list_uncovered(checkout, adoption, inventory, placement)),
            *(f"{note.file}:{note.line}: {note.message}" if note.file else note.message for note in carried.notes),
            *(f"note: {sentence}" for sentence in report_left_out(unread)),
            *(f"note: {notice}" for notice in lists.notices),
            *(f"not checked: {image}: {reason}" for image, reason in lists.failures.items()),
        ],
        survey.kept,
        named=len(survey.occurrences) - len(unnamed),
        prefix="" if options.path in {".", "./"} else os.fspath(checkout.folder),
        diff_prefix=checkout.in_repository,
    )
    if options.write and changes:  # before anything is printed, since the reader of a pipe may leave
        write_files(checkout.folder, {path: checkout.to_work_tree(path, new) for path, (_, new) in changes.items()})
    if options.write and changes:
        names = ", ".join(escape(path) for path in [*changes][:3])
        write_error(f"wrote {names}{f' and {len(changes) - 3} more' if len(changes) > 3 else ''}")
    _print(report, changes, objects, options.output)
    return 1 if survey.faults or lists.failures else 0


def _survey(checkout: CheckedOutFolder, options: argparse.Namespace, unread: list[UnreadFile]) -> Survey:
    files = read_files(checkout, lambda path: is_candidate(path) or path.endswith(".json"), unread)
    with Progress("looking for images") as progress:
        counted = progress.over(_editable(files, checkout, unread), "files", len(checkout.files))
        survey = take_survey(counted, only=options.only, skip=options.skip)
    survey.faults += [Fault(file.path, 0, file.reason) for file in unread if file.is_fault]
    survey.faults.sort(key=lambda fault: (fault.file, fault.line))
    return survey


def _editable(
    files: Iterable[tuple[str, bytes]], checkout: CheckedOutFolder, unread: list[UnreadFile]
) -> Iterator[tuple[str, bytes]]:
    """Yield the files that can be written; unread: gets the others, if they may name an image."""
    for path, data in files:
        if (reason := checkout.why_read_only(path)) == "":
            yield path, data
        elif b"image" in data:
            unread.append(UnreadFile(path, f"left out: {reason}", is_fault=False))


def _read_tool(name: str, checkout: CheckedOutFolder) -> Carried:
    """Return what the tool that users come from was told, wherever in the repository; name: empty for none."""
    if not name:
        return Carried()
    whole = open_checkout(os.fspath(checkout.root), hidden=True)
    carried = read_tool(name, read_files(whole, lambda _: True, []))
    inside = checkout.in_repository
    carried.instructions = [
        replace(one, file=relative_to(one.file, inside) or one.file) for one in carried.instructions
    ]
    return carried


def _read_manifests(checkout: CheckedOutFolder, survey: Survey, target: Path) -> Sequence[ObjectInFile]:
    """Return the objects of the whole repository, whatever part of it is adopted, and those of the objects' file."""
    manifests = survey.manifests
    if not checkout.is_whole or checkout.contents.absent:
        whole = open_checkout(os.fspath(checkout.root), hidden=True)
        manifests = []
        for path, data in read_files(whole, is_candidate, []):
            manifests += _parse(path, data)
    if target.is_file():
        is_read = checkout.is_repository and target.resolve().is_relative_to(checkout.root.resolve())
        is_read = is_read or (not checkout.is_file and target.parent == checkout.folder)
        try:
            of_target = find_manifests(os.fspath(target), target.read_bytes())
        except Unparsable as error:
            raise BadFolder(f"{target} cannot be added to: {error}; mend it, or name another with --objects") from None
        manifests = manifests if is_read else [*manifests, *of_target]
    return manifests


def _parse(path: str, data: bytes) -> list[ObjectInFile]:
    try:
        return find_manifests(path, data) if may_hold_objects(data) else []
    except Unparsable:  # outside of what is adopted: not ours to report
        return []


def _find_tags(plan: Plan, known: Mapping[str, Sequence[str]], *, offline: bool) -> TagLists:
    """Return the tags of the images that are proposed: those given, and unless offline those of their registries."""
    given = {full_name(image): tags for image, tags in known.items()}
    images = dict.fromkeys(proposal.image for proposal in plan.proposals)
    lists = TagLists({image: given[full_name(image)] for image in images if full_name(image) in given})
    unknown = [image for image in images if image not in lists.tags]
    if unknown and not offline:
        asked: TagLists = importlib.import_module("cli.registry_tags").ask_registries(unknown)
        lists.tags |= asked.tags
        lists.failures |= asked.failures
        lists.notices += asked.notices
    return lists


def _hold_all(plan: Plan, lists: TagLists) -> list[Verdict]:
    """Return the proposals that stand up to the tags; the occurrences of the others become obstacles."""
    verdicts = []
    for proposal in plan.proposals:
        verdict = hold_against(proposal, lists.of(proposal.image))
        if verdict.refusal:
            plan.obstacles += [replace(occurrence, obstacle=verdict.refusal) for occurrence in proposal.occurrences]
        else:
            verdicts.append(verdict)
    return verdicts


def _list_changes(
    checkout: CheckedOutFolder,
    edits: Mapping[str, bytes],
    contents: Mapping[str, bytes],
    *,
    objects: str,
    target: Path,
) -> dict[str, tuple[bytes | None, bytes]]:
    """Return old and new content of all that changes, by path relative to the folder."""
    files: dict[str, tuple[bytes | None, bytes]] = {
        path: (contents[path], data) for path, data in sorted(edits.items())
    }
    if objects:
        path = os.path.relpath(target, checkout.folder)
        old = files[path][1] if path in files else target.read_bytes() if target.is_file() else None
        new = join_documents(old, objects)
        files[path] = (files[path][0] if path in files else old, new)
    return files


def _describe_automation(
    checkout: CheckedOutFolder, inventory: Inventory, options: argparse.Namespace, namespace: str
) -> tuple[AutomationOptions, list[str]]:
    """Return what the automation is to say, and notes on what was assumed."""
    notes = []
    sources = {(one.metadata.namespace, one.metadata.name) for one in inventory.sources}
    source_namespace, source = "", DEFAULT_SOURCE
    if options.source:
        source_namespace, _, source = options.source.rpartition("/")
    elif len(sources) == 1:
        source_namespace, source = sources.pop()
    else:
        notes.append(f"assumed: the GitRepository is called {source}; --source says otherwise")
    branch = options.branch or checkout.branch
    if not branch:
        branch = DEFAULT_BRANCH
        notes.append(f"assumed: the branch is {branch}; --branch says otherwise")
    path = checkout.in_repository
    return AutomationOptions(
        namespace, AUTOMATION_NAME, source, source_namespace, branch, options.author_email, path
    ), notes


def _place_targets(checkout: CheckedOutFolder, adoption: Adoption, inventory: Inventory, survey: Survey) -> Placement:
    """Put the targets into the automations that exist: into their files, where these are part of what is adopted."""
    is_editable = checkout.is_whole and not checkout.contents.absent
    return place_targets(
        adoption.targets,
        inventory.automations,
        survey.automation_files if is_editable else {},
        adoption.edits,
        folder=checkout.in_repository,
    )


def _list_uncovered(
    checkout: CheckedOutFolder, adoption: Adoption, inventory: Inventory, placement: Placement
) -> list[str]:
    """Return notes on files that the automations that exist do not look into, and on what to add to them by hand."""
    folders = []
    for automation in inventory.automations:
        with suppress(UpdatePathOutside):  # lint reports it
            folders.append(resolve_update_path(automation.spec.update.path))
    paths = [_join(checkout.in_repository, path) for path in adoption.edits]
    outside = [path for path in paths if all(relative_to(path, folder) is None for folder in folders)]
    outside += dict.fromkeys(_join(checkout.in_repository, target.file) for target in placement.nowhere)
    notes = [
        f"note: add to spec.update.targets of ImageUpdateAutomation {name}: {json.dumps(item, ensure_ascii=False)}"
        for name, item in placement.by_hand
    ]
    if outside:
        more = f" and {len(outside) - 1} more" if len(outside) > 1 else ""
        notes.append(f"note: {outside[0]}{more}: no automation looks there; extend the update.path of one")
    return notes


def _print(
    report: AdoptionReport, changes: Mapping[str, tuple[bytes | None, bytes]], objects: str, output: str
) -> None:
    pieces: list[bytes] = []
    if output == "json":
        pieces.append(encode_json(json.dumps(to_json(report), indent=2, ensure_ascii=False) + "\n"))
    elif output == "yaml":
        pieces.append(encode_text(objects))
    if output in {"text", "summary"}:
        pieces += [encode_text(one_line(line)) for line in format_report(report)]
    if output in {"text", "diff"}:
        for path, (old, new) in changes.items():
            pieces.append(encode_diff(b"".join(unified_diff(_join(report.diff_prefix, path), old, new))))
    write_output(pieces)


def _join(prefix: str, path: str) -> str:
    return os.path.normpath(os.path.join(prefix, path))


def _show(lines: Iterable[str]) -> None:
    write_error("".join(map(one_line, lines)).removesuffix("\n"))


def _prompt(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def _order(occurrence: Occurrence) -> tuple[str, int, int]:
    return occurrence.file, occurrence.line, occurrence.column
