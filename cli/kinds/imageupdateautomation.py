"""ImageUpdateAutomation on the command line."""

from typing import Final

from api.names import GIT_REPOSITORIES, IMAGE_POLICIES, IMAGE_UPDATE_AUTOMATIONS
from cli.kinds.kind import (
    CliKind,
    Column,
    Creation,
    Link,
    Object,
    Selector,
    ready_message,
    status,
    suspended,
)


def _last_run(obj: Object) -> str:
    return str(status(obj).get("lastAutomationRunTime", ""))


def _source(obj: Object) -> str:
    ref = (obj.get("spec") or {}).get("sourceRef") or {}
    return "/".join(ref[key] for key in ("namespace", "name") if ref.get(key))


def _branch(obj: Object) -> str:
    git = (obj.get("spec") or {}).get("git") or {}
    checkout = ((git.get("checkout") or {}).get("ref") or {}).get("branch")
    return str((git.get("push") or {}).get("branch") or checkout or "")


def _last_commit(obj: Object) -> str:
    return str(status(obj).get("lastPushCommit", ""))[:8]


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
