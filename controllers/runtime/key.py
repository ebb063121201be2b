"""Keys: how the runtime names an object of a kind."""

from typing import NamedTuple, Protocol


class Key(NamedTuple):
    """Namespace and name of one object; the kind is known from the context. Sorts by namespace, then name."""

    namespace: str
    """Empty for cluster-scoped objects."""
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Metadata(Protocol):
    """What the runtime reads of an object's metadata."""

    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def uid(self) -> str: ...
    @property
    def resource_version(self) -> str: ...


class KubeObject(Protocol):
    """Any decoded object that carries metadata: the kinds of `api`, or a smaller view of a foreign kind."""

    @property
    def metadata(self) -> Metadata: ...


def key_of(obj: KubeObject) -> Key:
    """Return the key of a decoded object."""
    return Key(obj.metadata.namespace, obj.metadata.name)
