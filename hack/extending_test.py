"""`docs/extending.md`: its lists name files and symbols that exist, and one of them is carried out."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from controllers.template import TemplateData, render
from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.go.types import STRING
from controllers.template.library import FUNCTIONS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text()
RECIPES = {
    "A policy",
    "A registry login",
    "A marker file type",
    "A template function",
    "A sender of webhooks",
    "A kind",
    "A flag",
}


class Item(NamedTuple):
    recipe: str
    files: tuple[str, ...]
    symbols: tuple[str, ...]
    text: str


def items() -> Iterator[Item]:
    """Yield every item of every list; what stands before its colon are files, then symbols in the last of them."""
    for section in PAGE.split("\n## ")[1:]:
        recipe, _, body = section.partition("\n")
        for entry in re.findall(r"^\d+\. (.*(?:\n   .*)*)", body, re.MULTILINE):
            subject, _, text = entry.partition(": ")
            names = re.findall(r"`([^`]+)`", subject.partition(", after")[0])
            files = tuple(name for name in names if "/" in name or "." in name)
            yield Item(recipe, files, tuple(name for name in names if name not in files), text)


ITEMS = list(items())


def stands_for_new_file(path: str) -> bool:
    """Return True when files of such a name are there already: `controllers/policy/<name>.py`."""
    return "<name>" in path and any(ROOT.glob(path.replace("<name>", "*")))


def test_every_recipe_is_there() -> None:
    assert {item.recipe for item in ITEMS} == RECIPES


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: f"{item.recipe}-{item.files[0]}")
def test_named_files_and_symbols_exist(item: Item) -> None:
    assert item.files
    for path in item.files:
        assert (ROOT / path).exists() or stands_for_new_file(path), path
    for symbol in item.symbols:
        source = (ROOT / item.files[-1]).read_text()
        assert re.search(rf"^(?:class |def )?{symbol}\b", source, re.MULTILINE), symbol
    named = re.findall(r"`((?:api|cli|controllers|docs|hack|manifests)/[\w./-]+)`", item.text)
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_function_that_is_added_as_the_page_says_works(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()

    @library.add("shout", STRING)
    def _shout(_run: RenderContext, text: str) -> str:
        return f"{text.upper()}!"

    monkeypatch.setitem(FUNCTIONS, "shout", library.functions["shout"])
    data = TemplateData("apps", "fleet")
    assert render('{{ shout "done" }}', data, now=datetime(2026, 1, 1, tzinfo=UTC)) == "DONE!"
