"""`tagline preview --image`: where one image stands in a repository, and what a policy would change; no objects."""

import argparse
import errno
import os
from collections.abc import Iterator, Sequence
from typing import Any, Final

from api.imageupdateautomation import Finding
from api.names import IMAGE_POLICIES, IMAGE_REPOSITORIES
from cli.checkout import MAX_FILE_BYTES
from cli.diffs import diff_of
from cli.objects import Manifest, Manifests
from cli.preview_report import NOT_EDITABLE, AutomationReport, Change, PreviewReport
from cli.reading import TooLarge, UnfitFile, mentions, read_file
from controllers import setters
from controllers.adoption.trial import Trial, try_image
from controllers.image.ref import ImageRef
from controllers.net.library_errors import describe
from controllers.net.url import show_remote
from controllers.runtime.key import Key
from controllers.worktree.committed import CommittedContents, UnknownContent
from controllers.worktree.paths import WorkTree

NAME: Final = "image"
ORIGIN: Final = "--image"


class BadQuestion(Exception):
    """The options do not make a question; the text says what to do."""


def manifests_of(options: argparse.Namespace) -> Manifests:
    """Return the objects that ask for the image's latest tag. Raises BadQuestion."""
    if "://" in options.image:
        raise BadQuestion(f"{show_remote(options.image)} is no image: leave out the scheme, as in ghcr.io/org/app")
    if options.semver is not None:
        policy: dict[str, Any] = {"semver": {"range": options.semver}}
    elif options.numerical is not None:
        policy = {"numerical": {"order": options.numerical}}
    elif options.alphabetical is not None:
        policy = {"alphabetical": {"order": options.alphabetical}}
    else:
        raise BadQuestion("say how to choose among the tags, for example --semver '>=1.0.0' or --numerical asc")
    spec: dict[str, Any] = {"imageRepositoryRef": {"name": NAME}, "policy": policy}
    if options.pattern or options.extract:
        spec["filterTags"] = {"pattern": options.pattern, "extract": options.extract}
    metadata = {"name": NAME, "namespace": options.namespace}
    repository = {"image": options.image, "interval": "1m"}
    key = Key(options.namespace, NAME)
    objects = (
        Manifest(
            ORIGIN,
            kind,
            key,
            {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": content},
        )
        for kind, content in ((IMAGE_REPOSITORIES, repository), (IMAGE_POLICIES, spec))
    )
    return Manifests(tuple(objects), ())


def add_trial(
    report: PreviewReport,
    tree: WorkTree,
    paths: Sequence[bytes],
    contents: CommittedContents,
    *,
    image: ImageRef | None,
) -> None:
    """Add to a report what would change for the chosen image; None: nothing was chosen."""
    if image is None:
        return
    files = dict(_read(tree, paths, image, contents=contents, problems=report.problems))
    trial = try_image(files.items(), image)
    report.automations.append(_to_report(trial, files, image))


def _to_report(trial: Trial, files: dict[str, bytes], image: ImageRef) -> AutomationReport:
    changes = tuple(Change(change.file, change.line, change.old, change.new, image.name) for change in trial.changes)
    obstacles = tuple(
        Finding(file=p.file, line=p.line, reason=NOT_EDITABLE, message=f"{p.form}: {p.obstacle}")
        for p in trial.occurrences
        if p.obstacle
    )
    count = len(trial.occurrences)
    where = f"in this repository at {count} place{'s' * (count != 1)}" if count else "nowhere in this repository"
    return AutomationReport(
        image.name,
        where,
        changes=changes,
        diff=diff_of(files, trial.edits),
        is_trial=True,
        obstacles=obstacles,
    )


def _read(
    tree: WorkTree, paths: Sequence[bytes], image: ImageRef, *, contents: CommittedContents, problems: list[str]
) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of the files that may name an image; problems: gets what cannot be read and may do so."""
    word = os.fsencode(image.name.rpartition("/")[2])
    for path in paths:
        name = os.fsdecode(path)
        if not (setters.is_candidate(name) or name.endswith(".json")):
            continue
        full = os.path.join(os.fsencode(tree.root), path)
        try:
            yield name, contents.read(path, read_file(full, limit=MAX_FILE_BYTES, follow_links=False))
        except FileNotFoundError:  # deleted, or not checked out
            if path in contents.absent:
                yield from _read_absent(path, contents, problems)
        except UnknownContent as error:
            if mentions(full, word):
                problems.append(f"{name}: left out: {error}")
        except TooLarge as error:
            if mentions(full, word):
                problems.append(f"{name}: left out: {error}")
        except UnfitFile:
            continue
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ELOOP, errno.ENOTDIR}:  # deleted, a link, below a link
                problems.append(f"{name}: left out: {describe(error)}")


def _read_absent(path: bytes, contents: CommittedContents, problems: list[str]) -> Iterator[tuple[str, bytes]]:
    try:
        yield os.fsdecode(path), contents.read_absent(path)
    except UnknownContent as error:
        problems.append(f"{os.fsdecode(path)}: left out: {error}")
