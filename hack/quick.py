"""`python -m hack.quick`: the unit tests that a change is likeliest to break, for `make quick`.

These are all tests of the folders with changed files, and every test that imports a changed module, directly or by way
of one other module. What is further away is left to `make unit`. Changed means different from where the branch left its
upstream (else `main`), whether committed or not. Some files concern every test, and then all of them run.
"""

import ast
import shlex
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASES = ("@{upstream}", "origin/main", "main", "HEAD")
EVERYTHING = ("setup.cfg", "pyproject.toml", "requirements/")
"""Files that concern every test."""
JUDGED_ELSEWHERE = {"docs": "hack", "manifests": "hack/crds", "e2e/scenarios": "hack", ".": "hack"}
"""Folder without tests of its own to the folder with the tests that read its files."""


def main() -> int:
    """Run the tests and return pytest's exit status, 0 where there is nothing to run."""
    changed = _changed()
    tracked = _git("ls-files", "--cached", "--others", "--exclude-standard", "*.py").splitlines()
    sources = {name: path.read_text() for name in tracked if (path := ROOT / name).exists()}
    tests = select_tests(changed, sources)
    if not tests:
        sys.stdout.write("nothing changed that has unit tests\n")
        return 0
    command = ["pytest", "-q", "-m", "not e2e", *([] if tests == sources.keys() else sorted(tests))]
    sys.stdout.write(f"{shlex.join(command)}\n")
    sys.stdout.flush()
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=False).returncode


def select_tests(changed: Collection[str], sources: Mapping[str, str]) -> Collection[str]:
    """Return the test files to run, or all sources for every test.

    changed: paths of files; sources: path to text of every Python file of the repository.
    """
    if any(name.startswith(EVERYTHING) for name in changed):
        return sources.keys()
    tests = {name for name in sources if name.endswith("_test.py") and not name.startswith("e2e/")}
    imports = {name: set(imported_modules(text)) for name, text in sources.items()}
    near = {module_name(name) for name in changed if name.endswith(".py")}
    near |= {module_name(name) for name in sources if name.endswith("__init__.py") and imports[name] & near}
    near |= {module_name(name) for name in sources if name not in tests and imports[name] & near}
    folders = {_judge(name, tests) for name in changed}
    return {name for name in tests if _folder(name) in folders or imports[name] & near}


def imported_modules(text: str) -> Iterator[str]:
    """Yield the names of what a module imports; a name from a package may be a module of it, or not."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_name(path: str) -> str:
    """Return the name by which the Python file at `path` is imported."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _judge(name: str, tests: Collection[str]) -> str:
    """Return the nearest folder, from that of a file upwards, whose tests concern the file."""
    with_tests = {_folder(test) for test in tests}
    for folder in (parent.as_posix() for parent in Path(name).parents):
        if folder in JUDGED_ELSEWHERE:
            return JUDGED_ELSEWHERE[folder]
        if folder in with_tests or name.endswith(".py"):
            return folder
    raise AssertionError(f"{name}: every path ends at the root, which has an entry")


def _folder(name: str) -> str:
    return Path(name).parent.as_posix()


def _changed() -> set[str]:
    since = next(filter(None, map(_merge_base, BASES)))
    new = _git("ls-files", "--others", "--exclude-standard").splitlines()
    return {*_git("diff", "--name-only", since).splitlines(), *new}


def _merge_base(ref: str) -> str:
    """Return the commit at which HEAD left `ref`; empty when there is no such ref."""
    command = ["git", "merge-base", ref, "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
