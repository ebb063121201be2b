"""`hack.specedits`: at a real API server, what it takes, and a sample of edits, there and back."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from api.names import IMAGE_GROUP
from e2e.cluster import Space, condition, eventually
from e2e.fleet import Fleet
from e2e.kubeapi import KubeApi, RequestRejected
from hack.model.manifests import find_lies
from hack.specedits.edits import BASE, Edit, list_edits
from hack.specedits.fields import KINDS, VERSIONS, Json
from hack.specedits.statuses import differs, without_history

EVERY = 5
"""In the older versions, whose schemas are nearly the same, one edit of so many is asked for."""
SAMPLE = 12
HOST, REGISTRY_IMAGE = "registry.test", "registry.test/org/app"


def _refusal(api: KubeApi, kind: str, version: str, spec: Json) -> str:
    meta = {"name": "app", "namespace": "default"}
    try:
        api.would_create({"apiVersion": f"{IMAGE_GROUP}/{version}", "kind": kind, "metadata": meta, "spec": spec})
    except RequestRejected as error:
        return str(error)
    return ""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_server_takes_and_refuses_what_the_schema_says(kube_api: KubeApi, kind: str, version: str) -> None:
    edits = list(list_edits(kind, version))
    asked = edits if version == "v1" else edits[::EVERY]
    answers = [(edit, _refusal(kube_api, kind, version, edit.after)) for edit in asked]
    assert [f"{edit.name}: {text or 'taken'}" for edit, text in answers if bool(text) != edit.is_refused] == []
    silent = [edit.name for edit, text in answers if text and f"spec.{edit.field.path[0]}" not in text]
    assert silent == [], "the answer names the field"


@pytest.mark.parametrize("kind", KINDS)
def test_from_one_spec_to_another_and_back(fleet: Fleet, kind: str) -> None:
    space, rng = fleet.space, random.Random(20261130)  # noqa: S311 -- the same sample each time
    edits = [edit for version in VERSIONS for edit in list_edits(kind, version) if _fits(edit)]
    objects = {f"e{number}": edit for number, edit in enumerate(rng.sample(edits, SAMPLE))}
    other = space.name  # its namespace stands for the one that the values name

    def apply(name: str, spec: Json, version: str) -> int:
        text = json.dumps(spec).replace(REGISTRY_IMAGE, fleet.image).replace('"apps"', f'"{other}"')
        meta, api_version = {"name": name, "namespace": space.name}, f"{IMAGE_GROUP}/{version}"
        space.api.put({"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": json.loads(text)})
        generation: int = space.get(kind, name)["metadata"]["generation"]
        return generation

    def settle(spec_of: Callable[[Edit], Json]) -> dict[str, Json]:
        wanted = {name: apply(name, spec_of(edit), edit.version) for name, edit in objects.items()}
        return {name: _at_rest(space, kind, name, generation) for name, generation in wanted.items()}

    settle(lambda _: BASE[kind])
    first = settle(lambda edit: edit.before)
    for name, there in settle(lambda edit: edit.after).items():
        assert list(find_lies(there)) == [], objects[name].name
    settle(lambda edit: edit.before)
    for name, edit in objects.items():
        eventually(
            lambda name=name: not differs(without_history(first[name]), without_history(space.get(kind, name))),  # type: ignore[misc]
            what=f"{edit.name}, and back: {without_history(first[name])}",
        )
        assert list(find_lies(space.get(kind, name))) == [], edit.name


def _fits(edit: Edit) -> bool:
    """Leave out what the server refuses, and what leads to other hosts."""
    text = json.dumps([edit.before, edit.after]).replace(REGISTRY_IMAGE, "")
    return not edit.is_refused and HOST not in text and "pullRequest" not in text and '"provider"' not in text


def _at_rest(space: Space, kind: str, name: str, generation: int) -> Json:
    def is_at_rest(obj: dict[str, Any]) -> bool:
        if obj["spec"].get("suspend"):
            return True
        return bool(condition(obj, "Ready").get("observedGeneration") == generation)

    return space.wait(kind, name, is_at_rest, what=f"an end of generation {generation}", seconds=60)
