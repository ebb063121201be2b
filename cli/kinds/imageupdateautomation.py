"""ImageUpdateAutomation on the command line."""

from typing import Final

from api.names import GIT_REPOSITORIES, IMAGE_POLICIES, IMAGE_UPDATE_AUTOMATIONS
from cli.fields import mapping, text
from cli.kinds.kind import (
    CliKind,
    Column,
    Creation,
    Link,
    Object,
    Selector,
    ready_message,
    suspended,
)


def _last_run(obj: Object) -> str:
    return text(obj, "status", "lastAutomationRunTime")


def _source(obj: Object) -> str:
    ref = mapping(obj, "spec", "sourceRef")
    return "/".join(part for part in (text(ref, "namespace"), text(ref, "name")) if part)


def _branch(obj: Object) -> str:
    git = mapping(obj, "spec", "git")
    return text(git, "push", "branch") or text(git, "checkout", "ref", "branch")


def _last_commit(obj: Object) -> str:
    return text(obj, "status", "lastPushCommit")[:8]


UPDATE: Final = CliKind(
    resource=IMAGE_UPDATE_AUTOMATIONS,
    group="image",
    group_plural="images",
    word="update",
    human="image update automation",
    columns=(Column("Last run", _last_run), Column("Suspended", suspended)),
    wide_columns=(Column("Source", _source), Column("Branch", _branch), Column("Last commit", _last_commit)),
    links=(Link("sourceRef", GIT_REPOSITORIES),),
    selectors=(Selector("policySelector", IMAGE_POLICIES),),
    summarize=ready_message,
    creation=Creation(module="cli.creation.update", summary="create or change an ImageUpdateAutomation"),
)
