"""All kinds of tagline in one list, for whatever walks them: command line, generators, tests of manifests and docs.

A new kind is a module here and a row in KINDS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from api import gitrepository, imagepolicy, imagerepository, imagetaglist, imageupdateautomation, receiver
from api.resource import Resource
from api.schema import Definition


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind: its type, its CRD, and who reconciles it."""

    type: type[msgspec.Struct]
    definition: Definition
    reconciled: bool = False
    """True: one of our controllers reconciles it, in `controllers.<name>`."""

    @property
    def resource(self) -> Resource:
        """Return where the kind lives in the API."""
        return self.definition.resource

    @property
    def name(self) -> str:
        """Return the kind in lower case: the package of its controller, the word in `tagline run` and `kubectl get`."""
        return self.resource.kind.lower()

    @property
    def component(self) -> str:
        """Return the name of its controller's Deployment, ServiceAccount and roles."""
        return f"{self.name}-controller"

    @property
    def crd_file(self) -> str:
        """Return the name of its file in manifests/crds."""
        return f"{self.resource.group}_{self.resource.plural}.yaml"


KINDS: Final = (
    Kind(type=imagerepository.ImageRepository, definition=imagerepository.DEFINITION, reconciled=True),
    Kind(type=imagepolicy.ImagePolicy, definition=imagepolicy.DEFINITION, reconciled=True),
    Kind(
        type=imageupdateautomation.ImageUpdateAutomation, definition=imageupdateautomation.DEFINITION, reconciled=True
    ),
    Kind(type=imagetaglist.ImageTagList, definition=imagetaglist.DEFINITION),
    Kind(type=gitrepository.GitRepository, definition=gitrepository.DEFINITION),
)
"""Every kind, in the order in which data flows through ours."""

RECONCILED: Final = tuple(kind for kind in KINDS if kind.reconciled)
"""The kinds that our controllers reconcile."""
RECEIVER: Final = Kind(type=receiver.Receiver, definition=receiver.DEFINITION, reconciled=True)
"""The kind of the component `receiver`, which not every installation has: where Flux's notification-controller runs, it
stays Flux's."""
EVERY_KIND: Final = (*KINDS, RECEIVER)
"""Those of components, too."""
EVERY_PROCESS: Final = (*RECONCILED, RECEIVER)
"""Those with a controller of ours, components' too."""
