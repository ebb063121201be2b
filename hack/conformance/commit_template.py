"""What commit message does a template give? In: `template`, `automation`, `values`, `result`."""

import base64
from datetime import UTC, datetime
from typing import Any

from controllers.template import (
    DataModel,
    FileChange,
    ObjectRef,
    TemplateChange,
    TemplateData,
    TemplateFailure,
    render_bytes,
)

NOW = datetime(2025, 1, 1, tzinfo=UTC)
"""The recorded answers do not depend on the time of the run."""


def data_of(question: dict[str, Any]) -> TemplateData:
    """Return the question's facts as our types."""
    results = [
        FileChange(
            result["file"],
            ObjectRef(*(result["object"][name] for name in ("apiVersion", "kind", "namespace", "name"))),
            [
                TemplateChange(change["oldValue"], change["newValue"], change["setter"], change.get("image", ""))
                for change in result["changes"]
            ],
        )
        for result in question["result"]
    ]
    automation = question["automation"]
    return TemplateData(automation["namespace"], automation["name"], results, question["values"])


def compare(case: dict[str, Any], model: DataModel) -> str | None:
    """Return None when our answer is one of the recorded ones."""
    try:
        message = render_bytes(case["in"]["template"], data_of(case["in"]), now=NOW, model=model)
    except TemplateFailure as failure:
        wanted = case.get("error_one_of", [case["error"]] if "error" in case else [])
        return None if str(failure) in wanted else f"got error {str(failure)!r}, want {wanted or case['out']}"
    out = case.get("out", {})
    texts = [text.encode() for text in out.get("message_one_of", [out["message"]] if "message" in out else [])]
    if "message_b64" in out:
        texts.append(base64.b64decode(out["message_b64"]))
    return None if message in texts else f"got {message!r}, want {texts or case.get('error')}"


def check(case: dict[str, Any]) -> str | None:
    return compare(case, DataModel.CURRENT)
