"""What `tagline automate --once` says at its end, as lines or as JSON. Values in, text out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from cli.output import encode_diff, encode_text
from cli.sync import ObjectState, PolicyChoice
from controllers.gitaccess.recording import RecordedCommit
from controllers.net.url import show_remote
from controllers.pullrequests.recording import RecordedOffer
from controllers.runtime.key import Key

_PAST: Final[Mapping[str, str]] = {"open": "opened", "update": "updated", "close": "closed"}


@dataclass(frozen=True, slots=True)
class RunReport:
    """What became of a run."""

    objects: Sequence[ObjectState]
    before: Mapping[Key, PolicyChoice]
    """What the policies chose before it."""
    choices: Mapping[Key, PolicyChoice]
    commits: Sequence[RecordedCommit]
    is_dry_run: bool
    unfinished: str = ""
    """Why not everything was tried; empty when it was."""
    offers: Sequence[RecordedOffer] = ()
    """What was done to pull requests, or would have been."""

    @property
    def is_fine(self) -> bool:
        """Whether everything is done."""
        return not self.unfinished and all(state.is_fine for state in self.objects)


def to_text(report: RunReport) -> Iterator[bytes]:
    """Yield lines for people: every object, then every commit, with its diff where it was not pushed.

    `git apply` reads the diffs, which are exact, and passes over the rest.
    """
    for state in report.objects:
        mark = "" if state.is_fine else "FAILED: "
        reason = "" if state.is_fine or not state.reason else f"{state.reason}: "
        yield _line(f"{state.kind} {state.key}: {mark}{reason}{state.message}")
    for key, choice in report.choices.items():
        old = report.before.get(key)
        if old != choice:
            yield _line(f"{choice.image}: {f'{_version(old)} -> ' if old else ''}{_version(choice)}")
    for commit in report.commits:
        verb = "would push" if report.is_dry_run else "pushed"
        yield b"\n"
        yield _line(f"{verb} {commit.commit} to {', '.join(commit.refs)} of {show_remote(commit.url)}")
        yield from (encode_text(f"    {line}".rstrip() + "\n") for line in commit.message.splitlines())
        if report.is_dry_run:
            yield b"\n"
            yield encode_diff(commit.diff.encode("utf-8", "surrogateescape"))
    for offer in report.offers:
        verb = f"would {offer.action}" if report.is_dry_run else _PAST[offer.action]
        number = f" #{offer.number}" if offer.number else ""
        yield b"\n"
        yield _line(f"{verb} pull request{number} from {offer.head} to {offer.base}: {offer.url or offer.title}")
        if offer.url and offer.title:
            yield _line(f"    {offer.title}")
    if report.unfinished:
        yield _line(f"FAILED: {report.unfinished}")


def _line(text: str) -> bytes:
    """Return a line; further lines of what is in it are set off, so that none begins as one of ours."""
    return encode_text(text.replace("\n", "\n    ") + "\n")


def to_json(report: RunReport) -> str:
    """Return one JSON object: `status`, `objects`, `choices`, `commits`."""
    document: dict[str, Any] = {
        "status": "done" if report.is_fine else "failed",
        "unfinished": report.unfinished,
        "dryRun": report.is_dry_run,
        "objects": [
            {
                "kind": state.kind,
                "namespace": state.key.namespace,
                "name": state.key.name,
                "ready": state.ready,
                "reason": state.reason,
                "message": state.message,
            }
            for state in report.objects
        ],
        "choices": [_choice(key, choice, report.before.get(key)) for key, choice in report.choices.items()],
        **({"pullRequests": [_offer(offer, report) for offer in report.offers]} if report.offers else {}),
        "commits": [
            {
                "repository": show_remote(commit.url),
                "commit": commit.commit,
                "refs": list(commit.refs),
                "pushed": not report.is_dry_run,
                "message": commit.message,
                "diff": _printable(commit.diff),
            }
            for commit in report.commits
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document)).decode() + "\n"


def _offer(offer: RecordedOffer, report: RunReport) -> dict[str, Any]:
    return {
        "action": offer.action,
        "number": offer.number,
        "url": offer.url,
        "head": offer.head,
        "base": offer.base,
        "title": offer.title,
        "body": offer.body,
        "done": not report.is_dry_run,
    }


def _choice(key: Key, choice: PolicyChoice, before: PolicyChoice | None) -> dict[str, Any]:
    document = {"namespace": key.namespace, "name": key.name, "image": choice.image, "tag": choice.tag}
    if choice.digest:
        document["digest"] = choice.digest
    if before and before != choice:
        document["previousTag"] = before.tag
    return document | {"changed": before != choice}


def _version(choice: PolicyChoice) -> str:
    return f"{choice.tag}@{choice.digest}" if choice.digest else choice.tag


def _printable(diff: str) -> str:
    return diff.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
