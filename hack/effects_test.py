"""`controllers`: whether what is defined there, and in api, cli and hack, has an effect.

Flags are read, counts exported, constants used. The source says so: a flag that is parsed, a count that goes up and a
constant with a docstring look alive to every other test. So does a check that only its own test calls.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
METRIC_TYPES = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}
HOOKS = {"pytest_collection_modifyitems"}
"""What pytest calls by name."""

Sources = Mapping[str, ast.Module]


def parse_modules() -> Sources:
    """Return the modules by path; tests have no effect."""
    files = (file for package in ("api", "cli", "controllers", "hack") for file in (ROOT / package).rglob("*.py"))
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text()) for file in files if "_test" not in file.stem}


@pytest.fixture(scope="module")
def product() -> Sources:
    return parse_modules()


def nodes(sources: Sources) -> Iterator[ast.AST]:
    for module in sources.values():
        yield from ast.walk(module)


def assignments(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield (name, value) of what a module defines at its top."""
    for node in module.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value


def is_call_of(node: ast.AST | None, names: set[str]) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def last_name(node: ast.AST) -> str:
    """Return `NAME` of `NAME` and `module.NAME`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def unread_flags(sources: Sources) -> set[str]:
    """Return the flags that no `options[FLAG]` reads, and do not say so; one without a name cannot be read.

    Those of the command line come as arguments of the function that runs a command, which must name them.
    """
    flags: set[str] = set()
    for module in (module for path, module in sources.items() if not path.startswith("cli/")):
        named = {id(value): name for name, value in assignments(module)}
        for node in ast.walk(module):
            if is_call_of(node, {"Flag"}):
                assert isinstance(node, ast.Call)
                if not any(keyword.arg == "no_effect" for keyword in node.keywords):
                    flags.add(named.get(id(node), ast.unparse(node.args[0])))
    return flags - {last_name(node.slice) for node in nodes(sources) if isinstance(node, ast.Subscript)}


def unread_counts(sources: Sources) -> set[str]:
    """Return the attributes that are only ever added to."""
    counted = {
        node.target.attr
        for node in nodes(sources)
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add) and isinstance(node.target, ast.Attribute)
    }
    return counted - {
        node.attr for node in nodes(sources) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


def unregistered_metrics(sources: Sources) -> set[str]:
    """Return the metrics that are in no registry of a process."""
    return {
        ast.unparse(node)
        for node in nodes(sources)
        if is_call_of(node, METRIC_TYPES)
        and isinstance(node, ast.Call)
        and len(node.args) > 1  # a collections.Counter has one at most
        and not any(keyword.arg == "registry" for keyword in node.keywords)
    }


def unused_constants(sources: Sources) -> set[str]:
    """Return the names in capitals that no module reads."""
    defined = {
        name
        for module in sources.values()
        for name, _ in assignments(module)
        if re.fullmatch(r"_?[A-Z][A-Z0-9_]+", name)
    }
    read = {
        last_name(node)
        for node in nodes(sources)
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    return defined - read


def test_every_flag_is_read_or_says_that_it_does_nothing(product: Sources) -> None:
    assert unread_flags(product) == set()


def test_every_count_is_read(product: Sources) -> None:
    assert unread_counts(product) == set()


def test_every_metric_is_exported(product: Sources) -> None:
    assert unregistered_metrics(product) == set()


def test_every_constant_is_used(product: Sources) -> None:
    assert unused_constants(product) == set()


def idle_helpers(texts: Mapping[str, str], *, below: tuple[str, ...]) -> set[str]:
    """Return the functions and classes at the top of modules in some folders that only their own test names."""
    users: dict[str, set[str]] = {}
    for path, text in texts.items():
        for word in set(re.findall(r"\w+", text)):
            users.setdefault(word, set()).add(path)
    return {
        name
        for path, text in texts.items()
        if path.startswith(below) and not path.endswith("_test.py")
        for name in re.findall(r"^(?:async def|def|class) (\w+)", text, re.MULTILINE)
        if users[name] <= {path, path.replace(".py", "_test.py")} and len(re.findall(rf"\b{name}\b", text)) == 1
    } - HOOKS


def test_every_helper_of_tests_is_used() -> None:
    folders = (ROOT / folder for folder in ("api", "cli", "controllers", "hack", "testing", "e2e"))
    texts = {str(file.relative_to(ROOT)): file.read_text() for folder in folders for file in folder.rglob("*.py")}
    assert idle_helpers(texts, below=("testing/", "e2e/")) == set()


def test_helper_that_only_its_own_test_calls_is_found() -> None:
    texts = {
        "testing/rules.py": "def check(): ...\ndef used(): ...\ndef inner(): ...\ndef outer(): inner()\n",
        "testing/rules_test.py": "check()",
        "e2e/run.py": "used(), outer()",
    }
    assert idle_helpers(texts, below=("testing/",)) == {"check"}


EXAMPLE: Sources = {
    "flags.py": ast.parse(
        'READ = Flag("read", 0)\nDEAD: Flag[int] = Flag("dead", 0)\n'
        'ALL = (READ, DEAD, Flag("nameless", 0), Flag("old", 0, no_effect=True))\n'
    ),
    "use.py": ast.parse(
        "SPARE = 1\nprint(options[flags.READ], ALL)\n"
        "self.exported += 1\nself.lost += 1\nreport(self.exported)\n"
        'Counter("kept", "", registry=registry)\nGauge("lost", "")\n'
    ),
}


@pytest.mark.parametrize(
    ("check", "found"),
    [
        pytest.param(unread_flags, {"DEAD", "'nameless'"}, id="flags"),
        pytest.param(unread_counts, {"lost"}, id="counts"),
        pytest.param(unregistered_metrics, {"Gauge('lost', '')"}, id="metrics"),
        pytest.param(unused_constants, {"SPARE"}, id="constants"),
    ],
)
def test_checks_find_what_they_look_for(check: Callable[[Sources], set[str]], found: set[str]) -> None:
    assert check(EXAMPLE) == found
