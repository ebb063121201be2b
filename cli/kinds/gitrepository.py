"""GitRepository on the command line."""

import re
from typing import Final

from api.names import GIT_REPOSITORIES
from cli.fields import text
from cli.kinds.kind import CliKind, Column, Creation, Object, ready_message, suspended

_LONG_HASH: Final = re.compile(r"(sha1:|sha256:)([0-9a-f]{8})[0-9a-f]+")


def _full_revision(obj: Object) -> str:
    return text(obj, "status", "artifact", "revision")


def _revision(obj: Object) -> str:
    return _shorten(_full_revision(obj))


def _message(obj: Object) -> str:
    return _shorten(ready_message(obj))


def _shorten(message: str) -> str:
    return _LONG_HASH.sub(r"\1\2", message)


def _url(obj: Object) -> str:
    return text(obj, "spec", "url")


def _summarize(obj: Object) -> str:
    return f"fetched revision {_full_revision(obj)}"


GIT: Final = CliKind(
    resource=GIT_REPOSITORIES,
    group="source",
    group_plural="sources",
    word="git",
    human="source git",
    columns=(Column("Revision", _revision), Column("Suspended", suspended)),
    wide_columns=(Column("URL", _url),),
    message=_message,
    summarize=_summarize,
    creation=Creation(
        module="cli.creation.git",
        summary="create or change a GitRepository",
        described_as="GitRepository source",
    ),
)
