"""`docs/development.md`: the rules that no linter knows."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("api", "cli", "controllers", "testing", "hack", "e2e")
MODULES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
MAX_LINES = 400


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def is_theme_test(path: Path) -> bool:
    """Return True for a test module without a module or package of its name beside it."""
    subject = path.with_name(path.name.removesuffix("_test.py"))
    return path.name.endswith("_test.py") and not subject.is_dir() and not subject.with_suffix(".py").exists()


@pytest.mark.parametrize("path", [path for path in MODULES if is_theme_test(path)], ids=name_of)
def test_theme_tests_say_first_what_they_judge(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    found = re.match(r"`([\w./]+)`: ", docstring)
    assert found, "the first line must begin like this: `controllers.git.engine`: pushes that do not go through"
    place = ROOT / found[1].replace(".", "/")
    assert place.is_dir() or place.with_suffix(".py").exists() or (ROOT / found[1]).exists()


def test_no_module_is_too_long() -> None:
    modules = [path for path in MODULES if not path.name.endswith("_test.py")]
    assert [name_of(path) for path in modules if len(path.read_text().splitlines()) > MAX_LINES] == []


@pytest.mark.parametrize("path", [path for path in MODULES if path.is_relative_to(ROOT / "testing")], ids=name_of)
def test_doubles_inherit_nothing_from_what_they_stand_for(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    imports = [
        node for node in nodes if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("controllers.")
    ]
    ours = {alias.asname or alias.name for node in imports for alias in node.names}
    bases = {
        ast.unparse(base).partition("[")[0] for node in nodes if isinstance(node, ast.ClassDef) for base in node.bases
    }
    assert bases & ours == set()
