"""What `tagline preview` prints: text, Markdown, JSON, or annotations for GitHub. Values in, text out."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from api.imageupdateautomation import Finding
from cli.output import encode_diff, encode_text
from cli.preview_report import AutomationReport, PolicyReport, PreviewReport
from controllers.forge.model import Desired
from controllers.net.foreign_text import escape

MAX_RUNNERS_UP: Final = 3

_RED, _GREEN, _CYAN, _BOLD, _RESET = ("\033[31m", "\033[32m", "\033[36m", "\033[1m", "\033[0m")


def format_text(report: PreviewReport, *, colours: bool) -> Iterator[bytes]:
    """Yield the report for people. `git apply` reads its diffs, which are exact, and passes over the rest."""
    for policy in report.policies:
        yield from _policy_lines(policy, report, colours=colours)
    for automation in report.automations:
        yield from _automation(automation, colours=colours)
    yield from _closing_lines(report)


def format_markdown(report: PreviewReport) -> Iterator[str]:
    """Yield the report for a comment on a pull request."""
    changes = [(automation, change) for automation in report.automations for change in automation.changes]
    if changes:
        yield "| Policy | Where | From | To |\n|---|---|---|---|\n"
        for _, change in changes:
            cells = (change.policy, f"{change.file}:{change.line}", change.old, change.new)
            yield f"| {' | '.join(_code(cell) for cell in cells)} |\n"
    else:
        yield "Nothing would change.\n"
    for automation in report.automations:
        if automation.failure:
            yield f"\n**{automation.name}**: {_escape(automation.failure)}\n"
        elif automation.changes:
            verb = "stands" if automation.is_trial else f"would {_verb(automation)}"
            summary = f"{_escape(automation.name)} {verb} {_escape(automation.target)}"
            yield f"\n<details><summary>{summary}</summary>\n\n"
            if automation.message:
                yield _fenced(automation.message, "")
            yield _fenced(automation.diff.decode("utf-8", "replace"), "diff")
            for offer in automation.offers:
                asked = _asked_for(offer)
                what = f"from {_code(offer.head)} to {_code(offer.base)}: {_escape(offer.title)}"
                yield f"\n- pull request {what}{f' ({_escape(asked)})' if asked else ''}\n"
            yield "</details>\n"
    warnings = [*report.problems, *(_finding_lines(report)), *_unready_lines(report)]
    if warnings:
        yield "\n" + "".join(f"- {_escape(warning)}\n" for warning in warnings)


def format_github(report: PreviewReport) -> Iterator[str]:
    """Yield workflow commands, which GitHub shows beside the lines of a pull request.

    Follows https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions
    """
    for automation in report.automations:
        for change in automation.changes:
            text = f"{change.policy} would replace {change.old} by {change.new}"
            yield _annotation("notice", text, file=change.file, line=change.line)
        for finding in automation.findings:
            yield _annotation("warning", finding.message, file=finding.file, line=finding.line)
        for obstacle in automation.obstacles:
            text = f"{automation.name} cannot be edited here: {obstacle.message}"
            yield _annotation("warning", text, file=obstacle.file, line=obstacle.line)
        if automation.failure:
            yield _annotation("error", f"{automation.name}: {automation.failure}")
    for text in (*report.problems, *_unready_lines(report)):
        yield _annotation("error", text)


def to_json(report: PreviewReport) -> str:
    """Return the report as JSON."""
    document: dict[str, Any] = {
        "changed": report.has_changes,
        "failed": report.has_failures,
        "policies": [
            {
                "name": policy.name,
                "image": policy.image,
                "ready": policy.is_ready,
                "message": policy.message,
                "runnersUp": [{"tag": tag, "reason": reason} for tag, reason in policy.runners_up],
            }
            for policy in report.policies
        ],
        "automations": [_automation_to_json(automation) for automation in report.automations],
        "problems": report.problems,
        "notes": report.notes,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _automation_to_json(automation: AutomationReport) -> dict[str, Any]:
    return {
        "name": automation.name,
        "target": automation.target,
        "after": list(automation.after),
        "changes": [asdict(change) for change in automation.changes],
        "message": automation.message,
        "diff": automation.diff.decode("utf-8", "replace"),
        "findings": [_finding_to_json(finding) for finding in automation.findings],
        "obstacles": [_finding_to_json(obstacle) for obstacle in automation.obstacles],
        "failure": automation.failure,
        **({"pullRequests": [_offer_to_json(offer) for offer in automation.offers]} if automation.is_offer else {}),
    }


def _offer_to_json(offer: Desired) -> dict[str, Any]:
    return {
        "head": offer.head,
        "base": offer.base,
        "title": offer.title,
        "body": offer.body,
        "draft": offer.draft,
        "labels": list(offer.labels),
        "reviewers": list(offer.reviewers),
        "assignees": list(offer.assignees),
        "autoMerge": str(offer.auto_merge or ""),
    }


def _asked_for(offer: Desired) -> str:
    """Return what a pull request has besides its text, for people; empty where it has nothing."""
    lists = (("labels", offer.labels), ("reviewers", offer.reviewers), ("assignees", offer.assignees))
    words = [f"{name}: {', '.join(values)}" for name, values in lists if values]
    if offer.auto_merge:
        words.append(f"merged by the forge: {offer.auto_merge}")
    return "; ".join(["draft", *words] if offer.draft else words)


def _finding_to_json(finding: Finding) -> dict[str, Any]:
    return {"file": finding.file, "line": finding.line, "reason": finding.reason, "message": finding.message}


def _policy_lines(policy: PolicyReport, report: PreviewReport, *, colours: bool) -> Iterator[bytes]:
    yield _line(f": {policy.image or 'nothing chosen'}", heading=f"ImagePolicy {policy.name}", colours=colours)
    if not policy.is_ready:
        yield _line(f"  not ready: {policy.message}")
    changes = [
        (automation, change)
        for automation in report.automations
        for change in automation.changes
        if change.policy == policy.name
    ]
    for _, change in changes:
        yield _line(f"  {change.file}:{change.line}: {change.old} → {change.new}")
    if policy.is_ready:
        yield _line(f"  why: {policy.message}")
    if policy.runners_up:
        shown = policy.runners_up[:MAX_RUNNERS_UP]
        yield _line(f"  not chosen: {'; '.join(f'{tag} {reason}' for tag, reason in shown)}")
    yield b"\n"


def _automation(automation: AutomationReport, *, colours: bool) -> Iterator[bytes]:
    if automation.is_trial:
        yield from _trial(automation, colours=colours)
        return
    heading = f"ImageUpdateAutomation {automation.name}"
    if automation.failure:
        yield _line(f" would do nothing: {automation.failure}", heading=heading, colours=colours)
        yield b"\n"
        return
    verb = f"would {_verb(automation)}" if automation.changes else f"has nothing to {_verb(automation)}"
    yield _line(f" {verb} {automation.target}", heading=heading, colours=colours)
    if automation.after:
        yield _line(f"  starts from what is pushed before it by: {', '.join(automation.after)}")
    if automation.changes:
        yield b"\n"
        lines = automation.message.rstrip("\n").split("\n")
        yield from (encode_text(f"    {line}".rstrip() + "\n") for line in lines)
        yield b"\n"
        yield _painted_diff(encode_diff(automation.diff), colours=colours)
    for offer in automation.offers:
        yield _line(f"  pull request from {offer.head} to {offer.base}: {offer.title}")
        if asked := _asked_for(offer):
            yield _line(f"    {asked}")
            yield b"\n"
        yield from (encode_text(f"    {line}".rstrip() + "\n") for line in offer.body.rstrip("\n").split("\n"))
        yield b"\n"
    for finding in automation.findings:
        place = f"{finding.file}:{finding.line}: " if finding.line else f"{finding.file}: " if finding.file else ""
        yield _line(f"  left alone: {place}{finding.message}")
    yield b"\n"


def _verb(automation: AutomationReport) -> str:
    return "offer" if automation.is_offer else "push"


def _trial(trial: AutomationReport, *, colours: bool) -> Iterator[bytes]:
    yield _line(f" stands {trial.target}", heading=trial.name, colours=colours)
    for change in trial.changes:
        yield _line(f"  {change.file}:{change.line}: {change.old} → {change.new}")
    for obstacle in trial.obstacles:
        yield _line(f"  cannot be edited: {obstacle.file}:{obstacle.line}: {obstacle.message}")
    yield b"\n"
    yield _painted_diff(encode_diff(trial.diff), colours=colours)


def _closing_lines(report: PreviewReport) -> Iterator[bytes]:
    for problem in report.problems:
        yield _line(f"problem: {problem}")
    for note in report.notes:
        yield _line(f"note: {note}")
    if not (report.automations or report.problems or report.notes):
        yield _line("There is no ImageUpdateAutomation, so nothing would be committed.")


def _unready_lines(report: PreviewReport) -> Iterator[str]:
    for policy in report.policies:
        if not policy.is_ready:
            yield f"ImagePolicy {policy.name}: {policy.message}"


def _finding_lines(report: PreviewReport) -> Iterator[str]:
    for automation in report.automations:
        for finding in automation.findings:
            yield f"{finding.file}:{finding.line}: {finding.message}" if finding.file else finding.message
        for obstacle in automation.obstacles:
            yield f"cannot be edited: {obstacle.file}:{obstacle.line}: {obstacle.message}"


def _painted_diff(diff: bytes, *, colours: bool) -> bytes:
    if not colours:
        return diff
    painted = []
    for line in diff.splitlines(keepends=True):
        body, end = (line[:-1], b"\n") if line.endswith(b"\n") else (line, b"")
        if line.startswith((b"diff ", b"--- ", b"+++ ")):
            colour = _BOLD
        else:
            colour = {b"-": _RED, b"+": _GREEN, b"@": _CYAN}.get(line[:1], "")
        painted.append(colour.encode() + body + (_RESET.encode() if colour else b"") + end)
    return b"".join(painted)


def _line(text: str, *, heading: str = "", colours: bool = False) -> bytes:
    """Return one line, whatever is in it. heading: stands in front of the text; it is painted."""
    start = escape(heading)
    return f"{_BOLD}{start}{_RESET}{escape(text)}\n".encode() if colours else f"{start}{escape(text)}\n".encode()


def _code(text: str) -> str:
    return "`" + escape(text).replace("`", "'").replace("|", "\\|") + "`"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")


def _fenced(text: str, language: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip(chr(10))}\n{fence}\n\n"


def _annotation(level: str, text: str, *, file: str = "", line: int = 0) -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    place = [f"file={_property(file)}"] * bool(file) + [f"line={line}"] * bool(file and line)
    return f"::{level}{' ' + ','.join(place) if place else ''}::{escaped}\n"


def _property(text: str) -> str:
    for plain, escaped in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C")):
        text = text.replace(plain, escaped)
    return text
