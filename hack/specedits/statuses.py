"""What a status says about the present: to be compared before an edit and after its way back. Pure."""

import copy
import re

from hack.specedits.fields import Json

_HISTORY = {
    "observedGeneration", "lastHandledReconcileAt", "lastAutomationRunTime", "lastPushCommit", "lastPushTime",
    "observedSourceRevision", "observedPreviousRef", "observedPreviousImage",
}  # fmt: skip
"""Fields of a status that tell what has happened, not what is."""
_PAST = re.compile(r"; last commit \w+ at \S+| \(previously \S+\)")

_PUSHED = re.compile(r"committed and pushed commit '\w+' to branch '\S+'( after \d+ \w+)?")


def without_history(obj: Json) -> Json:
    """Return what a status says about the present: no times, no generations, nothing about what was before."""
    status = {name: value for name, value in copy.deepcopy(obj.get("status", {})).items() if name not in _HISTORY}
    status.get("lastScanResult", {}).pop("scanTime", None)
    status["conditions"] = [_without_past(one) for one in status.get("conditions", [])]
    return status


def _without_past(condition: Json) -> Json:
    message = _PAST.sub("", _PUSHED.sub("no updates made", condition["message"]))
    if condition["type"] == "Reconciling" and not message.startswith("scanning"):
        message = ""  # of which generation it was the first run
    return {"type": condition["type"], "status": condition["status"], "reason": condition["reason"], "message": message}


def is_ready(status: Json) -> bool:
    """Return whether a status has Ready=True; other conditions may stand before it."""
    return any((one["type"], one["status"]) == ("Ready", "True") for one in status["conditions"])


def differs(before: Json, after: Json) -> bool:
    """Return whether two statuses say different things. An object that fails keeps the results of earlier specs."""
    if before["conditions"] == after["conditions"] and not is_ready(before):
        return False
    return before != after
