"""ImageRepository on the command line."""

from typing import Any, Final

from api.names import IMAGE_REPOSITORIES
from cli.kinds.kind import CliKind, Column, Creation, Object, status, suspended


def _last_scan(obj: Object) -> str:
    return str((status(obj).get("lastScanResult") or {}).get("scanTime", ""))


def _summarize(obj: Object) -> str:
    return f"scan fetched {(status(obj).get('lastScanResult') or {}).get('tagCount', 0)} tags"


REPOSITORY: Final = CliKind(
    resource=IMAGE_REPOSITORIES,
    group="image",
    group_plural="images",
    word="repository",
    human="image repository",
    columns=(Column("Last scan", _last_scan), Column("Suspended", suspended)),
    summarize=_summarize,
    creation=Creation(module="cli.creation.repository", summary="create or change an ImageRepository"),
)
