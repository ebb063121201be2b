"""The pull requests that a run would offer, for files that need not be in Git yet. No forge is asked. Pure."""

from collections.abc import Sequence
from datetime import datetime

from api.imageupdateautomation import Finding
from api.pullrequest import PullRequestSpec
from controllers.forge.model import Desired
from controllers.pullrequests.groups import list_groups
from controllers.pullrequests.heads import only
from controllers.pullrequests.wording import describe
from controllers.update.edit import plan_edit
from controllers.update.message import render_message
from controllers.update.work import Edit, MarkedTree, Work


def preview_offers(
    spec: PullRequestSpec,
    work: Work,
    tree: MarkedTree,
    edit: Edit,
    findings: Sequence[Finding],
    *,
    base: str,
    message_template: str,
    now: datetime,
) -> list[Desired]:
    """Return what each group of an edit would be offered as. base: branch that pull requests are for.

    Raises BadBranch and TemplateFailure.
    """
    offers = []
    changed = only(tree, edit.update.edits)
    for group in list_groups(spec, work, tree, base, now=now):
        part = plan_edit(group.narrow(changed), group.work)
        if part.contents:
            message = render_message(group.work, part.update, message_template, now=now)
            offers.append(describe(spec, group, part, findings, message, now=now))
    return offers
