"""What the steps of an update pass to each other. Values only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from api.imagepolicy import ImagePolicy
from api.imageupdateautomation import Finding, ImageUpdateAutomation
from controllers import setters
from controllers.git.objects.scan import File
from controllers.git.protocol.refs import Tip
from controllers.image.ref import ImageRef
from controllers.image.setter import policy_key
from controllers.update.comparison import Sources, collect_sources
from controllers.update.findings import invalid_image_findings
from controllers.update.policies import PauseReason, SelectedPolicies, partition_images, select_policies, to_image_refs


@dataclass(frozen=True, slots=True)
class Work:
    """What an update is to do, decided from objects alone, before the remote is asked."""

    automation: ImageUpdateAutomation
    policies: SelectedPolicies
    path: str
    """`spec.update.path`, normalised."""
    images: Mapping[str, ImageRef]
    """The images to write, by `namespace:policy`."""
    findings: tuple[Finding, ...]
    """Why images of other selected policies are not written."""
    sources: Sources
    """Where recent images were built from, as of the moment in which `images` were read."""

    @property
    def hold_reverted(self) -> bool:
        """Whether values that somebody put back are left alone."""
        return self.automation.spec.update.hold_reverted

    @property
    def globs(self) -> tuple[str, ...]:
        """Further files to look at."""
        return self.automation.spec.update.files

    @property
    def paused(self) -> dict[str, PauseReason]:
        """Selected policies whose choice is not to be written now, by `namespace:policy`."""
        namespace = self.automation.metadata.namespace
        return {policy_key(namespace, name): pause for name, pause in self.policies.paused.items()}

    @property
    def last_chosen(self) -> dict[str, ImageRef]:
        """What each selected policy chose last, paused or not, by `namespace:policy`."""
        return to_image_refs(self.policies.last_chosen, self.automation.metadata.namespace)


@dataclass(frozen=True, slots=True)
class MarkedTree:
    """The marked files of a commit."""

    base: Tip
    files: Sequence[File]


@dataclass(frozen=True, slots=True)
class Edit:
    """What an update makes of a commit."""

    base: Tip
    update: setters.Update
    contents: Mapping[str, bytes]
    """New content by the path that it is stored under."""


@dataclass(frozen=True, slots=True)
class Published:
    """A commit of this automation that the remote has."""

    commit: str
    message: str
    time: datetime
    """When it was made."""
    update: setters.Update | None
    """What it changes; None where that is unknown."""


def plan_work(automation: ImageUpdateAutomation, policies: Iterable[ImagePolicy]) -> Work:
    """Return what an automation is to write; policies: those of its namespace.

    Raises BadSelector, UnsupportedStrategy and UpdatePathOutside for a spec that cannot work.
    """
    policies = tuple(policies)
    selected = select_policies(automation, policies)
    setters.require_strategy(automation.spec.update.strategy)
    path = setters.resolve_update_path(automation.spec.update.path)
    usable, unusable = partition_images(selected.images)
    return Work(
        automation,
        selected,
        path,
        images=to_image_refs(usable, automation.metadata.namespace),
        findings=invalid_image_findings(unusable),
        sources=collect_sources(policies),
    )
