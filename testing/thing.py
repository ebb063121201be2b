"""A kind for tests of the runtime, which knows none of the real ones."""

from typing import Any

import msgspec

from api.meta import Condition, ObjectMeta
from api.resource import Resource

THINGS = Resource("example.com", "v1", "things", "Thing")


class ThingSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    suspend: bool = False
    size: int = 0
    colours: tuple[str, ...] = ()


class ThingStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    conditions: tuple[Condition, ...] = ()
    observed_generation: int = msgspec.field(default_factory=lambda: -1)
    last_handled_reconcile_at: str = ""
    pushed: str = ""
    counts: dict[str, int] = {}


class Thing(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    api_version: str = "example.com/v1"
    kind: str = "Thing"
    metadata: ObjectMeta
    spec: ThingSpec = ThingSpec()
    status: ThingStatus = ThingStatus()


def encode_thing(name: str, **spec: object) -> dict[str, Any]:
    """Return a Thing of namespace `ns` as somebody else sends it; its spec may hold anything."""
    return {"metadata": {"name": name, "namespace": "ns"}, "spec": spec}
