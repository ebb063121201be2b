"""What the steps of an update pass to each other. Values only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from api.imagepolicy import ImagePolicy
from api.imagepolicy import ImageRef as LatestRef
from api.imageupdateautomation import Finding, ImageUpdateAutomation
from api.names import READY
from controllers import setters
from controllers.git.objects.scan import File
from controllers.git.protocol.refs import Tip
from controllers.image.ref import ImageRef
from controllers.image.setter import policy_key
from controllers.runtime.key import key_of
from controllers.runtime.reconcile.conditions import find_condition
from controllers.update.comparison import Sources, collect_sources
from controllers.update.findings import blocked_reach_findings, invalid_image_findings
from controllers.update.origins import list_traces
from controllers.update.policies import (
    PauseReason,
    SelectedPolicies,
    partition_images,
    select_policies,
    show_policy,
    to_image_refs,
)
from controllers.update.reach import OWN_NAMESPACE, Reach
from controllers.update.targets import to_targets


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
    reach: Reach = OWN_NAMESPACE
    """What decides about policies of other namespaces."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """What policies say of their choices, by `namespace:policy`."""
    choosers: Mapping[str, ImagePolicy] = field(default_factory=dict)
    """The policies whose choices are written, by `namespace:policy`."""

    @property
    def hold_reverted(self) -> bool:
        """Whether values that somebody put back are left alone."""
        return self.automation.spec.update.hold_reverted

    @property
    def globs(self) -> tuple[str, ...]:
        """Further files to look at."""
        return self.automation.spec.update.files

    @property
    def targets(self) -> tuple[setters.Target, ...]:
        """Values without markers to write."""
        return to_targets(self.automation)

    @property
    def paused(self) -> dict[str, PauseReason]:
        """Selected policies whose choice is not to be written now, by `namespace:policy`."""
        return {policy_key(*key): pause for key, pause in self.policies.paused.items()}

    @property
    def last_chosen(self) -> dict[str, ImageRef]:
        """What each selected policy chose last, paused or not, by `namespace:policy`."""
        return to_image_refs(self.policies.last_chosen)

    @property
    def observed_policies(self) -> dict[str, LatestRef]:
        """The choices to write as the status records them."""
        namespace = self.automation.metadata.namespace
        return {show_policy(key, namespace): image for key, image in self.policies.images.items()}

    def traces_of_news(self, observed: Mapping[str, LatestRef]) -> tuple[str, ...]:
        """Return the traces of the choices that are not among those of the last complete run."""
        namespace = self.automation.metadata.namespace
        by_name = {show_policy(key_of(policy), namespace): policy for policy in self.choosers.values()}
        choices = {name: image for name, image in self.observed_policies.items() if name in by_name}
        return tuple(list_traces(by_name, choices, observed))


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


def plan_work(automation: ImageUpdateAutomation, policies: Iterable[ImagePolicy], reach: Reach = OWN_NAMESPACE) -> Work:
    """Return what an automation is to write; policies: at least those that it may use.

    Raises BadSelector, UnsupportedStrategy and UpdatePathOutside for a spec that cannot work.
    """
    policies = tuple(policies)
    selected = select_policies(automation, policies, reach)
    setters.require_strategy(automation.spec.update.strategy)
    path = setters.resolve_update_path(automation.spec.update.path)
    usable, unusable = partition_images(selected.images)
    namespace = automation.metadata.namespace
    return Work(
        automation,
        selected,
        path,
        images=to_image_refs(usable),
        findings=(
            *invalid_image_findings({show_policy(key, namespace): text for key, text in unusable.items()}),
            *blocked_reach_findings(automation, reach),
        ),
        sources=collect_sources(policies),
        reach=reach,
        reasons={
            policy_key(*key): ready.message
            for policy in policies
            if (key := key_of(policy)) in usable and (ready := find_condition(policy.status.conditions, READY))
        },
        choosers={policy_key(*key): policy for policy in policies if (key := key_of(policy)) in usable},
    )
