"""What is remembered about written values."""

import json
from typing import Any

import pytest

from api.imageupdateautomation import Written
from controllers import setters
from controllers.image.ref import ImageRef
from controllers.net.foreign_text import escape_lines
from controllers.update.reverts import MAX_WRITTEN, to_reverts, update_written

WRITTEN = Written(file="web.yaml", setter="apps:web", old="x/web:1.0.0", new="x/web:1.1.0")


def _pushed(*changes: tuple[str, str, str, str]) -> setters.Update:
    results = [
        setters.FileResult(
            file,
            setters.ObjectIdentifier(),
            (setters.ValueChange(old, new, setter, setters.ObjectIdentifier(), file, 1),),
        )
        for file, setter, old, new in changes
    ]
    return setters.Update({}, tuple(results), ())


REFS = {"apps:web": ImageRef("x/web", "1.1.0")}


@pytest.mark.parametrize(
    ("before", "refs", "kept"),
    [
        pytest.param([WRITTEN], REFS, [WRITTEN], id="still-chosen"),
        pytest.param([WRITTEN], {"apps:web": ImageRef("x/web", "2")}, [], id="policy-moved-on"),
        pytest.param([WRITTEN], {}, [], id="policy-gone"),
    ],
)
def test_what_is_remembered_without_a_push(before: list[Written], refs: Any, kept: list[Written]) -> None:
    assert list(update_written(before, None, refs)) == kept


def test_memory_is_bounded_and_the_latest_stay() -> None:
    before = [Written(file=f"{n}.yaml", setter="apps:web", old="o", new="x/web:1.1.0") for n in range(MAX_WRITTEN)]
    after = update_written(before, _pushed(("new.yaml", "apps:web", "a", "x/web:1.1.0")), REFS)
    assert (len(after), after[0].file) == (MAX_WRITTEN, "new.yaml")


@pytest.mark.parametrize(
    ("file", "old"),
    [
        ("a.yaml", "x/web:1.0.0"),
        ("a\tb.yaml", "x/web:1.0.0"),
        ("a\udcff.yaml", "x/web:1.0.0"),
        ("a\nb.conf", "x/web:1.0.0"),
        ("a.yaml", "x/web:\x1b[31m1\n"),
    ],
    ids=ascii,
)
def test_a_value_that_was_put_back_is_held_whatever_its_file_is_called(file: str, old: str) -> None:
    """The status shows names and values escaped; what is in the repository is not."""
    written = update_written([], _pushed((file, "apps:web", old, "x/web:1.1.0")), REFS)
    stored = [Written(**{name: escape_lines(getattr(w, name)) for name in w.__struct_fields__}) for w in written]
    value = f"IMAGE={old}" if file.endswith(".conf") else f"image: {json.dumps(old)}"
    text = f'{value} # {{"$imagepolicy": "apps:web"}}\n'.encode()
    for cache in (None, setters.FileCache()):
        held = setters.update([(file, text)], REFS, globs=["*.conf"], reverts=to_reverts(stored), cache=cache)
        assert (held.edits, [one.reason for one in held.findings]) == ({}, [setters.FindingReason.REVERTED])
