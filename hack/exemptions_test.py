"""`e2e/`: which end-to-end tests are exempt from the rules on objects and commits, and that each says why."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXEMPT = {
    "unobserved": {
        "e2e/automate_test.py::test_a_second_process_and_a_damaged_state_are_reported",
        "e2e/crds_test.py",
        "e2e/history_test.py::test_a_wrong_status_is_found_also_of_an_object_that_is_gone",
    },
    "uncommon_commits": {"e2e/reach_test.py::test_targets_in_json_and_yaml_without_comments"},
}
"""By mark: a test, `path::name`, or a whole file. All others are judged, see `e2e/conftest.py`."""
FEWEST_WORDS = 4


def test_exemptions_are_known_and_say_why() -> None:
    found: dict[str, set[str]] = {name: set() for name in EXEMPT}
    for path in sorted((ROOT / "e2e").rglob("*.py")):
        for mark, place, why in _marks(path):
            found[mark].add(place)
            assert len(why.split()) >= FEWEST_WORDS, f"{place} does not say why"
    assert found == EXEMPT


def _marks(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the marks of a file: name, whose it is, and why."""
    tree = ast.parse(path.read_text())
    owners = {
        id(node): definition.name
        for definition in ast.walk(tree)
        if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for decorator in definition.decorator_list
        for node in ast.walk(decorator)
    }
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in EXEMPT:
            call = called.get(id(node))
            why = ast.literal_eval(call.args[0]) if call and call.args else ""
            name = owners.get(id(node))
            yield node.attr, f"{path.relative_to(ROOT)}{f'::{name}' if name else ''}", str(why)
