"""Find the families, ask them, count. No family is named here; see the package docstring for what one is."""

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Case = dict[str, Any]
Check = Callable[[Case], str | None]

DATA = Path(__file__).parent / "data"

RECORDED = {
    "commit_template": 150,
    "commit_template_legacy": 60,
    "image_reference": 400,
    "policy_latest": 800,
    "regexp_extract": 500,
    "semver_compare": 500,
    "semver_constraint": 1500,
    "setters": 400,
    "tag_scan": 150,
}
"""Cases in each file of `data/`. A file that lost lines must not pass for one whose lines all passed."""


@dataclass(frozen=True, slots=True)
class FamilyResult:
    passed: int
    differences: tuple[str, ...]
    """`id: difference`, one for each case that failed, in file order."""

    @property
    def cases(self) -> int:
        return self.passed + len(self.differences)


def families() -> tuple[str, ...]:
    """Return the sorted names of the families: the modules that a data file could be named after."""
    own = {"__main__", "runner"}
    modules = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if not module.ispkg)
    return tuple(sorted(name for name in modules if name not in own and not name.endswith("_test")))


def load_check(family: str) -> Check:
    check: Check = importlib.import_module(f"{__package__}.{family}").check
    return check


def read_cases(path: Path) -> Iterator[Case]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def difference(check: Check, case: Case) -> str | None:
    """Return what `check` finds, or the exception that our code raised: a crash is a wrong answer, not the end."""
    try:
        return check(case)
    except Exception as error:
        return f"raised {type(error).__name__}: {error}"


def run_cases(family: str, path: Path) -> FamilyResult:
    check = load_check(family)
    passed, differences = 0, []
    for case in read_cases(path):
        found = difference(check, case)
        if found is None:
            passed += 1
        else:
            differences.append(f"{case['id']}: {found}")
    return FamilyResult(passed, tuple(differences))
