"""`python -m controllers.imageupdateautomation`: the process that commits to Git."""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from pathlib import Path

from api.core import Namespace
from api.gitrepository import GitRepository
from api.imagepolicy import ImagePolicy
from api.imageupdateautomation import ImageUpdateAutomation
from api.names import GIT_REPOSITORIES, IMAGE_POLICIES, IMAGE_UPDATE_AUTOMATIONS, NAMESPACES
from controllers.cloudaccess.wiring import build_cloud_access
from controllers.forge.forges import Forges
from controllers.forge.model import Forge
from controllers.git.engine import GitEngine
from controllers.git.login.clouds import providers
from controllers.git.objects.workdir import WorkDir
from controllers.git.remote import SshAlgorithms
from controllers.gitaccess.branches import Gates, source_key
from controllers.gitaccess.git import Git
from controllers.gitaccess.source import SourceReader, git_host
from controllers.imageupdateautomation.metrics import FINDINGS, PushMetrics, findings, held_updates
from controllers.imageupdateautomation.policies import reach_of
from controllers.imageupdateautomation.predicates import (
    is_concerned,
    labels_changed,
    policy_change_delay,
    policy_changed,
    reach_changed,
    source_changed,
)
from controllers.imageupdateautomation.reconciler import ImageUpdateAutomationReconciler
from controllers.pullrequests.metrics import PullRequestMetrics
from controllers.runtime.cache.informer import Informer
from controllers.runtime.key import Key, key_of
from controllers.runtime.process import flags
from controllers.runtime.process.flags import Flag
from controllers.runtime.process.kind import Kind
from controllers.runtime.process.main import Program, main
from controllers.runtime.process.process import Process
from controllers.telemetry.objects import HELD, show_objects

COMPONENT = "image-automation-controller"
BY_SOURCE = "source"
BY_REACH, REACHES = "reach", "elsewhere"
SLOW_THRESHOLD = timedelta(seconds=2)
"""After how long a run gets a stand-in for its worker. The engine bounds the load on Git hosts and memory."""
SSH_HOST_KEYS: Flag[tuple[str, ...]] = Flag(
    "ssh-hostkey-algos", (), flags.parse_strings, "host key algorithms to offer; none: those of known_hosts"
)
SSH_KEY_EXCHANGES: Flag[tuple[str, ...]] = Flag(
    "ssh-kex-algos", (), flags.parse_strings, "key exchange algorithms to offer; none: the library's"
)
FEATURE_GATES = {
    "GitForcePushBranch": True,
    "GitAllBranchReferences": True,
    # Without effect: a fetch is always shallow, and never more than what is missing.
    "GitShallowClone": True,
    "GitSparseCheckout": False,
}


def build(
    process: Process,
    *,
    wrap: Callable[[Git], Git] = lambda git: git,
    wrap_forge: Callable[[Forge], Forge] = lambda forge: forge,
) -> None:
    """Declare the kind: an ImageUpdateAutomation runs when it is due, or what it reads in the cluster changes.

    wrap: returns what the runs use in place of the engine, to keep it from pushing. wrap_forge: the same for forges
    """
    options = process.options
    automations = Kind(
        process,
        IMAGE_UPDATE_AUTOMATIONS,
        into=ImageUpdateAutomation,
        component=COMPONENT,
        indexers={
            BY_SOURCE: lambda automation: [str(source_key(automation))],
            BY_REACH: lambda automation: [REACHES] if automation.spec.policy_namespaces else [],
        },
        host_of=lambda automation: git_host(repo) if (repo := repositories.get(source_key(automation))) else "",
    )
    policies = process.informer(IMAGE_POLICIES, into=ImagePolicy)
    repositories = process.informer(GIT_REPOSITORIES, into=GitRepository)

    def automations_beside(policy: ImagePolicy) -> list[Key]:
        return _concerned(automations, automations.objects.list(policy.metadata.namespace), policy)

    def policy_delay(automation: Key) -> timedelta:
        found = automations.objects.get(automation)
        return policy_change_delay(found) if found else timedelta()

    def automations_on(repository: GitRepository) -> list[Key]:
        source = str(key_of(repository))
        return [key_of(automation) for automation in automations.objects.by_index(BY_SOURCE, source)]

    cross_namespace = not (process.watched_namespace or options[flags.NO_CROSS_NAMESPACE_REFS])
    automations.watch(policies, when=policy_changed, wake=automations_beside, delay=policy_delay)
    namespaces = _watch_namespaces(process, automations, policies, policy_delay) if cross_namespace else None
    automations.watch(repositories, when=source_changed, wake=automations_on)
    git = _build_engine(process)
    sources = SourceReader(
        process.client,
        repositories.find,
        git=git,
        clouds=build_cloud_access(process, providers(process.clock.now)),
        now=process.clock.now,
        cross_namespace=cross_namespace,
        gates=Gates(
            force_push=options.is_feature_enabled("GitForcePushBranch"),
            continue_branch=options.is_feature_enabled("GitAllBranchReferences"),
        ),
    )
    forges = Forges(destinations=process.destinations, clock=process.clock)
    process.add_cleanup(partial(asyncio.to_thread, forges.close))
    reconciler = ImageUpdateAutomationReconciler(
        wrap(git),
        sources,
        policies=policies,
        forges=lambda access, remote, check: wrap_forge(
            forges.connect(access.location, access.login, remote, check=check)
        ),
        metrics=PullRequestMetrics(process.metrics.registry),
        pushes=PushMetrics(process.metrics.registry),
        now=process.clock.now,
        namespaces=namespaces,
    )
    show_objects(process, automations, samples={HELD: held_updates, FINDINGS: findings})
    automations.reconcile_with(
        reconciler,
        forget=reconciler.forget,
        handle_requests_while_suspended=False,
        repeat_outdated=True,
        slow_threshold=SLOW_THRESHOLD,
    )


def _watch_namespaces(
    process: Process,
    automations: Kind[ImageUpdateAutomation],
    policies: Informer[ImagePolicy],
    delay: Callable[[Key], timedelta],
) -> Informer[Namespace]:
    """Wake automations when a policy of a namespace that they ask for changes, or who may use which one does."""
    namespaces = process.informer(NAMESPACES, into=Namespace)
    reach = reach_of(namespaces)

    def automations_elsewhere(policy: ImagePolicy) -> list[Key]:
        home = policy.metadata.namespace
        reaching = automations.objects.by_index(BY_REACH, REACHES)
        reaching = [one for one in reaching if one.metadata.namespace != home and reach.selects(one, home)]
        return _concerned(automations, reaching, policy)

    def automations_that_reach(_: Namespace) -> list[Key]:
        return [key_of(one) for one in automations.objects.by_index(BY_REACH, REACHES)]

    automations.watch(policies, when=reach_changed, wake=automations_elsewhere, delay=delay)
    automations.watch(namespaces, when=labels_changed, wake=automations_that_reach)
    return namespaces


def _concerned(
    kind: Kind[ImageUpdateAutomation], automations: Iterable[ImageUpdateAutomation], policy: ImagePolicy
) -> list[Key]:
    """Return the keys of those automations that a change of a policy is worth a run of."""
    keys = ((key_of(one), one) for one in automations)
    return [key for key, one in keys if is_concerned(one, policy, is_running=kind.queue.is_running(key))]


def _build_engine(process: Process) -> GitEngine:
    """Return the engine, with a folder that is removed with the process."""
    folder = WorkDir(Path(tempfile.gettempdir()))
    ssh = SshAlgorithms(process.options[SSH_HOST_KEYS], process.options[SSH_KEY_EXCHANGES])
    git = GitEngine(folder.path, ssh=ssh, destinations=process.destinations)

    async def close() -> None:
        await git.aclose()
        folder.remove()

    process.add_cleanup(close)
    return git


PROGRAM = Program("imageupdateautomation", build, (SSH_HOST_KEYS, SSH_KEY_EXCHANGES), FEATURE_GATES)

if __name__ == "__main__":
    sys.exit(main([PROGRAM], sys.argv[1:]))
