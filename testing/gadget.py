"""A kind with a schema in two versions, for tests of what validates and converts."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec

from api.meta import ObjectMeta
from api.resource import Resource
from api.schema import Definition, Duration, InitialStatus, Required, Rule, Schema

GADGETS = Resource("example.com", "v1", "gadgets", "Gadget")
OLD_GADGETS = Resource("example.com", "v1beta1", "gadgets", "Gadget")
PARTS = Resource("example.com", "v1", "parts", "Part")


class GadgetSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    RULES: ClassVar[tuple[Rule, ...]] = (Rule("!has(self.size) || self.size != 13", "size 13 brings bad luck"),)

    interval: Annotated[Duration, Required] = ""
    size: Annotated[int, Schema(minimum=1, maximum=100)] = 1
    colour: Annotated[str, Schema(default="red", enum=("red", "blue"))] = "red"
    names: Annotated[
        tuple[str, ...], Schema(list_type="set"), Schema(default=("x",), max_items=2, versions=("v1",))
    ] = ()
    label: Annotated[str, Schema(min_length=1, max_length=3)] = ""
    suspend: bool = False


class GadgetStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    observed_generation: int = msgspec.field(default_factory=lambda: -1)
    done: str = ""


class Gadget(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    api_version: str = "example.com/v1"
    kind: str = "Gadget"
    metadata: ObjectMeta
    spec: Annotated[GadgetSpec, Required] = GadgetSpec()
    status: Annotated[GadgetStatus, InitialStatus] = GadgetStatus()


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    api_version: str = "example.com/v1"
    kind: str = "Part"
    metadata: ObjectMeta
    data: str = ""


class DefinedGadget:
    type: type[msgspec.Struct] = Gadget
    definition = Definition(resource=GADGETS, columns={"v1beta1": (), "v1": ()})


class DefinedPart:
    type: type[msgspec.Struct] = Part
    definition = Definition(resource=PARTS, columns={"v1": ()}, status_subresource=False)


GADGET_KINDS = (DefinedGadget(), DefinedPart())


def encode_gadget(name: str = "a", *, version: str = "v1", meta: dict[str, Any] | None = None, **spec: Any) -> Any:
    """Return a gadget of namespace `ns` as somebody sends it."""
    return {
        "apiVersion": f"example.com/{version}",
        "kind": "Gadget",
        "metadata": {"name": name, "namespace": "ns", **(meta or {})},
        "spec": {"interval": "1m", **spec},
    }
