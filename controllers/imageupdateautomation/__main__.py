"""`python -m controllers.imageupdateautomation`: the process that commits to Git."""

import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from api.gitrepository import GIT_REPOSITORIES, GitRepository
from api.imagepolicy import IMAGE_POLICIES, ImagePolicy
from api.imageupdateautomation import IMAGE_UPDATE_AUTOMATIONS, ImageUpdateAutomation
from controllers.cloudaccess.wiring import build_cloud_access
from controllers.git.engine import GitEngine
from controllers.git.login.clouds import providers
from controllers.git.objects.workdir import WorkDir
from controllers.git.remote import SshAlgorithms
from controllers.gitaccess.branches import Gates
from controllers.gitaccess.source import SourceReader, source_key
from controllers.imageupdateautomation.predicates import policy_changed, source_changed
from controllers.imageupdateautomation.reconciler import ImageUpdateAutomationReconciler
from controllers.runtime.cache.informer import Informer
from controllers.runtime.key import key_of
from controllers.runtime.process import flags
from controllers.runtime.process.flags import Flag
from controllers.runtime.process.main import main
from controllers.runtime.process.manager import Manager
from controllers.runtime.queue.workqueue import WorkQueue

NAME = "imageupdateautomation"
COMPONENT = "image-automation-controller"
BY_SOURCE = "source"
SLOW_THRESHOLD = timedelta(seconds=5)
"""After how long a run keeps others no longer from theirs; what Git hosts and memory bear is bounded by the engine."""
SSH_HOST_KEYS: Flag[tuple[str, ...]] = Flag(
    "ssh-hostkey-algos", (), flags.parse_strings, "host key algorithms to offer; none: those of known_hosts"
)
SSH_KEY_EXCHANGES: Flag[tuple[str, ...]] = Flag(
    "ssh-kex-algos", (), flags.parse_strings, "key exchange algorithms to offer; none: the library's"
)
GATES = {
    "GitForcePushBranch": True,
    "GitAllBranchReferences": True,
    # Without effect: a fetch is always shallow, and never more than what is missing.
    "GitShallowClone": True,
    "GitSparseCheckout": False,
}


def build(manager: Manager) -> None:
    """Wire the process."""
    automations = manager.informer(
        IMAGE_UPDATE_AUTOMATIONS,
        into=ImageUpdateAutomation,
        own=True,
        indexers={BY_SOURCE: lambda automation: [str(source_key(automation))]},
    )
    policies = manager.informer(IMAGE_POLICIES, into=ImagePolicy)
    repositories = manager.informer(GIT_REPOSITORIES, into=GitRepository)
    queue = manager.queue(NAME)
    manager.enqueue_primary(automations, queue)
    _watch_policies(policies, automations, queue)
    _watch_sources(repositories, automations, queue)
    git = _engine(manager)
    sources = SourceReader(
        manager.client,
        repositories.get,
        git=git,
        clouds=build_cloud_access(manager, providers(manager.clock.now)),
        now=manager.clock.now,
        cross_namespace=not manager.options[flags.NO_CROSS_NAMESPACE_REFS],
        gates=Gates(
            force_push=manager.options.gate("GitForcePushBranch"),
            continue_branch=manager.options.gate("GitAllBranchReferences"),
        ),
    )
    reconciler = ImageUpdateAutomationReconciler(git, sources, policies=policies.list, policy=policies.get)
    lifecycle = manager.lifecycle(
        IMAGE_UPDATE_AUTOMATIONS,
        automations,
        reconciler,
        forget=reconciler.forget,
        handle_requests_while_suspended=False,
    )
    manager.controller(NAME, lifecycle, queue, resource=IMAGE_UPDATE_AUTOMATIONS, slow_threshold=SLOW_THRESHOLD)


def _engine(manager: Manager) -> GitEngine:
    """Build the engine, with a folder that goes with the process."""
    folder = WorkDir(Path(tempfile.gettempdir()))
    git = GitEngine(folder.path, ssh=SshAlgorithms(manager.options[SSH_HOST_KEYS], manager.options[SSH_KEY_EXCHANGES]))

    async def close() -> None:
        await git.aclose()
        folder.remove()

    manager.add_cleanup(close)
    return git


def _watch_policies(
    policies: Informer[ImagePolicy], automations: Informer[ImageUpdateAutomation], queue: WorkQueue
) -> None:
    def changed(old: ImagePolicy | None, new: ImagePolicy | None) -> None:
        policy = new or old
        if policy is not None and policy_changed(old, new):
            for automation in automations.list(policy.metadata.namespace):
                queue.add(key_of(automation))

    policies.add_handler(changed)


def _watch_sources(
    repositories: Informer[GitRepository], automations: Informer[ImageUpdateAutomation], queue: WorkQueue
) -> None:
    def changed(old: GitRepository | None, new: GitRepository | None) -> None:
        repository = new or old
        if repository is not None and source_changed(old, new):
            for automation in automations.by_index(BY_SOURCE, str(key_of(repository))):
                queue.add(key_of(automation))

    repositories.add_handler(changed)


if __name__ == "__main__":
    sys.exit(
        main(
            NAME,
            build,
            sys.argv[1:],
            component=COMPONENT,
            kind_flags=(SSH_HOST_KEYS, SSH_KEY_EXCHANGES),
            gates=GATES,
        )
    )
