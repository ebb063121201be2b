"""`hack.specedits`: what the controllers make of every edit of a spec, and of its way back."""

import os
from collections.abc import Sequence

import pytest

from hack.model.manifests import find_lies
from hack.specedits.edits import BASE, Edit, list_edits
from hack.specedits.fields import KINDS, MEANINGFUL, MEANINGLESS, VERSIONS, Json, list_fields
from hack.specedits.statuses import differs, is_ready, without_history
from hack.specedits.world import World, names, world

ALL = bool(os.environ.get("MODEL_STEPS"))
"""Whether `make model` asks: every edit in every version."""
FEW = 7
"""Otherwise only one of so many in the older versions, whose schemas are nearly the same."""


@pytest.mark.parametrize("kind", KINDS)
async def test_from_one_spec_to_another_and_back(kind: str) -> None:
    problems: list[str] = []
    async with world() as made:
        for version in VERSIONS:
            edits = list(list_edits(kind, version))
            problems += await go_and_return(made, kind, version, edits if version == "v1" or ALL else edits[::FEW])
    assert problems == []


async def go_and_return(made: World, kind: str, version: str, edits: Sequence[Edit]) -> list[str]:
    """Return what is wrong with objects that are edited, each in its own way, and edited back."""
    objects = {f"{version}-{name}": edit for name, edit in zip(names(edits), edits, strict=True)}
    control = f"{version}-control"
    for name in (control, *objects):
        await made.create(kind, name, BASE[kind], version=version)
    await made.settle()
    for name, edit in objects.items():
        assert not await made.replace(kind, name, edit.before, version=version), edit.name
    await made.settle()
    first = {name: without_history(await made.read(kind, name)) for name in (control, *objects)}
    # Before a field is set at all, each of them works.
    problems = [
        f"{edit.name}: {first[name]['conditions']}"
        for name, edit in objects.items()
        if edit.what == "set" and not is_ready(first[name])
    ]

    for name, edit in objects.items():
        refusal = await made.replace(kind, name, edit.after, version=version)
        if bool(refusal) != edit.is_refused:
            problems.append(f"{edit.name}: {refusal or 'taken'}")
        elif refusal and f"spec.{edit.field.path[0]}" not in refusal:
            problems.append(f"{edit.name}: it does not say which field is meant: {refusal}")
    await made.settle()
    for name, edit in objects.items():
        there = await made.read(kind, name)
        problems += [f"{edit.name}: {lie}" for lie in find_lies(there)]
        if edit.what == "meaningless" and _is_content(there, first[name]):
            problems.append(f"{edit.name}: the object does not say that it cannot work with that")

    for name, edit in objects.items():
        assert not await made.replace(kind, name, edit.before, version=version), f"{edit.name}, and back"
    await made.settle()
    for name in (control, *objects):
        there = await made.read(kind, name)
        what = objects[name].name if name in objects else name
        problems += [f"{what}, and back: {lie}" for lie in find_lies(there)]
        if differs(first[name], without_history(there)):
            problems.append(f"{what}, and back\n  before: {first[name]}\n  after:  {without_history(there)}")
    return problems


def _is_content(there: Json, before: Json) -> bool:
    """Return whether an object says the same as before an edit."""
    return bool(without_history(there)["conditions"] == before["conditions"])


@pytest.mark.parametrize("table", [MEANINGFUL, MEANINGLESS])
def test_tables_name_fields_that_there_are(table: dict[str, object]) -> None:
    fields = {f"{kind} {field.name}" for kind in KINDS for field in list_fields(kind, "v1")}
    assert set(table) - fields == set()
