"""What was installed: a ConfigMap beside the controllers, by which upgrades and removals know what is ours.

It is written before anything is applied, with what was there and what is to come, and again when all is applied and
what is no longer part of it is gone. So an installation that breaks off anywhere is never larger than its inventory.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from api.names import NAMESPACES
from cli.grammar.session import Failed
from cli.installing.build import COMPONENT, PART_OF, Options
from cli.installing.resources import CONFIG_MAPS, Ref

if TYPE_CHECKING:
    from cli.kube.client import Cluster

NAME: Final = "tagline-inventory"
MANAGER: Final = "tagline"
"""Whose fields they are that the command line applies."""
_LABELS: Final = {PART_OF: "tagline", COMPONENT: "inventory"}
_SELECTOR: Final = ",".join(f"{key}={value}" for key, value in _LABELS.items())


@dataclass(frozen=True, slots=True)
class Inventory:
    """What one installation consists of."""

    options: Options
    objects: tuple[Ref, ...]
    is_complete: bool = True
    """False: it was interrupted, or is going on."""
    resource_version: str = ""
    """Of the ConfigMap as it was read."""

    @property
    def namespace(self) -> str:
        """Where its controllers run."""
        return self.options.namespace

    def with_more(self, others: Iterable[Ref]) -> "Inventory":
        """Return the inventory of something under way, which may have others, too."""
        return replace(self, objects=tuple(dict.fromkeys((*self.objects, *others))), is_complete=False)


class NotReadable(Failed):
    """An inventory that this release cannot read; the text says which and what to do."""


def read_all(cluster: "Cluster") -> list[Inventory]:
    """Return the inventories of all namespaces but those that are being deleted. Raises ApiError, NotReadable."""
    found = [one for one in cluster.list(CONFIG_MAPS, labels=_SELECTOR) if one["metadata"]["name"] == NAME]
    return [from_object(one) for one in found if not _is_going(cluster, one["metadata"]["namespace"])]


def _is_going(cluster: "Cluster", namespace: str) -> bool:
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

    try:
        return bool(cluster.get(NAMESPACES, "", namespace)["metadata"].get("deletionTimestamp"))
    except NotFound:
        return True


def write(cluster: "Cluster", inventory: Inventory) -> Inventory:
    """Write an inventory and return it as it is now. Raises Conflict when somebody else has written it meanwhile."""
    body = to_object(inventory)
    if inventory.resource_version:
        body["metadata"]["resourceVersion"] = inventory.resource_version
    stored = cluster.apply(CONFIG_MAPS, inventory.namespace, NAME, body, manager=MANAGER, force=True)
    return replace(inventory, resource_version=stored["metadata"]["resourceVersion"])


def to_object(inventory: Inventory) -> dict[str, Any]:
    """Return the ConfigMap."""
    options = asdict(inventory.options)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": inventory.namespace, "labels": dict(_LABELS)},
        "data": {
            "version": inventory.options.version,
            "state": "complete" if inventory.is_complete else "changing",
            "options": json.dumps({key: value for key, value in options.items() if key != "namespace"}),
            "objects": "".join(f"{json.dumps(ref)}\n" for ref in inventory.objects),
        },
    }


def from_object(obj: Mapping[str, Any]) -> Inventory:
    """Return what a ConfigMap says. Options of other releases are passed over. Raises NotReadable."""
    metadata, data = obj["metadata"], obj.get("data") or {}
    known = {name: getattr(Options(), name) for name in Options.__dataclass_fields__}
    try:
        given = {
            name: tuple(value) if isinstance(known[name], tuple) else value
            for name, value in json.loads(data["options"]).items()
            if name in known
        }
        objects = tuple(Ref(*json.loads(line)) for line in data["objects"].splitlines())
        options = Options(**{**given, "namespace": metadata["namespace"]})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        place = f"{metadata['namespace']}/{NAME}"
        raise NotReadable(
            f"ConfigMap {place} is not an inventory that this release can read: if it was damaged, delete it and run "
            "`tagline install` again, which takes over what is there"
        ) from error
    return Inventory(options, objects, data.get("state") == "complete", metadata.get("resourceVersion", ""))
