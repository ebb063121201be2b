"""Receiver on the command line. It stands in no group: `get receivers`, `suspend receiver`."""

from typing import Final

from api.names import RECEIVERS
from cli.fields import mappings, text
from cli.kinds.kind import CliKind, Column, Creation, Object, suspended


def _type(obj: Object) -> str:
    return text(obj, "spec", "type")


def _resources(obj: Object) -> str:
    return ", ".join(f"{text(one, 'kind')}/{text(one, 'name')}" for one in mappings(obj, "spec", "resources"))


def describe(obj: Object) -> str:
    """Return where the hook is, in Flux's words; empty before that is known."""
    path = text(obj, "status", "webhookPath")
    return f"generated webhook URL {path}" if path else ""


def _summarize(obj: Object) -> str:
    return describe(obj) or "Receiver reconciliation completed"


RECEIVER: Final = CliKind(
    resource=RECEIVERS,
    group="",
    group_plural="",
    word="receiver",
    plural="receivers",
    human="receiver",
    columns=(Column("Suspended", suspended),),
    wide_columns=(Column("Type", _type), Column("Resources", _resources)),
    summarize=_summarize,
    creation=Creation(module="cli.creation.receiver", summary="create or change a Receiver"),
)
