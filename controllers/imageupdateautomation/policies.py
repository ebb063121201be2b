"""Which policies a run sees: those of the cache, or of the API server where the cache may be behind."""

from collections.abc import Iterable, Mapping, Sequence

from api.core import Namespace
from api.imagepolicy import ImagePolicy
from api.imageupdateautomation import ImageUpdateAutomation, ImageUpdateAutomationStatus
from api.names import READY
from controllers.runtime.cache.store import is_newer
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.protocols import ObjectCache
from controllers.runtime.reconcile.conditions import find_condition
from controllers.runtime.reconcile.run import Run
from controllers.update import findings
from controllers.update.policies import show_policy
from controllers.update.reach import OWN_NAMESPACE, Reach

AutomationRun = Run[ImageUpdateAutomation, ImageUpdateAutomationStatus]


class PolicyReader:
    """Lists and looks up the policies of runs."""

    def __init__(self, policies: ObjectCache[ImagePolicy], namespaces: ObjectCache[Namespace] | None) -> None:
        """Build it.

        namespaces: all, where policies of other namespaces may be used
        """
        self._policies = policies
        self._namespaces = namespaces
        self.reach = reach_of(namespaces)

    async def list(self, run: AutomationRun) -> Sequence[ImagePolicy]:
        """List the policies beside the automation, and those of the namespaces that it asks for.

        The watch that brought the automation may be ahead of that of the policies: at the first run of a spec, those
        beside it are none older than the spec. Neither are they where one has another choice than the status, and is
        older than it: what was written may come from a later choice, which must not be taken back. What comes later
        wakes the automation.
        """
        meta = run.object.metadata
        ended = find_condition(run.status.conditions, READY)
        is_first = run.new_generation and (ended is None or ended.observed_generation < meta.generation)
        own = await self._list_in(meta.namespace, run, is_first=is_first)
        elsewhere = [await self._list_in(namespace, run) for namespace in self._namespaces_elsewhere(run.object)]
        return [policy for policies in (own, *elsewhere) for policy in policies]

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

    async def _list_in(self, namespace: str, run: AutomationRun, *, is_first: bool = False) -> Sequence[ImagePolicy]:
        policies: Sequence[ImagePolicy] = self._policies.list(namespace)
        if is_first or any(_may_be_behind(policy, run) for policy in policies):
            return await self._policies.list_now(namespace, as_of=run.object.metadata.resource_version)
        return policies

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


def _may_be_behind(policy: ImagePolicy, run: AutomationRun) -> bool:
    """Return whether a policy's choice is another than the one that was written when the policy was no newer."""
    name = show_policy(key_of(policy), run.object.metadata.namespace)
    written = run.object.status.observed_policies.get(name)
    is_older = is_newer(run.object.metadata.resource_version, than=policy.metadata.resource_version)
    return written is not None and written != policy.status.latest_ref and is_older
