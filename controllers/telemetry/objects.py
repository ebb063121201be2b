"""Gauges that follow from the objects in the caches: made at each scrape, so that nothing has to be kept up to date.

Only the process that leads a kind shows its objects: followers have the same ones in their caches, and sums would count
them twice. Labels are names, reasons and images, never tags or messages: an update makes no new series. What one kind
can add is bounded: of more objects than that, those that are not ready come first.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.names import READY, UNKNOWN
from controllers.runtime.key import key_of
from controllers.runtime.kube.objects import ReconciledObject
from controllers.runtime.process.kind import Kind
from controllers.runtime.process.process import Process
from controllers.runtime.reconcile.conditions import find_condition, is_true

T = TypeVar("T", bound=ReconciledObject)

MAX_OBJECTS: Final = 10_000
"""Of one kind, with series of their own."""
MAX_LABEL_CHARS: Final = 256
"""Of what tenants write."""

Sample: TypeAlias = tuple[tuple[str, ...], float]
"""Values of the labels, and the value."""


@dataclass(frozen=True, slots=True)
class ObjectGauge:
    """A family of gauges about objects."""

    name: str
    text: str
    labels: tuple[str, ...]


RESOURCE_INFO: Final = ObjectGauge(
    "tagline_resource_info",
    "1 for each object, with what its status says.",
    ("kind", "namespace", "name", "ready", "suspended", "reason", "image"),
)
OMITTED: Final = ObjectGauge(
    "tagline_omitted_objects", f"Objects of a kind beyond {MAX_OBJECTS:,}, which have no series.", ("kind",)
)
HELD: Final = ObjectGauge(
    "tagline_updates_held",
    "Updates of an object that are held back, by the reason for that.",
    ("kind", "namespace", "name", "reason"),
)


@dataclass(frozen=True, slots=True)
class _Source:
    list_objects: Callable[[], list[Any]]
    is_shown: Callable[[], bool]
    kind: str
    samples: dict[ObjectGauge, Callable[[Any], Iterable[Sample]]]


class ObjectGauges(Collector):
    """The gauges of all kinds of a process."""

    def __init__(self) -> None:
        self._sources: list[_Source] = []

    def add(
        self,
        kind: str,
        list_objects: Callable[[], list[T]],
        *,
        is_shown: Callable[[], bool],
        image_of: Callable[[T], str],
        samples: dict[ObjectGauge, Callable[[T], Iterable[Sample]]],
    ) -> None:
        """Show a kind.

        list_objects, is_shown: called from any thread
        image_of: the image that an object is about, without its tag; empty where there is none, or none that is valid
        samples: further gauges; what makes the samples of one object
        """

        def info(obj: T) -> Iterator[Sample]:
            yield _info(kind, obj, image_of(obj))

        self._sources.append(_Source(list_objects, is_shown, kind, {RESOURCE_INFO: info, **samples}))

    def collect(self) -> Iterable[Metric]:
        families = {
            gauge: GaugeMetricFamily(gauge.name, gauge.text, labels=gauge.labels)
            for gauge in (RESOURCE_INFO, OMITTED, HELD, *(one for source in self._sources for one in source.samples))
        }
        for source in self._sources:
            if not source.is_shown():
                continue
            objects = source.list_objects()
            families[OMITTED].add_metric((source.kind,), max(0, len(objects) - MAX_OBJECTS))
            if len(objects) > MAX_OBJECTS:
                objects = sorted(objects, key=_is_well)[:MAX_OBJECTS]
            for gauge, samples in source.samples.items():
                family = families[gauge]
                for obj in objects:
                    for labels, value in samples(obj):
                        family.add_metric(labels, value)
        return families.values()


def show_objects(
    process: Process,
    kind: Kind[T],
    *,
    image_of: Callable[[T], str] = lambda _: "",
    samples: dict[ObjectGauge, Callable[[T], Iterable[Sample]]] | None = None,
) -> None:
    """Have the process show the objects of a kind; see `ObjectGauges.add`."""
    gauges = process.share(_register)
    gauges.add(
        kind.resource.kind,
        kind.objects.list,
        is_shown=lambda: kind.is_working,
        image_of=image_of,
        samples=samples or {},
    )


def _register(process: Process) -> ObjectGauges:
    gauges = ObjectGauges()
    process.metrics.registry.register(gauges)
    return gauges


def _info(kind: str, obj: ReconciledObject, image: str) -> Sample:
    key, ready = key_of(obj), find_condition(obj.status.conditions, READY)
    suspended = "true" if obj.spec.suspend else "false"
    status, reason = (ready.status, ready.reason) if ready else (UNKNOWN, "")
    cut = MAX_LABEL_CHARS
    return (kind, key.namespace, key.name, status[:cut], suspended, reason[:cut], image[:cut]), 1


def _is_well(obj: ReconciledObject) -> bool:
    return obj.spec.suspend or is_true(obj.status.conditions, READY)
