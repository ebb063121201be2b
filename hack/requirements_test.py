"""`requirements`: what the product imports is installed with it, not only with the development tools."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("api", "cli", "controllers")
MODULES = [
    path
    for package in OURS
    for path in sorted((ROOT / package).rglob("*.py"))
    if not path.name.endswith("_test.py") and not path.name.startswith("testing") and path.name != "conftest.py"
]


def imported(path: Path) -> Iterator[str]:
    """Return the top-level names of what a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def canonical(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


@cache
def installed() -> frozenset[str]:
    """Return the packages that are installed with the product, extras included."""
    pins = (ROOT / "requirements" / "run.txt").read_text().splitlines()
    return frozenset(canonical(pin.partition("==")[0]) for pin in pins if "==" in pin)


@cache
def distributions() -> dict[str, list[str]]:
    return dict(packages_distributions())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_are_installed_with_the_product(path: Path) -> None:
    foreign = set(imported(path)) - set(sys.stdlib_module_names) - set(OURS)
    missing = [name for name in foreign if not {canonical(d) for d in distributions().get(name, [])} & installed()]
    assert missing == []
