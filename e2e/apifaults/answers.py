"""Answers that no server should give: by name, in the form in which API servers, registries and Git hosts give them."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from e2e.apifaults.calls import API, Call
from e2e.apifaults.positions import EVENT, Position
from e2e.apifaults.proxy import Answer

RESET, DRIP, CUT = "reset", "drip", "cut"
_REASONS = {
    401: "Unauthorized", 403: "Forbidden", 409: "Conflict", 410: "Expired", 422: "Invalid", 429: "TooManyRequests",
    500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
}  # fmt: skip
_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass(frozen=True, slots=True)
class Block:
    """Until a moment, requests that match are answered so."""

    until: float
    matches: Callable[[Call], bool]
    answer: Answer


def answer_of(name: str, call: Call) -> Answer:
    """Return what a name like `503-after` stands for, as an answer to a request."""
    code, _, after = name.partition("-")
    status = int(code)
    headers = {"Retry-After": "1"} if after else {}
    if status == 502:
        return Answer(status, {"Content-Type": "text/html"}, _GATEWAY)
    if call.server != API:
        return Answer(status, headers | {"Content-Type": "text/plain"}, b"injected\n")
    reason = _REASONS[status]
    if status == 409 and call.verb == "create":
        reason = "AlreadyExists"
    content = {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": f"injected {name}",
        "reason": reason, "code": status,
    }  # fmt: skip
    return Answer(status, headers | {"Content-Type": "application/json"}, json.dumps(content).encode())


def _any(position: Position) -> bool:
    return position.verb != EVENT


ANSWERS: dict[str, Callable[[Position], bool]] = dict.fromkeys(
    ("401", "409", "422", "429", "429-after", "500", "502", "503", "503-after", "504", RESET, DRIP, CUT), _any
)
"""By name: at which positions."""
