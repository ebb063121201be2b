"""Which tag a policy of a cluster chooses now, why the others lost, and why a given one is not chosen.

Reads the policy, its ImageRepository and the stored tags with the rights of the kubeconfig, and asks the same question
as the controller, `controllers.selection`. It writes nothing. A registry is asked only where the policy looks at images
(platforms, build dates), with the pull secrets that the ImageRepository names.
"""

import argparse
import asyncio
from collections.abc import Iterator, Set
from dataclasses import replace

from api.imagepolicy import ImagePolicy
from api.imagerepository import ImageRepository
from api.names import IMAGE_POLICIES, IMAGE_REPOSITORIES, READY
from api.version import VERSION
from cli.cluster import connect, parse_key
from cli.output import write, write_error
from cli.printing import format_candidates, format_choice, format_tally
from controllers.clock import SYSTEM_CLOCK
from controllers.image.reference import BadReference, parse_image
from controllers.imageaccess.reader import AccessReader
from controllers.policy.errors import InvalidPolicy, NoTags, SelectionFailed
from controllers.policy.reasons import Tally
from controllers.policy.rules import Selection
from controllers.registry.client import RegistryClient
from controllers.registry.inspection import Inspector
from controllers.runtime.key import Key
from controllers.runtime.kube.client import KubeClient
from controllers.runtime.kube.errors import ApiError, NotConfigured
from controllers.selection.errors import ImageNotRead
from controllers.selection.image_reader import ImageReader
from controllers.selection.rules import repository_key
from controllers.selection.selector import select_tag
from controllers.selection.tag_index_cache import build_index
from controllers.selection.threads import NamespaceThreads
from controllers.taglist.codec import TagList
from controllers.taglist.reader import fetch_list

USER_AGENT = f"tagline-explain/{VERSION}"


def explain_policy(options: argparse.Namespace, name: str) -> int:
    """Print the choice and its reasons; 0 when a tag is chosen, 2 when the policy is invalid, else 1."""
    try:
        return asyncio.run(_explain(parse_key(name), options.kubeconfig, options.tag))
    except (ApiError, NotConfigured, ImageNotRead, BadReference) as error:
        write_error(error)
        return 1


async def _explain(key: Key, kubeconfig: str, tag: str) -> int:
    async with connect(kubeconfig, user_agent=USER_AGENT) as client:
        policy = await client.get(IMAGE_POLICIES, key.namespace, key.name, into=ImagePolicy)
        source = repository_key(policy)
        repository = await client.get(IMAGE_REPOSITORIES, source.namespace, source.name, into=ImageRepository)
        stored = await fetch_list(client, source)
        if stored is None:
            write_error(f"ImageRepository {source} has no stored tags: it was not scanned yet")
            return 1
        return await _print_choice(client, policy, repository, stored, tag)


async def _print_choice(
    client: KubeClient, policy: ImagePolicy, repository: ImageRepository, stored: TagList, tag: str
) -> int:
    write(f"ImageRepository {repository_key(policy)}: {len(stored.tags)} tags of {repository.spec.image}\n")
    for condition in policy.status.conditions:
        if condition.type == READY:
            write(f"ImagePolicy {policy.metadata.namespace}/{policy.metadata.name}: Ready={condition.status}, ")
            write(f"{condition.message}\n")
    try:
        selection = await _select(client, policy, repository, stored)
    except InvalidPolicy as error:
        write_error(error)
        return 2
    except (NoTags, SelectionFailed) as error:
        write("\nchooses nothing now: " + f"{error}\n")
        if isinstance(error, SelectionFailed):
            write("".join(_format_tally_lines(error.tally)))
        return 1
    choice = selection.choice
    if tag:
        rivals = _only(stored, {tag, choice.tag})
        between = await _select(client, policy, repository, rivals) if rivals else None
        why = _explain_tag(repository, tag, choice.tag, between)
        write(f"\nchooses now: {format_choice(choice)}\n{why}\n")
        return 0
    write(f"\nchooses now: {format_choice(choice)}\n")
    if selection.refused_downgrade:
        write(f"which it keeps: {selection.refused_downgrade} would be a downgrade\n")
    if selection.next_eligible_at:
        write(f"next candidate: at {selection.next_eligible_at.isoformat()}\n")
    write("".join(_format_tally_lines(choice.tally)))
    return 0


def _only(stored: TagList, tags: Set[str]) -> TagList | None:
    """Return a list of these tags alone; None when one of them is not stored."""
    found = tuple(tag for tag in stored.tags if tag in tags)
    return replace(stored, tags=found) if len(found) == len(tags) else None


def _explain_tag(repository: ImageRepository, tag: str, chosen: str, selection: Selection | None) -> str:
    """Return why one tag is not chosen, or from when it may be. selection: between it and the chosen tag alone."""
    if tag == chosen:
        return f"{tag} is the chosen tag"
    if selection is None:
        scan = repository.status.last_scan_result
        when = f" of {scan.scan_time:%Y-%m-%dT%H:%M:%SZ}" if scan else ""
        return f"{tag} was not in the scan{when}: it is on the exclusion list, or was pushed after it, or was deleted"
    reason = next((refusal.reason.sentence for refusal in selection.choice.tally.refused if refusal.tag == tag), "")
    if selection.next_eligible_at:
        reason += f"; it may be chosen from {selection.next_eligible_at.isoformat()}"
    return f"{tag} {reason}"


def _format_tally_lines(tally: Tally) -> Iterator[str]:
    yield from format_candidates(tally.refused)
    yield from format_tally(tally)


async def _select(client: KubeClient, policy: ImagePolicy, repository: ImageRepository, stored: TagList) -> Selection:
    registry = RegistryClient(clock=SYSTEM_CLOCK, user_agent=USER_AGENT)
    try:
        return await select_tag(
            policy,
            repository,
            build_index(stored),
            image=parse_image(repository.spec.image),
            reader=ImageReader(registry, Inspector(registry), AccessReader(client)),
            threads=NamespaceThreads(),
            now=SYSTEM_CLOCK.now(),
        )
    finally:
        await registry.aclose()
