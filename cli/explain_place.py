"""The way from a place in a checkout, or from an image, to the commit that changes it."""

import argparse
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from api.imageupdateautomation import ImageUpdateAutomation
from api.version import VERSION
from cli.known_objects import Objects, is_elsewhere, read_objects
from cli.objects import BadInput
from cli.output import one_line, write, write_error
from cli.reading import UnfitFile, read_file
from cli.tags import BadTagFile
from controllers import setters
from controllers.explanation.chain import ChainLink, Known, trace_marker, trace_policy
from controllers.image.reference import BadReference, parse_reference
from controllers.image.setter import parse_setter
from controllers.net.library_errors import describe
from controllers.net.url import show_remote
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import ApiError, NotConfigured
from controllers.selection.rules import repository_key
from controllers.setters.targets import anything, find_places
from controllers.update.target_files import list_searches
from controllers.update.targets import to_targets
from controllers.worktree.committed import CommittedContents, UnknownContent
from controllers.worktree.errors import WorkTreeError
from controllers.worktree.marked import MAX_FILE_BYTES, find_marked_files
from controllers.worktree.paths import WorkTree, open_worktree

USER_AGENT: Final = f"tagline-explain/{VERSION}"
MAX_NEAR: Final = 5
Marker = setters.Marker | setters.LineMarker
_PLACE: Final = re.compile(r"(?P<file>.+):(?P<line>[0-9]+)")


class _BadPlace(Exception):
    """There is no marker; the text says where some are."""


def explain_place(options: argparse.Namespace, what: str) -> int:
    """Print the links of a marker `FILE:LINE`, or of all places of an image; 1 when one of them does not hold."""
    place = _PLACE.fullmatch(what)
    try:
        if "://" in what:
            raise _BadPlace(f"{show_remote(what)} is a URL: give a place FILE:LINE, or an image as in ghcr.io/org/app")
        if place and os.path.exists(place["file"]):
            return _explain_marker(options, Path(place["file"]), int(place["line"]))
        if place and not _is_image(what):
            raise _BadPlace(f"there is no file {place['file']}")
        return _explain_image(options, what)
    except (_BadPlace, WorkTreeError, BadInput, BadTagFile, BadReference, NotConfigured, ApiError) as error:
        write_error(error)
        return 2


def _explain_marker(options: argparse.Namespace, file: Path, line: int) -> int:
    tree = open_worktree(file.resolve().parent)
    name = file.resolve().relative_to(tree.root).as_posix()
    contents = CommittedContents(tree.root, is_repository=tree.is_repository)
    data = _read(file, os.fsencode(name), contents)
    try:
        marker, no_marker = _find_marker(file, data, line), None
    except _BadPlace as error:
        marker, no_marker = None, error
    objects = read_objects(options, tree, tree.list_files(), contents, user_agent=USER_AGENT)
    known = _known(objects, tree)
    if marker is not None:
        return _print_chains([list(trace_marker(name, marker, known))], objects)
    named = [(place, one) for one, place in _targets_in(name, data, known.automations) if place.line == line]
    if not named and no_marker is not None:
        raise no_marker
    return _print_chains([list(trace_marker(name, place, known, target_of=one)) for place, one in named], objects)


def _targets_in(
    path: str, data: bytes, automations: Iterable[ImageUpdateAutomation]
) -> Iterator[tuple[ImageUpdateAutomation, setters.Marker]]:
    """Yield the values of a file that automations name as targets."""
    for automation in automations:
        relative = _below(path, automation)
        named = [one for one in to_targets(automation) if relative is not None and one.means(relative)]
        if named:
            with suppress(setters.Unparsable):
                yield from ((automation, place.marker) for place in find_places(path, data, named))


def _read(file: Path, path: bytes, contents: CommittedContents) -> bytes:
    """Return a file as it is committed. path: from the root of the contents. Raises _BadPlace."""
    try:
        return contents.read(path, read_file(file, limit=MAX_FILE_BYTES))
    except UnknownContent as error:
        raise _BadPlace(f"{file} is not looked into: {error}") from None
    except UnfitFile as error:
        raise _BadPlace(f"{file} is not read: {error}") from None
    except OSError as error:
        raise _BadPlace(f"{file} cannot be read: {describe(error)}") from None


def _find_marker(file: Path, data: bytes, line: int) -> Marker:
    """Return the marker at a line. Raises _BadPlace."""
    try:
        markers, strays = _find_markers(file.name, data)
    except setters.Unparsable as error:
        raise _BadPlace(f"{file} cannot be looked into: {error}") from None
    found = next((marker for marker in markers if line in _lines_of(marker)), None)
    if found is not None:
        return found
    if line in strays:
        raise _BadPlace(f"the marker at {file}:{line} stands behind no value: put it on the line of the value")
    near = sorted((marker.line for marker in markers), key=lambda other: abs(other - line))[:MAX_NEAR]
    there = f"; markers are at line {', '.join(map(str, sorted(near)))}" if near else ""
    raise _BadPlace(f"there is no marker at {file}:{line}{there}")


def _find_markers(name: str, data: bytes) -> tuple[Sequence[Marker], Sequence[int]]:
    """Return the markers of a file, and the lines of those that mark nothing. Raises Unparsable."""
    if not setters.is_candidate(name):
        return setters.find_line_markers(name, data)
    scan = setters.find_markers(data)
    return scan.markers, [stray.line for stray in scan.stray_markers]


def _lines_of(marker: Marker) -> set[int]:
    """Return the lines that a marker is asked for by: that of the value, and its own where that is another."""
    return {marker.line, marker.marker_line} if isinstance(marker, setters.LineMarker) else {marker.line}


def _explain_image(options: argparse.Namespace, image: str) -> int:
    name = parse_reference(image).image.name
    tree = open_worktree(Path())
    paths = tree.list_files()
    contents = CommittedContents(tree.root, is_repository=tree.is_repository)
    objects = read_objects(options, tree, paths, contents, user_agent=USER_AGENT)
    known = _known(objects, tree)
    repositories = {key for key, one in known.repositories.items() if _names(one.spec.image, name)}
    policies = [policy for policy in objects.policies if repository_key(policy) in repositories]
    if not policies:
        adopt = f"`tagline adopt --only '{image}'` proposes one"
        write(f"no ImagePolicy chooses among the tags of {name}: {adopt}\n")
        return 1
    chains = []
    for policy in sorted(policies, key=key_of):
        markers = list(_markers_of(tree, paths, contents, policy=key_of(policy), known=known))
        chains += [list(trace_marker(file, marker, known)) for file, marker in markers]
        targets = list(_targets_of(tree, paths, contents, policy=key_of(policy), automations=known.automations))
        chains += [list(trace_marker(file, marker, known, target_of=one)) for file, marker, one in targets]
        if not markers and not targets:
            fault = "no marker in this repository names it: its choice is written nowhere"
            chains.append([*trace_policy(policy, known), ChainLink("marker", fault)])
    return _print_chains(chains, objects)


def _markers_of(
    tree: WorkTree,
    paths: Sequence[bytes],
    contents: CommittedContents,
    *,
    policy: Key,
    known: Known,
) -> Iterable[tuple[str, Marker]]:
    """Yield the markers of a policy, in YAML and in the files that an automation that may use it names."""
    of_policy = known.policies[policy]
    users = [one for one in known.automations if known.reach.find_refusal(one, of_policy) is None]
    named = [one for one in users if one.spec.update.files]
    globs = tuple(glob for one in named for glob in one.spec.update.files)
    wanted = setters.name_filter(globs)
    found = find_marked_files(tree.root, paths, "", is_wanted=wanted, has_marker=setters.has_marker, contents=contents)
    for file in found.files:
        if not setters.is_candidate(file.path) and not any(_is_named(file.path, one) for one in named):
            continue
        try:
            markers, _ = _find_markers(file.path, file.data)
        except setters.Unparsable:
            continue
        for marker in markers:
            if _policy_of(marker.setter) == policy:
                yield file.path, marker


def _targets_of(
    tree: WorkTree,
    paths: Sequence[bytes],
    contents: CommittedContents,
    *,
    policy: Key,
    automations: Sequence[ImageUpdateAutomation],
) -> Iterable[tuple[str, setters.Marker, ImageUpdateAutomation]]:
    """Yield the values that automations name as targets for a policy, each with its file and its automation."""
    for automation in automations:
        targets = [one for one in to_targets(automation) if _policy_of(one.setter) == policy]
        files: dict[str, bytes] = {}
        with suppress(WorkTreeError, setters.UpdatePathOutside):  # nothing is there
            for search in list_searches(targets, setters.resolve_update_path(automation.spec.update.path)):
                found = find_marked_files(
                    tree.root, paths, search.folder, is_wanted=search.is_wanted, has_marker=anything, contents=contents
                )
                files |= {file.path: file.data for file in found.files}
        for path, data in files.items():
            for one, marker in _targets_in(path, data, [automation]):
                if _policy_of(marker.setter) == policy:
                    yield path, marker, one


def _policy_of(setter: str) -> Key:
    parsed = parse_setter(setter)
    return Key(parsed.namespace, parsed.policy)


def _is_named(path: str, automation: ImageUpdateAutomation) -> bool:
    """Return whether an automation looks into a file for markers that are no YAML."""
    below = _below(path, automation)
    return below is not None and setters.matches_any(below, automation.spec.update.files)


def _below(path: str, automation: ImageUpdateAutomation) -> str | None:
    """Return a file's path from that of the update, None for one that is not below it."""
    try:
        return setters.relative_to(path, setters.resolve_update_path(automation.spec.update.path))
    except setters.UpdatePathOutside:
        return None


def _known(objects: Objects, tree: WorkTree) -> Known:
    remotes = tree.remotes()
    here = [one for one in objects.automations if not is_elsewhere(objects.source_of(one), remotes)]
    return Known(
        {key_of(one): one for one in objects.repositories},
        {key_of(one): one for one in objects.policies},
        here,
        objects.sources,
        objects.reach,
    )


def _print_chains(chains: Sequence[Sequence[ChainLink]], objects: Objects) -> int:
    lines = []
    for number, chain in enumerate(chains):
        lines += ["\n"] * bool(number)
        for link in chain:
            lines.append(f"{link.text}\n")
            if link.fault:
                lines.append(f"  → {link.fault}\n")
    lines += [f"problem: {problem}\n" for problem in objects.problems]
    write("".join(map(one_line, lines)))
    faulty = any(link.fault for chain in chains for link in chain)
    return 1 if faulty or objects.problems else 0


def _names(image: str, name: str) -> bool:
    try:
        return parse_reference(image).image.name == name
    except BadReference:
        return False


def _is_image(text: str) -> bool:
    try:
        parse_reference(text)
    except BadReference:
        return False
    return True
