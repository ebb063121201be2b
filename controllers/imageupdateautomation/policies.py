"""Which policies a run sees: those of the cache, or of the API server where the cache may be behind."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from api.core import Namespace
from api.imagepolicy import ImagePolicy
from api.imageupdateautomation import ImageUpdateAutomation, ImageUpdateAutomationStatus
from api.names import READY
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.protocols import ObjectCache
from controllers.runtime.reconcile.conditions import find_condition
from controllers.runtime.reconcile.run import Run
from controllers.update import findings
from controllers.update.policies import show_policy
from controllers.update.reach import OWN_NAMESPACE, Reach

AutomationRun = Run[ImageUpdateAutomation, ImageUpdateAutomationStatus]


@dataclass(slots=True)
class _Read:
    """What is known of the policies that an automation's last run in this process has read. Versions as numbers."""

    began: datetime
    written: int
    """No choice in the status at its end comes from a policy newer than that."""
    reached: int
    """The newest policy of the run itself."""


class PolicyReader:
    """Lists and looks up the policies of runs."""

    def __init__(
        self,
        policies: ObjectCache[ImagePolicy],
        namespaces: ObjectCache[Namespace] | None,
    ) -> None:
        """Build it; `namespaces`: all, where policies of other namespaces may be used."""
        self._policies = policies
        self._namespaces = namespaces
        self.reach = reach_of(namespaces)
        self._reads: dict[Key, _Read] = {}

    def complete(self, run: AutomationRun) -> None:
        """Note that the choices in the status are those that the run has read."""
        read = self._reads.get(key_of(run.object))
        if read is not None and read.began == run.now:
            read.written = read.reached

    def forget(self, automation: Key) -> None:
        """Drop what is remembered about an automation that is gone."""
        self._reads.pop(automation, None)

    async def list(self, run: AutomationRun, *, now: bool = False) -> Sequence[ImagePolicy]:
        """List the policies beside the automation, and those of the namespaces that it asks for.

        now: as the server has them now

        The watch that brought the automation may be ahead of that of the policies: at the first run of a spec, those
        beside it are none older than the spec. Neither are they where one has another choice than the status, and is
        older than what was written: that may come from a later choice, which must not be taken back. What comes later
        wakes the automation.
        """
        meta = run.object.metadata
        ended = find_condition(run.status.conditions, READY)
        is_first = run.new_generation and (ended is None or ended.observed_generation < meta.generation)
        written = self._written(run)
        own = await self._list_in(meta.namespace, run, written, now=now, anew=is_first or self._lacks_observed(run))
        elsewhere = [
            await self._list_in(namespace, run, written, now=now)
            for namespace in self._namespaces_elsewhere(run.object)
        ]
        found = [policy for policies in (own, *elsewhere) for policy in policies]
        newest = max((_version(policy.metadata.resource_version) for policy in found), default=0)
        self._reads[key_of(run.object)] = _Read(run.now, written, newest)
        return found

    async def find(self, keys: Iterable[Key]) -> dict[Key, ImagePolicy]:
        """Look up what markers name; no more requests for what the cache lacks than there are places in the status."""
        found: dict[Key, ImagePolicy] = {}
        requests = findings.MAX_FINDINGS
        for key in keys:
            policy = self._policies.get(key)
            if policy is None and requests > 0:
                requests -= 1
                policy = await self._policies.find(key)
            if policy is not None:
                found[key] = policy
        return found

    def _written(self, run: AutomationRun) -> int:
        """Return a version that no policy exceeds whose choice is in the status.

        The automation's own where another process has written the status. It would be too late for what this one has
        written: choices that are made during a run are older than the status at its end, and nobody has written them.
        """
        read = self._reads.get(key_of(run.object))
        if read is not None and read.began == run.object.status.last_automation_run_time:
            return read.written
        return _version(run.object.metadata.resource_version)

    async def _list_in(
        self, namespace: str, run: AutomationRun, written: int, *, now: bool, anew: bool = False
    ) -> Sequence[ImagePolicy]:
        if now:
            return await self._policies.list_now(namespace)
        policies: Sequence[ImagePolicy] = self._policies.list(namespace)
        if anew or any(_may_be_behind(policy, run, written) for policy in policies):
            return await self._policies.list_now(namespace, as_of=run.object.metadata.resource_version)
        return policies

    def _lacks_observed(self, run: AutomationRun) -> bool:
        """Report whether the cache lacks a policy beside the automation whose choice the status has."""
        namespace = run.object.metadata.namespace
        own = (name for name in run.object.status.observed_policies if "/" not in name)
        return any(self._policies.get(Key(namespace, name)) is None for name in own)

    def _namespaces_elsewhere(self, automation: ImageUpdateAutomation) -> Sequence[str]:
        if self._namespaces is None or automation.spec.policy_namespaces is None:
            return []
        names = [namespace.metadata.name for namespace in self._namespaces.list()]
        home = automation.metadata.namespace
        return [name for name in names if name != home and self.reach.selects(automation, name)]


def reach_of(namespaces: ObjectCache[Namespace] | None) -> Reach:
    """Return how far automations reach, given the namespaces of the cluster; None: not beyond their own."""
    if namespaces is None:
        return OWN_NAMESPACE

    def labels_of(name: str) -> Mapping[str, str]:
        namespace = namespaces.get(Key("", name))
        return namespace.metadata.labels if namespace else {}

    return Reach(labels_of)


def _may_be_behind(policy: ImagePolicy, run: AutomationRun, written: int) -> bool:
    """Return whether a policy's choice is another than the one in the status, which may come from a later version."""
    if _version(policy.metadata.resource_version) >= written:
        return False
    observed = run.object.status.observed_policies.get(show_policy(key_of(policy), run.object.metadata.namespace))
    return observed is not None and observed != policy.status.latest_ref


def _version(text: str) -> int:
    """Return a resourceVersion as a number; 0 for one that cannot be compared."""
    return int(text) if text.isdecimal() else 0
