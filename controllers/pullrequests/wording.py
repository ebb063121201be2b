"""What a pull request says: title and description, by the user's templates or by default. Pure.

The default has a table of what changes, with links to what is in it, why each policy chose so, and what was left out.
All that comes from files, registries and clusters is foreign text (`controllers.forge.text`).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from api.imageupdateautomation import Finding
from api.pullrequest import PullRequestSpec
from controllers import setters
from controllers.forge.decision import digest
from controllers.forge.model import Desired, MergeMethod
from controllers.forge.text import cell, code, link, prose
from controllers.image.setter import parse_setter
from controllers.pullrequests.groups import Group
from controllers.template.flux.links import build_link
from controllers.update.comparison import build_comparison
from controllers.update.findings import format_line
from controllers.update.message import render_message
from controllers.update.work import Edit, Work

MAX_ROWS = 100
MAX_FINDINGS = 20


def describe(
    spec: PullRequestSpec, group: Group, edit: Edit, findings: Sequence[Finding], message: str, *, now: datetime
) -> Desired:
    """Return the pull request of a group's edit. message: that of its commit. Raises TemplateFailure."""
    meta = group.work.automation.metadata
    changes = [change for result in edit.update.result for change in result.changes]
    title, body = _title(group.work, changes, message), _body(group.work, changes, findings)
    if spec.title_template:
        title = render_message(group.work, edit.update, spec.title_template, now=now, fields=group.fields)
    if spec.body_template:
        body = render_message(group.work, edit.update, spec.body_template, now=now, fields=group.fields)
    return Desired(
        head=group.head,
        base=group.fields["Base"],
        title=title,
        body=body,
        automation=f"{meta.namespace}/{meta.name}",
        content=digest_of(changes),
        labels=spec.labels,
        reviewers=spec.reviewers,
        assignees=spec.assignees,
        draft=spec.draft,
        auto_merge=MergeMethod(spec.auto_merge.method) if spec.auto_merge else None,
    )


def digest_of(changes: Sequence[setters.ValueChange]) -> str:
    """Return the digest of what changes offer: lines and old values do not count, since a moved base changes them."""
    return digest((f"{change.file}\0{change.setter}", change.new_value) for change in changes)


def _title(work: Work, changes: Sequence[setters.ValueChange], message: str) -> str:
    """Return the first line of a message that somebody has a template for, else a sentence about the images."""
    git = work.automation.spec.git
    if git is not None and git.commit.message_template and (line := message.strip().partition("\n")[0].strip()):
        return line
    images = sorted({work.images[parse_setter(change.setter).policy_key] for change in changes}, key=str)
    if len(images) == 1:
        (image,) = images
        return f"Update {image.name.rpartition('/')[2]} to {image.tag}"
    return f"Update {len(images)} images"


def _body(work: Work, changes: Sequence[setters.ValueChange], findings: Sequence[Finding]) -> str:
    blocks = ["\n".join(_table(work, changes)), "\n".join(_reasons(work, changes)), "\n".join(_left_out(findings))]
    meta = work.automation.metadata
    blocks.append(
        f"Made by ImageUpdateAutomation {code(f'{meta.namespace}/{meta.name}')}. A newer image updates this pull "
        "request. To decline what it offers, close it; to go on by hand, push to its branch."
    )
    return "\n\n".join(block for block in blocks if block)


def _table(work: Work, changes: Sequence[setters.ValueChange]) -> Iterator[str]:
    yield "| File | Before | After | |"
    yield "|---|---|---|---|"
    for change in changes[:MAX_ROWS]:
        columns = (
            code(f"{change.file}:{change.line}"),
            code(change.old_value) if change.old_value else "",
            code(change.new_value),
            _compare(work, change),
        )
        yield f"| {' | '.join(map(cell, columns))} |"
    if len(changes) > MAX_ROWS:
        yield f"\n{len(changes) - MAX_ROWS} more values are not listed here."


def _compare(work: Work, change: setters.ValueChange) -> str:
    setter = parse_setter(change.setter)
    sources = work.sources.get(setter.policy_key, ())
    comparison = build_comparison(setter, change.old_value, work.images[setter.policy_key], sources)
    url = build_link(comparison) if comparison else ""
    return link("changes" if comparison and comparison.old else "commit", url) if url else ""


def _reasons(work: Work, changes: Sequence[setters.ValueChange]) -> Iterator[str]:
    keys = sorted({parse_setter(change.setter).policy_key for change in changes})
    known = [key for key in keys if key in work.reasons]
    if known:
        yield "Why:\n"
        yield from (f"- {code(key)}: {prose(work.reasons[key])}" for key in known[:MAX_ROWS])


def _left_out(findings: Sequence[Finding]) -> Iterator[str]:
    if findings:
        yield "Left out:\n"
        yield from (f"- {prose(format_line(finding))}" for finding in findings[:MAX_FINDINGS])
