"""Gauges of objects: what is shown of each, when, and how many."""

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from api.imagerepository import ImageRepository
from api.meta import Condition
from controllers.telemetry import objects
from controllers.telemetry.objects import MAX_LABEL_CHARS, ObjectGauges
from testing.builders import IMAGE, image_repository, scanned
from testing.clock import START


class Shown:
    """Repositories, shown as their process shows them."""

    def __init__(self, *repositories: ImageRepository) -> None:
        self.repositories = list(repositories)
        self.is_leading = True
        self.registry = CollectorRegistry()
        gauges = ObjectGauges()
        gauges.add(
            "ImageRepository",
            lambda: list(self.repositories),
            is_shown=lambda: self.is_leading,
            image_of=lambda repository: repository.status.canonical_image_name,
            samples={},
        )
        self.registry.register(gauges)

    def samples(self, name: str) -> list[dict[str, str]]:
        """Return the labels of all series of a gauge."""
        return [sample.labels for family in self.registry.collect() for sample in family.samples if sample.name == name]

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


def with_ready(repository: ImageRepository, status: str, reason: str) -> ImageRepository:
    ready = Condition(type="Ready", status=status, reason=reason, message="why", last_transition_time=START)
    return replace(repository, status=replace(repository.status, conditions=(ready,)))


def test_an_object_is_shown_with_its_condition_and_image() -> None:
    shown = Shown(with_ready(image_repository(status=scanned()), "False", "AuthenticationFailed"))
    assert shown.samples("tagline_resource_info") == [
        {
            "kind": "ImageRepository",
            "namespace": "apps",
            "name": "app",
            "ready": "False",
            "suspended": "false",
            "reason": "AuthenticationFailed",
            "image": IMAGE,
        }
    ]


def test_an_object_without_a_condition_is_unknown() -> None:
    (labels,) = Shown(image_repository(suspend=True)).samples("tagline_resource_info")
    assert (labels["ready"], labels["suspended"], labels["reason"], labels["image"]) == ("Unknown", "true", "", "")


def test_an_object_that_is_gone_leaves_no_series_and_a_follower_shows_none() -> None:
    shown = Shown(image_repository("a"), image_repository("b"))
    assert len(shown.samples("tagline_resource_info")) == 2
    shown.repositories.pop()
    assert len(shown.samples("tagline_resource_info")) == 1
    shown.is_leading = False
    assert shown.samples("tagline_resource_info") == []


def test_too_many_objects_are_cut_and_those_that_are_not_ready_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "MAX_OBJECTS", 2)
    well = [with_ready(image_repository(f"well-{number}"), "True", "Succeeded") for number in range(5)]
    shown = Shown(*well, with_ready(image_repository("ill"), "False", "Failed"))
    names = [labels["name"] for labels in shown.samples("tagline_resource_info")]
    assert names == ["ill", "well-0"]
    assert shown.value("tagline_omitted_objects", kind="ImageRepository") == 4


def test_what_others_wrote_into_a_status_is_cut() -> None:
    (labels,) = Shown(with_ready(image_repository(), "False", "x" * 5000)).samples("tagline_resource_info")
    assert len(labels["reason"]) == MAX_LABEL_CHARS
