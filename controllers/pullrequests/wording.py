"""What a pull request says: title and description, by the user's templates or by default. Pure.

The default is that of `controllers.forge.body`; here are its rows.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from api.imageupdateautomation import Finding
from api.pullrequest import PullRequestSpec
from controllers import setters
from controllers.forge.body import Row, default_body, default_title
from controllers.forge.decision import digest
from controllers.forge.model import Desired, MergeMethod
from controllers.image.ref import ImageRef
from controllers.image.setter import parse_setter
from controllers.pullrequests.groups import Group
from controllers.runtime.key import Key
from controllers.template.flux.links import build_link
from controllers.update.comparison import build_comparison
from controllers.update.findings import format_line
from controllers.update.message import render_message
from controllers.update.work import Edit, Work


def describe(
    spec: PullRequestSpec, group: Group, edit: Edit, findings: Sequence[Finding], message: str, *, now: datetime
) -> Desired:
    """Return the pull request of a group's edit. message: that of its commit. Raises TemplateFailure."""
    meta = group.work.automation.metadata
    changes = [change for result in edit.update.result for change in result.changes]
    rows, name = _rows(group.work, changes), f"{meta.namespace}/{meta.name}"
    title = _title(group.work, rows, message)
    body = default_body(rows, automation=name, findings=[format_line(finding) for finding in findings])
    if spec.title_template:
        title = render_message(group.work, edit.update, spec.title_template, now=now, fields=group.fields)
    if spec.body_template:
        body = render_message(group.work, edit.update, spec.body_template, now=now, fields=group.fields)
    return Desired(
        head=group.head,
        base=group.fields["Base"],
        title=title,
        body=body,
        automation=name,
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


def _title(work: Work, rows: Sequence[Row], message: str) -> str:
    """Return the first line of a message that somebody has a template for, else a sentence about the images."""
    git = work.automation.spec.git
    if git is not None and git.commit.message_template and (line := message.strip().partition("\n")[0].strip()):
        return line
    return default_title(rows)


def _rows(work: Work, changes: Sequence[setters.ValueChange]) -> list[Row]:
    """Return what changes from which version to which, each once, with the places."""
    places: dict[Row, list[str]] = {}
    for change in changes:
        setter = parse_setter(change.setter)
        image = work.images[setter.policy_key]
        row = Row(
            image=image.name,
            old=_version(setter.image(change.old_value)) or change.old_value,
            new=change.new_value if setter.part == "name" else _version(image),
            policy=str(Key(setter.namespace, setter.policy)),
            reason=work.reasons.get(setter.policy_key, ""),
            link=_compare(work, change),
        )
        places.setdefault(row, []).append(f"{change.file}:{change.line}")
    return [replace(row, files=tuple(files)) for row, files in places.items()]


def _version(image: ImageRef | None) -> str:
    return "@".join(filter(None, (image.tag, image.digest))) if image else ""


def _compare(work: Work, change: setters.ValueChange) -> str:
    setter = parse_setter(change.setter)
    sources = work.sources.get(setter.policy_key, ())
    comparison = build_comparison(setter, change.old_value, work.images[setter.policy_key], sources)
    return build_link(comparison) if comparison else ""
