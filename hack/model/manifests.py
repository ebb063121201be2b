"""The objects of the model as they are in a cluster, and what is to be seen of them there."""

from collections.abc import Iterator
from typing import Any

from hack.model.choosing import DENIALS, FILTERS, Rules
from hack.model.model import READY, Automation, Model, Policy, Repository, Result
from testing.invariants import Version, check_versions

REPOSITORY, POLICY, AUTOMATION = "ImageRepository", "ImagePolicy", "ImageUpdateAutomation"
INTERVAL = "10m"
INTERVAL_SECONDS = 600
Json = dict[str, Any]


def repository_spec(repository: Repository) -> Json:
    exclusion = {"exclusionList": [repository.exclusion]} if repository.exclusion else {}
    return {"image": repository.image, "interval": INTERVAL, "suspend": repository.suspended, **exclusion}


def policy_spec(policy: Policy) -> Json:
    rules = policy.rules
    pattern, extract = FILTERS[rules.filter]
    filter_tags = {"filterTags": {"pattern": pattern, **({"extract": extract} if extract else {})}} if pattern else {}
    return {
        "imageRepositoryRef": {"name": policy.repository},
        "policy": _choice(rules),
        **filter_tags,
        "suspend": policy.suspended,
    }


def _choice(rules: Rules) -> Json:
    order = {"order": "desc" if rules.descending else "asc"}
    by_kind: dict[str, Any] = {
        "semver": {"range": rules.range},
        "alphabetical": order,
        "numerical": order,
        "keys": [
            {"extract": "$branch", "type": "alphabetical"},
            {"extract": "$build", "type": "numerical"},
        ],
        "newest": {"by": "FirstSeen"},
    }
    return {
        rules.kind: by_kind[rules.kind],
        **({"allowDowngrade": False} if not rules.allow_downgrade else {}),
        **({"minAge": "720h"} if rules.min_age else {}),
        **({"deny": [dict([rule]) for rule in DENIALS[rules.deny]]} if rules.deny else {}),
    }


def automation_spec(automation: Automation) -> Json:
    selectors: dict[str, Json] = {
        "": {},
        "?": {"policySelector": {"matchExpressions": [{"key": "team", "operator": "Like", "values": ["a"]}]}},
    }
    return {
        "interval": INTERVAL,
        "sourceRef": {"kind": "GitRepository", "name": "fleet"},
        "git": {"commit": {"author": {"email": "bot@example.com"}, "messageTemplate": "Update images"}},
        "update": {
            "strategy": "Setters",
            "path": automation.path,
            **({"holdReverted": True} if automation.hold else {}),
        },
        **selectors.get(automation.team, {"policySelector": {"matchLabels": {"team": automation.team}}}),
        "suspend": automation.suspended,
    }


def expected(model: Model) -> Json:
    """Return what is to be seen of all objects, by kind and name."""
    seen: Json = {}
    for name, repository in model.repositories.items():
        seen[f"{REPOSITORY} {name}"] = {
            "ready": repository.result,
            "image": repository.scanned[0] if repository.tags is not None else "",
            "tags": sorted(repository.tags, key=str.encode, reverse=True)[:10] if repository.tags is not None else None,
            "count": len(repository.tags) if repository.tags is not None else None,
        }
    for name, policy in model.policies.items():
        seen[f"{POLICY} {name}"] = {"ready": policy.result, "latest": policy.latest}
    for name, automation in model.automations.items():
        # Those of a run that failed are of an earlier one, and which one that is depends on who was faster.
        findings = automation.findings if automation.result == READY else None
        seen[f"{AUTOMATION} {name}"] = {"ready": automation.result, "findings": findings}
    return seen


def observed(kind: str, obj: Json) -> Json:
    """Return what is to be seen of an object."""
    status = obj.get("status", {})
    ready = {"ready": _ready(obj)}
    if kind == REPOSITORY:
        scan = status.get("lastScanResult")
        return ready | {
            "image": status.get("canonicalImageName", "") if scan else "",
            "tags": scan.get("latestTags", []) if scan else None,
            "count": scan["tagCount"] if scan else None,
        }
    if kind == POLICY:
        latest = status.get("latestRef")
        return ready | {"latest": (latest["name"], latest["tag"]) if latest else None}
    findings = sorted((one.get("file", ""), one["reason"]) for one in status.get("findings", []))
    return ready | {"findings": findings if ready["ready"] == READY else None}


def _ready(obj: Json) -> Result:
    found = _condition(obj, "Ready")
    return (found["status"], found["reason"]) if found else ("", "")


def _condition(obj: Json, type_: str) -> Json | None:
    found = [one for one in obj.get("status", {}).get("conditions", []) if one["type"] == type_]
    assert len(found) < 2, f"two conditions of type {type_}"
    return found[0] if found else None


def find_lies(obj: Json) -> Iterator[str]:
    """Yield what the conditions of an object at rest say that cannot be, whatever has happened."""
    generation, seen = obj["metadata"]["generation"], obj["status"].get("observedGeneration", -1)
    ready = _condition(obj, "Ready")
    is_served = ready is not None and not obj["spec"].get("suspend")
    for found in check_versions([Version.of(obj)]):
        if is_served or found.rule == "observedGeneration":
            yield str(found)
    if ready is None or not is_served:
        return
    if ready["observedGeneration"] != generation:
        yield f"Ready is of generation {ready['observedGeneration']}, not of {generation}"
    if (ready["status"] == "True" or _condition(obj, "Stalled")) and seen != generation:
        yield f"the end of generation {generation} is reached, and observedGeneration is {seen}"
