"""`controllers.runtime.embedded`: the embedded API gives the answers of a real API server, word for word."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from api.kinds import KINDS
from api.resource import Resource
from controllers.clock import SYSTEM_CLOCK
from controllers.runtime.embedded.api import EmbeddedApi
from controllers.runtime.embedded.store import Request
from controllers.runtime.kube import errors
from controllers.runtime.kube.errors import ApiError
from e2e.crd_samples import ACCEPTED, ALTERNATIVES, FULL_SPEC, GROUP, MINIMAL, REFUSED, VERSIONS
from e2e.crds_test import manifest, with_changes
from e2e.kubeapi import PLURAL, KubeApi, RequestRejected

KIND_VERSIONS = [(kind, version) for kind, versions in VERSIONS.items() for version in versions]
MORE: list[dict[str, Any]] = [
    {"suspend": "true"},
    {"interval": 5},
    {"interval": None},
    {"suspend": None},
    {"suspend": 1},
    {"timeout": ["a"]},
    {"accessFrom": []},
    {"exclusionList": [None]},
    {"exclusionList": "x"},
    {"exclusionList": {"a": "b"}},
    {"policy": "x"},
    {"policy.deny": [{"tag": "x" * 129}]},
    {"policy.deny": [{"tag": 5}, {}]},
    {"policy.platforms": ["linux"] * 9},
    {"policy.keys": [{"extract": "$1", "type": "semver"}] * 9, "filterTags.pattern": "a"},
    {"latestTags": {"count": 1.5}},
    {"latestTags": {"count": True}},
    {"git.push.options": {"a": 1}},
    {"git": {"commit": {"author": {"email": 5}}}, "update": {"strategy": "x", "path": 1}},
    {"ref": {"branch": None}},
    {"ref": {"commit": 12345}},
    {"include": [{}]},
    {"policySelector": {"matchExpressions": [{"key": "a"}]}},
    {"interval": "x", "timeout": "y", "provider": "z"},
]
"""Changes that are tried on every kind, whether it has the field or not."""


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedApi]:
    """Yield an embedded API whose messages are whole, as those of `kube_api` are."""
    monkeypatch.setattr(errors, "FOREIGN_TEXT_LIMIT", 1 << 20)
    with EmbeddedApi.in_memory(KINDS, clock=SYSTEM_CLOCK) as api:
        yield api


def ask_real(api: KubeApi, document: dict[str, Any]) -> Any:
    """Return what the API server would store, without metadata, or its message."""
    try:
        return without_metadata(api.would_create(document))
    except RequestRejected as error:
        return str(error).partition(": ")[2]


def ask_embedded(api: EmbeddedApi, document: dict[str, Any]) -> Any:
    """Return what the embedded API stores, without metadata, or its message."""
    kind, version = document["kind"], document["apiVersion"].rpartition("/")[2]
    resource = Resource(GROUP[kind], version, PLURAL[kind], kind)
    request = Request("create", resource, "default", document["metadata"]["name"])
    try:
        stored = json.loads(api.store.create(request, json.loads(json.dumps(document))))
    except ApiError as error:
        return error.message
    api.store.delete(request)
    return without_metadata(stored)


def without_metadata(obj: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in obj.items() if name != "metadata"}


def comparable(answer: Any) -> Any:
    """Return an answer with the problems of a message sorted: the server checks the fields of an object in no order."""
    if isinstance(answer, str):
        head, _, problems = answer.partition(" is invalid: ")
        return head, sorted(re.split(r", (?=spec|<nil>)", problems.strip("[]")))
    return answer


def test_every_sample_gets_the_same_answer(kube_api: KubeApi, embedded: EmbeddedApi) -> None:
    different = []
    for kind, version in KIND_VERSIONS:
        changes = [
            *(changes for accepted, changes in ACCEPTED if accepted == kind),
            *(changes for refused, changes, _ in REFUSED if refused == kind and "unheardOf" not in changes),
        ]
        specs = [with_changes(MINIMAL[kind], change) for change in changes]
        specs += [FULL_SPEC[kind], *ALTERNATIVES.get(kind, [])]
        for spec in specs:
            document = json.loads(manifest(kind, version, spec))
            ours, real = (comparable(ask(document)) for ask in asking(kube_api, embedded))
            if ours != real:
                different.append((kind, version, spec, ours, real))
    assert different == []


def asking(kube_api: KubeApi, embedded: EmbeddedApi) -> Any:
    return (lambda document: ask_embedded(embedded, document)), (lambda document: ask_real(kube_api, document))


def test_values_of_the_wrong_form_get_the_same_answer(kube_api: KubeApi, embedded: EmbeddedApi) -> None:
    different = []
    for kind, version in KIND_VERSIONS:
        for change in MORE:
            document = json.loads(manifest(kind, version, with_changes(MINIMAL[kind], change)))
            ours, real = (comparable(ask(document)) for ask in asking(kube_api, embedded))
            if isinstance(real, tuple) and "strict decoding error" in real[0]:
                continue  # a field that this kind does not have
            if ours != real:
                different.append((kind, version, change, ours, real))
    assert different == []
