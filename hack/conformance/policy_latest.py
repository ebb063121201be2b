"""Which tag does an ImagePolicy choose? In: `policy`, `filterTags` (as in its spec), `tags` in registry order."""

from typing import Any

import msgspec

from api.imagepolicy import ImagePolicyChoice
from controllers.policy import Filter, Policy, choose, resolve_policy
from controllers.policy.errors import InvalidPolicy, NoTags, PolicyError, SelectionFailed

KINDS: dict[type[PolicyError], str] = {InvalidPolicy: "invalid_policy", NoTags: "no_tags", SelectionFailed: "failure"}


def policy_in(spec: dict[str, Any]) -> Policy | None:
    return resolve_policy(msgspec.convert(spec, ImagePolicyChoice))


def filter_in(spec: dict[str, Any] | None) -> Filter | None:
    return None if spec is None else Filter(spec.get("pattern", ""), spec.get("extract", ""))


def check(case: dict[str, Any]) -> str | None:
    question = case["in"]
    try:
        choice = choose(question["tags"], policy_in(question["policy"]), filter_in(question.get("filterTags")))
    except PolicyError as error:
        kind = next(name for kind, name in KINDS.items() if isinstance(error, kind))
        if "error" in case and kind == case["error_kind"] and str(error) in case.get("error_one_of", [case["error"]]):
            return None
        return f"got {kind}: {error}, want {expected_answer(case)}"
    if "out" in case and choice.tag in case["out"].get("latest_one_of", [case["out"].get("latest")]):
        return None
    return f"got {choice.tag}, want {expected_answer(case)}"


def expected_answer(case: dict[str, Any]) -> str:
    return str(case["out"]) if "out" in case else f"{case['error_kind']}: {case['error']}"
