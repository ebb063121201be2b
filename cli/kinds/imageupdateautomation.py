"""ImageUpdateAutomation on the command line."""

from typing import Any, Final

from api.names import IMAGE_UPDATE_AUTOMATIONS
from cli.kinds.kind import CliKind, Column, Creation, Object, ready_message, status, suspended


def _last_run(obj: Object) -> str:
    return str(status(obj).get("lastAutomationRunTime", ""))


UPDATE: Final = CliKind(
    resource=IMAGE_UPDATE_AUTOMATIONS,
    group="image",
    group_plural="images",
    word="update",
    human="image update automation",
    columns=(Column("Last run", _last_run), Column("Suspended", suspended)),
    summarize=ready_message,
    creation=Creation(module="cli.creation.update", summary="create or change an ImageUpdateAutomation"),
)
