"""ImageRepository on the command line."""

from typing import Final

from api.names import IMAGE_REPOSITORIES
from cli.fields import number, text
from cli.kinds.kind import CliKind, Column, Creation, Object, suspended


def _last_scan(obj: Object) -> str:
    return text(obj, "status", "lastScanResult", "scanTime")


def _image(obj: Object) -> str:
    return text(obj, "spec", "image")


def _tags(obj: Object) -> str:
    return text(obj, "status", "lastScanResult", "tagCount")


def _summarize(obj: Object) -> str:
    return f"scan fetched {number(obj, 'status', 'lastScanResult', 'tagCount')} tags"


REPOSITORY: Final = CliKind(
    resource=IMAGE_REPOSITORIES,
    group="image",
    group_plural="images",
    word="repository",
    human="image repository",
    columns=(Column("Last scan", _last_scan), Column("Suspended", suspended)),
    wide_columns=(Column("Image", _image), Column("Tags", _tags)),
    summarize=_summarize,
    creation=Creation(module="cli.creation.repository", summary="create or change an ImageRepository"),
)
