"""What is remembered about written values."""

from typing import Any

import pytest

from api.imageupdateautomation import Written
from controllers import setters
from controllers.image.ref import ImageRef
from controllers.update.reverts import MAX_WRITTEN, update_written

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
