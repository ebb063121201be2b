"""CEL rules of schemas (`x-kubernetes-validations`), evaluated by Google's library. The only module that imports it.

It is imported with the first rule: most commands validate nothing.
https://kubernetes.io/docs/reference/using-api/cel/
"""

from functools import cache
from typing import Any


class BrokenRule(Exception):
    """A rule that cannot be compiled or evaluated: a mistake in the schema, not in the object."""


def is_fulfilled(rule: str, value: Any) -> bool:
    """Evaluate a rule with `self` as the value. Raises BrokenRule."""
    answer = _program(rule).eval(data={"self": value}).value()
    if not isinstance(answer, bool):
        raise BrokenRule(f"{rule}: {answer}")
    return answer


@cache
def _environment() -> Any:
    from cel_expr_python import cel  # type: ignore[import-untyped]  # noqa: PLC0415

    return cel.NewEnv(variables={"self": cel.Type.DYN})


@cache
def _program(rule: str) -> Any:
    try:
        return _environment().compile(rule)
    except RuntimeError as error:
        raise BrokenRule(f"{rule}: {error}") from error
