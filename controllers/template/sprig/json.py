"""Sprig's JSON functions. Those without `must` swallow errors and return an empty result.

Reference: https://masterminds.github.io/sprig/defaults.html.
"""

from controllers.template.errors import FunctionFailure
from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.go.json_text import Encoder, decode
from controllers.template.go.types import ANY, STRING

LIBRARY = Library()
_INDENT = "  "


def _encode_or_empty(run: RenderContext, value: object, indent: str) -> str:
    try:
        return Encoder(run.budget, indent=indent).encode(value)
    except FunctionFailure:
        return ""


@LIBRARY.add("toJson", ANY)
def _to_json(run: RenderContext, value: object) -> str:
    return _encode_or_empty(run, value, "")


@LIBRARY.add("toPrettyJson", ANY)
def _to_pretty_json(run: RenderContext, value: object) -> str:
    return _encode_or_empty(run, value, _INDENT)


@LIBRARY.add("mustToJson", ANY)
def _must_to_json(run: RenderContext, value: object) -> str:
    return Encoder(run.budget).encode(value)


@LIBRARY.add("mustToPrettyJson", ANY)
def _must_to_pretty_json(run: RenderContext, value: object) -> str:
    return Encoder(run.budget, indent=_INDENT).encode(value)


@LIBRARY.add("toRawJson mustToRawJson", ANY)
def _to_raw_json(run: RenderContext, value: object) -> str:
    return Encoder(run.budget, escape_html=False).encode(value)


@LIBRARY.add("fromJson", STRING)
def _from_json(run: RenderContext, text: str) -> object:
    try:
        return decode(text, run.budget)
    except FunctionFailure:
        return None


@LIBRARY.add("mustFromJson", STRING)
def _must_from_json(run: RenderContext, text: str) -> object:
    return decode(text, run.budget)
