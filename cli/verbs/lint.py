"""`tagline lint [PATH]`: markers and manifests of a repository that cannot work, and what to do about each."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from cli.checkout import BadFolder, CheckedOutFolder, UnreadFile, open_checkout, read_files, report_left_out
from cli.file_writing import NotWritten, write_files
from cli.lint_output import FORMATS
from cli.output import encode_json, encode_text, one_line, write_error, write_output
from cli.progress import Progress
from cli.tags import BadTagFile, read_tag_files
from controllers.lint.fixes import apply_fixes
from controllers.lint.lint import lint
from controllers.lint.rules import RULES, Fix, LintFinding, Severity
from controllers.net.foreign_text import escape
from controllers.net.url import redact_text
from controllers.setters import is_candidate


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the grammar of the verb."""
    parser.description = (
        "Finds markers and manifests that cannot work. Exit status 0: no errors; 1: errors, or with --strict warnings, "
        "that --fix did not mend, or a file that cannot be read; 2: the request itself is wrong."
    )
    parser.add_argument("paths", nargs="*", default=["."], metavar="PATH", help="folder or files (the current folder)")
    parser.add_argument("--fix", action="store_true", help="mend what can be mended safely")
    parser.add_argument("--strict", action="store_true", help="warnings count, too")
    parser.add_argument("--flux", action="store_true", help="also report fields that Flux does not have")
    parser.add_argument(
        "--tags", action="append", default=[], metavar="IMAGE=FILE", help="tags of an image, one a line"
    )
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="RULE", choices=[*RULES], help="a rule to leave out"
    )
    parser.add_argument("-o", "--output", choices=[*FORMATS], default="text", help="what to print")
    parser.set_defaults(command=run_lint)


def run_lint(options: argparse.Namespace) -> int:
    """Print findings; the exit status is that of the description."""
    try:
        tags = read_tag_files(options.tags)
        checkout = _open_repository(options.paths)
        unread: list[UnreadFile] = []
        with Progress("reading") as progress:
            files = progress.over(read_files(checkout, lambda _: True, unread), "files", len(checkout.files))
            findings = lint(files, flux=options.flux, tags=tags, read=partial(_read_again, checkout))
        wanted = _list_wanted(checkout, options.paths)
        findings = [one for one in findings if one.rule not in options.ignore and _is_below(one.file, wanted)]
        if options.fix:
            findings = _fix(checkout, findings)
    except (BadFolder, BadTagFile) as error:
        write_error(error)
        return 2
    except NotWritten as error:
        write_error(error)
        return 1
    except OSError as error:
        write_error(f"nothing was mended: {escape(str(error.filename))}: {error.strerror or type(error).__name__}")
        return 1
    except KeyboardInterrupt:
        write_error("interrupted")
        return 130
    findings = [replace(one, message=redact_text(one.message)) for one in findings]
    if options.output == "text":
        findings = [replace(one, file=os.path.relpath(checkout.folder / one.file)) for one in findings]
    unread = [file for file in unread if is_candidate(file.path) and _is_below(file.path, wanted)]
    for sentence in report_left_out(unread):
        write_error(sentence)
    unread = [file for file in unread if file.is_fault]
    for file in unread:
        write_error(f"{escape(os.path.relpath(checkout.folder / file.path))}: {file.reason}")
    lines = FORMATS[options.output](findings)
    encode = encode_text if options.output in {"text", "github"} else encode_json
    write_output(encode(one_line(line) if options.output == "text" else line) for line in lines)
    counted = {Severity.ERROR, Severity.WARNING} if options.strict else {Severity.ERROR}
    return int(bool(unread) or any(one.severity in counted for one in findings))


def _read_again(checkout: CheckedOutFolder, path: str) -> bytes | None:
    """Return the content of a file, None for one that cannot be read, which was said when it was read first."""
    return next((data for _, data in read_files(replace(checkout, files=(path,)), lambda _: True, [])), None)


def _open_repository(paths: Sequence[str]) -> CheckedOutFolder:
    """Return all of the repository that the paths are in: markers in one part name objects of another.

    Raises BadFolder, also for paths of several repositories.
    """
    opened = [open_checkout(path, hidden=True, listing=False) for path in paths]
    roots = {one.root.resolve() for one in opened}
    if len(roots) > 1:
        raise BadFolder(f"these are several repositories: {', '.join(sorted(map(str, roots)))}; name those of one")
    if opened[0].is_repository:
        return open_checkout(os.path.relpath(roots.pop()), hidden=True)
    # Without a repository nothing says what else belongs to a file.
    found = [open_checkout(path, hidden=True) for path in paths]
    files = {name for one in found for name in one.files}
    return replace(found[0], files=tuple(sorted(files))) if found[0].is_file else found[0]


def _list_wanted(checkout: CheckedOutFolder, paths: Sequence[str]) -> set[str]:
    """Return the paths that findings are wanted of, relative to the root; "." is everything."""
    root = checkout.folder.resolve()
    return {os.path.relpath(os.path.realpath(path), root) for path in paths}


def _is_below(file: str, wanted: set[str]) -> bool:
    return "." in wanted or any(file == path or file.startswith(f"{path}/") for path in wanted)


def _fix(checkout: CheckedOutFolder, findings: Sequence[LintFinding]) -> list[LintFinding]:
    """Write the fixes; return the findings that remain."""
    by_file: dict[str, list[Fix]] = {}
    left: list[LintFinding] = []
    for one in findings:
        if one.fix is None or checkout.why_read_only(one.file):
            left.append(one)
        else:
            by_file.setdefault(one.file, []).append(one.fix)
    contents = {
        path: checkout.to_work_tree(path, apply_fixes(checkout.read(path), fixes)) for path, fixes in by_file.items()
    }
    write_files(checkout.folder, contents)
    if contents:
        mended = sum(map(len, by_file.values()))
        write_error(f"mended {mended} finding{'s' * (mended > 1)} in {len(contents)} file{'s' * (len(contents) > 1)}")
    return left
