"""`api`: what the types read from and write to the wire, whatever their kind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from api.imagepolicy import ImageRef
from api.imagerepository import ImageRepository, ScanResult
from api.kinds import EVERY_KIND
from api.meta import Condition, LocalObjectReference, ObjectMeta
from api.schema import EPOCH

TYPES = [kind.type for kind in EVERY_KIND]
WITH_STATUS = [kind.type for kind in EVERY_KIND if kind.definition.status_subresource]


def written(value: msgspec.Struct) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


@pytest.mark.parametrize("kind", TYPES)
def test_an_object_of_metadata_alone_can_be_read(kind: type[msgspec.Struct]) -> None:
    read = msgspec.json.decode(b'{"metadata":{"name":"a","managedFields":[{"manager":"kubectl"}]}}', type=kind)
    assert written(read)["metadata"] == {"name": "a"}


@pytest.mark.parametrize("kind", TYPES)
def test_kind_and_version_are_always_written(kind: type[msgspec.Struct]) -> None:
    body = written(kind(metadata=ObjectMeta(name="a")))
    assert body["kind"] == kind.__name__
    assert body["apiVersion"].partition("/")[2].startswith("v1")


@pytest.mark.parametrize("kind", WITH_STATUS)
@pytest.mark.parametrize("generation", [-1, 0, 3])
def test_observed_generation_is_always_written(kind: type[msgspec.Struct], generation: int) -> None:
    body = {"metadata": {"name": "a"}, "status": {"observedGeneration": generation}}
    assert written(msgspec.convert(body, kind))["status"] == {"observedGeneration": generation}


@pytest.mark.parametrize("kind", WITH_STATUS)
def test_a_value_that_the_api_server_would_refuse_today_can_still_be_read(kind: type[msgspec.Struct]) -> None:
    body = {"metadata": {"name": "a"}, "spec": {"interval": "soon", "provider": "moon", "timeout": "1h"}}
    assert isinstance(msgspec.convert(body, kind), kind)


def test_a_scan_without_a_time_was_never() -> None:
    assert msgspec.convert({"tagCount": 0}, ScanResult).scan_time == EPOCH


def test_a_count_of_zero_is_written() -> None:
    assert written(ScanResult(tag_count=0, scan_time=datetime(2024, 1, 1, tzinfo=UTC))) == {
        "tagCount": 0,
        "scanTime": "2024-01-01T00:00:00Z",
    }


def test_unset_optional_fields_are_left_out() -> None:
    assert written(ImageRef(name="ghcr.io/a/b", tag="1")) == {"name": "ghcr.io/a/b", "tag": "1"}


def test_an_empty_message_is_written() -> None:
    condition = Condition(
        type="Ready",
        status="True",
        reason="Succeeded",
        message="",
        last_transition_time=datetime(2024, 1, 1, tzinfo=UTC),
    )
    assert written(condition)["message"] == ""


def test_names_are_camel_case_on_the_wire() -> None:
    body = {"metadata": {"name": "a", "resourceVersion": "7"}, "spec": {"image": "i", "certSecretRef": {"name": "c"}}}
    read = msgspec.convert(body, ImageRepository)
    assert read.metadata.resource_version == "7"
    assert read.spec.cert_secret_ref == LocalObjectReference(name="c")
    assert written(read)["spec"] == body["spec"]
