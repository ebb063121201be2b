"""What does the tag filter make of one tag? In: `pattern`, `extract`, `tag`."""

from typing import Any

from controllers.policy import Filter
from controllers.policy.tag_filter import BadFilter, compile_filter


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Return the case's `out`, or `error`, as our code answers it."""
    try:
        extractor = compile_filter(Filter(question["pattern"], question["extract"]))
    except BadFilter as error:
        return {"error": str(error)}
    value = extractor.value(question["tag"])
    return {"out": {"match": False} if value is None else {"match": True, "expanded": value}}


def check(case: dict[str, Any]) -> str | None:
    got = answer(case["in"])
    want = {key: case[key] for key in ("out", "error") if key in case}
    return None if got == want else f"got {got}, want {want}"
