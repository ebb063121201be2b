"""The few built-in kinds that the controllers read, as far as they read them.

Follows https://kubernetes.io/docs/reference/kubernetes-api/ (core/v1).
"""

from __future__ import annotations

from typing import Final

import msgspec

from api.meta import LocalObjectReference, ObjectMeta

VERSION: Final = "v1"


class Secret(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A Secret with its values decoded from base64. Its repr shows no value."""

    metadata: ObjectMeta
    type: str = "Opaque"
    data: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"Secret({self.metadata.namespace}/{self.metadata.name}, keys={', '.join(sorted(self.data))})"


class ServiceAccount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A ServiceAccount with the names of its pull secrets."""

    metadata: ObjectMeta
    image_pull_secrets: tuple[LocalObjectReference, ...] = ()


class Namespace(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A Namespace: only its labels matter to us."""

    metadata: ObjectMeta
