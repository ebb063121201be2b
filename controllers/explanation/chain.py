"""From a marker to the commit that will change its value: every link, and the first that does not hold. Pure.

marker → ImagePolicy → ImageRepository → ImageUpdateAutomation → commit
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from api.gitrepository import GitRepository
from api.imagepolicy import ImagePolicy
from api.imagerepository import ImageRepository
from api.imageupdateautomation import ImageUpdateAutomation
from api.meta import Condition
from api.names import READY
from api.selectors import BadSelector, matches
from controllers import setters
from controllers.gitaccess.branches import BadPushBranch, NoPushBranch, plan_branches, source_key
from controllers.image.ref import to_image_ref
from controllers.image.setter import PARTS, Setter, parse_setter
from controllers.net.url import redact_text, show_remote
from controllers.runtime.key import Key, key_of
from controllers.runtime.reconcile.conditions import find_condition, is_failing
from controllers.selection.rules import repository_key
from controllers.update.findings import PAUSE_MESSAGES
from controllers.update.policies import find_pause
from controllers.update.reach import Reach, explain_refusal


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One link of the chain."""

    text: str
    """What is there."""
    fault: str = ""
    """What is wrong, and what to do; the chain ends here then."""


@dataclass(frozen=True, slots=True)
class Known:
    """The objects to look among."""

    repositories: Mapping[Key, ImageRepository]
    policies: Mapping[Key, ImagePolicy]
    automations: Sequence[ImageUpdateAutomation]
    sources: Mapping[Key, GitRepository]
    reach: Reach = field(default_factory=Reach)
    """Who may use policies of other namespaces."""


def trace_marker(
    file: str,
    marker: setters.Marker | setters.LineMarker,
    known: Known,
    *,
    target_of: ImageUpdateAutomation | None = None,
) -> Iterator[ChainLink]:
    """Yield the links of a marker, to the end or to the first fault. file: from the root of the repository.

    target_of: the automation that names the value as a target, so that it has no marker
    """
    setter = parse_setter(marker.setter)
    what = f"has the marker {marker.setter}"
    if target_of is not None and isinstance(marker, setters.Marker):
        what = f"is target {marker.path} of ImageUpdateAutomation {key_of(target_of)}, for {marker.setter}"
        known = replace(known, automations=[target_of])
    yield ChainLink(f"{file}:{marker.line}: the value {marker.value} {what}", _marker_fault(setter))
    if _marker_fault(setter):
        return
    key = Key(setter.namespace, setter.policy)
    policy = known.policies.get(key)
    if policy is None:
        yield ChainLink(f"ImagePolicy {key}", _missing("ImagePolicy", key, known.policies))
        return
    yield from trace_policy(policy, known)
    if _policy_fault(policy, known):
        return
    named = "" if target_of else file
    yield from _trace_automations(policy, known, file=named)
    if not any(_automation_fault(one, policy, known, file=named) == "" for one in known.automations):
        return
    yield _value_link(setter, marker.value, policy)


def trace_policy(policy: ImagePolicy, known: Known) -> Iterator[ChainLink]:
    """Yield the links of a policy and its repository, to the first fault."""
    key = repository_key(policy)
    repository = known.repositories.get(key)
    fault = _policy_fault(policy, known)
    chosen = policy.status.latest_image or "nothing chosen"
    yield ChainLink(f"ImagePolicy {key_of(policy)}: {chosen}{_said(policy.status.conditions)}")
    if repository is None:
        yield ChainLink(f"ImageRepository {key}", _missing("ImageRepository", key, known.repositories))
        return
    yield ChainLink(
        f"ImageRepository {key}: {redact_text(repository.spec.image)}{_said(repository.status.conditions)}",
        _repository_fault(repository) or fault,
    )


def _marker_fault(setter: Setter) -> str:
    if not setter.policy:
        return "the marker names no policy: write namespace:policy, or namespace:policy:tag"
    if setter.part not in PARTS:
        return f"'{setter.part}' is no part of an image: it is name, tag or digest, or nothing for the whole image"
    return ""


def _policy_fault(policy: ImagePolicy, known: Known) -> str:
    repository = known.repositories.get(repository_key(policy))
    if repository is None:
        return "its ImageRepository does not exist"
    if fault := _repository_fault(repository):
        return fault
    if pause := find_pause(policy):
        return f"ImagePolicy {key_of(policy)} {PAUSE_MESSAGES[pause]}"
    return "" if policy.status.latest_ref else f"ImagePolicy {key_of(policy)} has not chosen an image yet"


def _repository_fault(repository: ImageRepository) -> str:
    if repository.spec.suspend:
        return "it is suspended: no new tags are seen until it is resumed"
    if is_failing(repository.status.conditions):
        condition = find_condition(repository.status.conditions, READY)
        return f"it is not ready: {condition.message if condition else ''}"
    return ""


def _trace_automations(policy: ImagePolicy, known: Known, *, file: str) -> Iterator[ChainLink]:
    namespace = policy.metadata.namespace
    candidates = [one for one in known.automations if _is_concerned(one, policy, known)]
    if not candidates:
        fault = (
            f"there is no ImageUpdateAutomation in namespace {namespace}: only those there use its policies, unless "
            "spec.accessFrom of the policy and spec.policyNamespaces of an automation agree on another one"
        )
        yield ChainLink("ImageUpdateAutomation", fault)
        return
    faults = {str(key_of(one)): _automation_fault(one, policy, known, file=file) for one in candidates}
    works = [one for one in candidates if not faults[str(key_of(one))]]
    for one in works or candidates:
        text = f"ImageUpdateAutomation {key_of(one)}{_target(one, known)}{_said(one.status.conditions)}"
        yield ChainLink(text, faults[str(key_of(one))])


def _is_concerned(automation: ImageUpdateAutomation, policy: ImagePolicy, known: Known) -> bool:
    """Return whether one of the two wants the policy to be used by the automation."""
    reach = known.reach
    return reach.find_refusal(automation, policy) is None or reach.find_broken_agreement(automation, policy) is not None


def _automation_fault(automation: ImageUpdateAutomation, policy: ImagePolicy, known: Known, *, file: str) -> str:
    """Return why an automation does not write a policy's image into a file, "" where it does.

    file: empty for one that it names by a target
    """
    if refusal := known.reach.find_refusal(automation, policy):
        return f"it does not use ImagePolicy {key_of(policy)}, {explain_refusal(refusal, automation, policy)}"
    if automation.spec.suspend:
        return "it is suspended: nothing is committed until it is resumed"
    selector = automation.spec.policy_selector
    try:
        path = setters.resolve_update_path(automation.spec.update.path)
        if selector is not None and not matches(selector, policy.metadata.labels):
            return "its policySelector does not match the labels of the policy"
    except (BadSelector, setters.UpdatePathOutside) as error:
        return str(error)
    if not file:
        return _push_fault(automation, known)
    relative = setters.relative_to(file, path)
    if relative is None:
        return f"the file is not below its spec.update.path, {automation.spec.update.path}"
    if not setters.is_candidate(file) and not setters.matches_any(relative, automation.spec.update.files):
        return "the file is no YAML file: name it in spec.update.files"
    return _push_fault(automation, known)


def _push_fault(automation: ImageUpdateAutomation, known: Known) -> str:
    source = known.sources.get(source_key(automation))
    if source is None:
        return f"its GitRepository {source_key(automation)} does not exist"
    if automation.spec.git is None:
        return "it has no spec.git, which says as whom to commit and where to push"
    try:
        plan_branches(automation.spec.git, source)
    except (BadPushBranch, NoPushBranch) as error:
        return str(error)
    return ""


def _target(automation: ImageUpdateAutomation, known: Known) -> str:
    source = known.sources.get(source_key(automation))
    if source is None or automation.spec.git is None:
        return ""
    try:
        plan = plan_branches(automation.spec.git, source)
    except (BadPushBranch, NoPushBranch):
        return ""
    verb = "makes pull requests to" if automation.spec.git.pull_request else "pushes to"
    return f": {verb} branch {plan.push_branch} of {show_remote(source.spec.url)}"


def _value_link(setter: Setter, value: str, policy: ImagePolicy) -> ChainLink:
    assert policy.status.latest_ref is not None
    wanted = setter.value(to_image_ref(policy.status.latest_ref))
    if wanted == value:
        return ChainLink("the value is what the policy has chosen: there is nothing to write")
    if not wanted:
        return ChainLink("the value", "the policy reflects no digest: set spec.digestReflectionPolicy")
    return ChainLink(f"the next run of the automation writes {wanted}")


def _missing(kind: str, key: Key, known: Mapping[Key, object]) -> str:
    near = difflib.get_close_matches(str(key), map(str, known), n=1)
    return f"it does not exist: create it or correct the name{f' (there is {near[0]})' if near else ''}"


def _said(conditions: Sequence[Condition]) -> str:
    ready = find_condition(conditions, READY)
    return f" (Ready={ready.status}: {ready.message})" if ready else ""
