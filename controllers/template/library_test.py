"""Adding a template function takes one decorated function: its types are checked, and no library is forgotten."""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pkgutil import iter_modules

import pytest

from controllers.template import TemplateData, TemplateError, flux, render, sprig
from controllers.template import eval as eval_
from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.go.types import STRING
from controllers.template.library import FUNCTIONS, LIBRARIES

NOW = datetime(2025, 1, 1, tzinfo=UTC)
DATA = TemplateData("ns", "name")


def libraries() -> Iterator[Library]:
    """Yield the library of each module that has one."""
    for room in (eval_, flux, sprig):
        for info in iter_modules(room.__path__, f"{room.__name__}."):
            if not info.name.endswith("_test"):
                library = getattr(import_module(info.name), "LIBRARY", None)
                if library is not None:
                    yield library


def test_every_library_is_listed() -> None:
    assert {id(library) for library in libraries()} == {id(library) for library in LIBRARIES}


def test_function_is_callable_under_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()

    @library.add("shout yell", STRING)
    def _shout(run: RenderContext, text: str) -> str:
        return f"{text.upper()}!"

    for name, function in library.functions.items():
        monkeypatch.setitem(FUNCTIONS, name, function)
    assert render('{{ "go" | shout }} {{ yell .AutomationObject.Name }}', DATA, now=NOW) == "GO! NAME!"
    with pytest.raises(TemplateError, match="expected string; found 1"):
        render("{{ shout 1 }}", DATA, now=NOW)
