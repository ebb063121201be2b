"""Receivers for unit tests, and ImageRepositories as a receiver sees them."""

from typing import Any

import msgspec

from api.imagerepository import ImageRepositoryStatus
from api.meta import LocalObjectReference, ObjectMeta
from api.names import IMAGE_REPOSITORIES
from api.receiver import Receiver, ReceiverResource, ReceiverSpec, ReceiverStatus
from controllers.receiver.repositories import Repository
from controllers.runtime.key import Key
from testing.builders import NAMESPACE, image_repository
from testing.kube import FakeKube

EVERY = ReceiverResource(kind="ImageRepository", name="*")


def receiver(
    name: str = "hub",
    *,
    namespace: str = NAMESPACE,
    generation: int = 1,
    uid: str = "",
    status: ReceiverStatus | None = None,
    **spec: Any,
) -> Receiver:
    """Build a Receiver for Docker Hub whose token is in the Secret `token`, for all ImageRepositories beside it."""
    chosen = {"type": "dockerhub", "resources": (EVERY,), "secret_ref": LocalObjectReference(name="token"), **spec}
    return Receiver(
        metadata=ObjectMeta(name=name, namespace=namespace, uid=uid or f"uid-of-{name}", generation=generation),
        spec=ReceiverSpec(**chosen),
        status=status or ReceiverStatus(),
    )


def repository(name: str = "app", *, handled: str = "", annotations: dict[str, str] | None = None, **more: Any) -> Any:
    """Build an ImageRepository as the API server stores it."""
    status = ImageRepositoryStatus(last_handled_reconcile_at=handled)
    body: dict[str, Any] = msgspec.to_builtins(image_repository(name, status=status, **more))
    body["metadata"]["annotations"] = annotations or {}
    return body


class FakeRepositories:
    """A `waker.Cache` of ImageRepositories that is as new as the server, or as old as a test left it."""

    def __init__(self, kube: FakeKube) -> None:
        self._kube = kube
        self.old: dict[Key, Repository | None] = {}

    def get(self, key: Key) -> Repository | None:
        if key in self.old:
            return self.old[key]
        return msgspec.convert(self._kube.get_stored(IMAGE_REPOSITORIES.plural, *key), Repository)
