"""The reasons of conditions: which kinds have them, and whether the run is repeated. Read from the code that sets them.

A kind's reasons stand as first arguments of `Retry`, `Waiting` and `Stalled` in its package, mostly in the table of
`outcomes.py`. Where an error brings its own (`error.reason`), they are the first arguments of that error's class.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Final

from api.kinds import EVERY_PROCESS, Kind
from api.names import FAILED, PROGRESSING_WITH_RETRY, SUCCEEDED

OUTCOMES: Final = ("Retry", "Waiting", "Stalled")
BRINGS_ITS_OWN: Final = {"SourceInvalid": "controllers.gitaccess.source"}
"""Errors with a reason of their own, and the module that raises them."""

_CONDITIONS: Final = {
    "Retry": ("Ready=False, Reconciling", "with growing delays"),
    "Waiting": ("Ready=False, Reconciling", "when what it waits for changes"),
    "Stalled": ("Ready=False, Stalled", "when the spec changes"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, and the conditions that have it."""

    name: str
    conditions: str
    again: str
    is_failure: bool = True

    @property
    def anchor(self) -> str:
        """The anchor of its section in the troubleshooting page."""
        return self.name.lower()


EVERY_KIND: Final = (
    Reason(FAILED, *_CONDITIONS["Retry"]),
    Reason(PROGRESSING_WITH_RETRY, "Reconciling=True", "its message says what the last run was doing", False),
    Reason(SUCCEEDED, "Ready=True", "at the interval, or when something changes", False),
)
"""What the runtime sets for objects of every kind."""


def reasons_of(kind: Kind) -> list[Reason]:
    """Return the reasons of a kind's failures, by name."""
    return list(_reasons_in(f"controllers.{kind.name}"))


@cache
def _reasons_in(package_name: str) -> tuple[Reason, ...]:
    package = importlib.import_module(package_name)
    found: dict[str, set[str]] = {}
    for module in _modules(package):
        for outcome, name in _outcomes(module):
            found.setdefault(name, set()).add(outcome)
    return tuple(_reason(name, outcomes) for name, outcomes in sorted(found.items()) if name != FAILED)


def kinds_by_reason() -> dict[str, list[Kind]]:
    """Return every reason of a failure with the kinds that have it, by name."""
    found: dict[str, list[Kind]] = {FAILED: list(EVERY_PROCESS)}
    for kind in EVERY_PROCESS:
        for reason in reasons_of(kind):
            found.setdefault(reason.name, []).append(kind)
    return dict(sorted(found.items()))


def _reason(name: str, outcomes: set[str]) -> Reason:
    known = [_CONDITIONS[outcome] for outcome in OUTCOMES if outcome in outcomes]
    conditions, again = ("; or ".join(dict.fromkeys(column)) for column in zip(*known, strict=True))
    return Reason(name, conditions, again)


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.endswith(("_test", "conftest", "__main__")):
            yield importlib.import_module(f"{package.__name__}.{info.name}")


def _outcomes(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Yield (outcome, reason) of each call that makes an outcome."""
    for call in _calls(module, OUTCOMES):
        if isinstance(call.func, ast.Name) and call.args:
            argument = call.args[0]
            if isinstance(argument, ast.Attribute):  # error.reason
                yield from ((call.func.id, name) for name in _brought())
            else:
                yield call.func.id, _value(argument, module)


def _brought() -> Iterator[str]:
    for error, module_name in BRINGS_ITS_OWN.items():
        module = importlib.import_module(module_name)
        yield from (_value(call.args[0], module) for call in _calls(module, (error,)))


def _calls(module: ModuleType, names: tuple[str, ...]) -> Iterator[ast.Call]:
    with open(str(module.__file__)) as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names and node.args:
            yield node


def _value(argument: ast.expr, module: ModuleType) -> str:
    """Return the text that an argument stands for. Raises ValueError for what is no constant."""
    found = argument.value if isinstance(argument, ast.Constant) else None
    if isinstance(argument, ast.Name):
        found = getattr(module, argument.id, None)
    if not isinstance(found, str):
        raise ValueError(f"{module.__name__}:{argument.lineno}: the reason is no constant: {ast.unparse(argument)}")
    return found
