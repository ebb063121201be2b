"""Markers that no automation follows, or that would write what is not meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from api.imagepolicy import ImagePolicy
from api.imagerepository import ImageRepository
from api.imageupdateautomation import ImageUpdateAutomation
from api.meta import AccessFrom
from api.selectors import BadSelector, matches
from controllers import setters
from controllers.adoption.instructions import full_name
from controllers.documents.manifests import ObjectInFile
from controllers.image.setter import PARTS, Setter, parse_setter
from controllers.lint.files import LintedFile, find_comment
from controllers.lint.fixes import find_fix
from controllers.lint.objects import find_repository
from controllers.lint.rules import LintFinding
from controllers.setters.globs import matches_any
from controllers.update.reach import NAME_LABEL

RULES_OF_REASONS = {
    setters.FindingReason.UNPARSABLE: "not-yaml",
    setters.FindingReason.MALFORMED: "malformed-marker",
    setters.FindingReason.MISPLACED: "misplaced-marker",
}
_NAMES = re.compile(r"[a-z0-9][a-z0-9.-]*:[a-z0-9][a-z0-9.-]*(?::.*)?", re.DOTALL)
_NOT_NAMES = "the marker says '{setter}': write namespace:name, and perhaps :name, :tag or :digest behind it"
ENCRYPTED = (
    "the file is encrypted by SOPS: an edited value breaks its checksum. Keep the image in a file that is not encrypted"
)


@dataclass(frozen=True, slots=True)
class Automations:
    """What the objects of a repository say about markers."""

    policies: Sequence[ImagePolicy]
    repositories: Sequence[ImageRepository]
    automations: Sequence[ImageUpdateAutomation]

    def find_policy(self, setter: Setter) -> ImagePolicy | None:
        """Return the policy that a marker names; one without a namespace may be of any."""
        for policy in self.policies:
            if policy.metadata.name == setter.policy and policy.metadata.namespace in {"", setter.namespace}:
                return policy
        return None


def collect(manifests: Sequence[ObjectInFile]) -> Automations:
    """Return the readable objects of a repository."""
    objects = [one.object for one in manifests]
    return Automations(
        [one for one in objects if isinstance(one, ImagePolicy)],
        [one for one in objects if isinstance(one, ImageRepository)],
        [one for one in objects if isinstance(one, ImageUpdateAutomation)],
    )


def check_marked_file(file: LintedFile, known: Automations) -> Iterator[LintFinding]:
    """Yield what is wrong with the markers of a file."""
    for finding in file.findings:
        rule = RULES_OF_REASONS.get(finding.reason)
        if rule is not None:
            column = find_comment(file.data, finding.line)[0] if rule != "not-yaml" else 0
            fix = find_fix(file, finding.line) if rule == "malformed-marker" else None
            yield LintFinding(rule, file.path, finding.line, column, finding.message, fix)
    if file.is_encrypted:
        first = file.markers[0]
        yield LintFinding("encrypted-file", file.path, first.line, first.column, ENCRYPTED)
    if not file.is_yaml:
        yield from _check_lines(file, known)
        return
    for marker in file.markers:
        if not _NAMES.fullmatch(marker.setter):
            message = _NOT_NAMES.format(setter=marker.setter[:256])
            column, fix = find_comment(file.data, marker.line)[0], find_fix(file, marker.line)
            yield LintFinding("malformed-marker", file.path, marker.line, column or marker.column, message, fix)
            continue
        for rule, message in check_setter(file.path, parse_setter(marker.setter), marker.value, known):
            yield LintFinding(rule, file.path, marker.line, marker.column, message)


def _check_lines(file: LintedFile, known: Automations) -> Iterator[LintFinding]:
    for finding in file.findings:
        if finding.reason is not setters.FindingReason.UNKNOWN_POLICY:
            continue
        setter = parse_setter(finding.setter)
        column = find_comment(file.data, finding.line)[0]
        for rule, message in check_setter(file.path, setter, None, known, is_yaml=False):
            yield LintFinding(rule, file.path, finding.line, column, message)


def check_setter(
    path: str,
    setter: Setter,
    value: str | None,
    known: Automations,
    *,
    is_yaml: bool = True,
    is_target: bool = False,
) -> Iterator[tuple[str, str]]:
    """Yield rule and message for what is wrong with one marker: the first broken link, and the image that it names.

    is_target: it is no marker but a target, which says the same
    """
    if setter.part not in PARTS:
        yield "unknown-suffix", f"the marker's suffix :{setter.part} is none of :name, :tag and :digest"
    policy = known.find_policy(setter)
    if policy is None:
        if known.policies:
            yield "unknown-policy", _unknown_policy(setter, known, "target" if is_target else "marker")
        return
    yield from _check_automations(path, setter, policy, known, is_yaml=is_yaml)
    repository = find_repository(policy, known.repositories)
    found = setter.image(value) if value is not None and setter.part is None else None
    if repository and found and found.name and full_name(found.name) != full_name(repository.spec.image):
        yield (
            "other-image",
            (
                f"the value is of {found.name}, but the policy is for {repository.spec.image}: the next update "
                "writes that image here; correct the marker"
            ),
        )


def _unknown_policy(setter: Setter, known: Automations, what: str) -> str:
    names = [f"{one.metadata.namespace or setter.namespace}:{one.metadata.name}" for one in known.policies]
    close = get_close_matches(setter.policy_key, names, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]}?" if close else f"create it or correct the {what}"
    return f"the {what} names ImagePolicy '{setter.policy_key}', which is not in the files: {hint}"


def _check_automations(
    path: str, setter: Setter, policy: ImagePolicy, known: Automations, *, is_yaml: bool
) -> Iterator[tuple[str, str]]:
    """Yield why no automation follows a marker; nothing where none is in the files, since it may be elsewhere."""
    if not known.automations:
        return
    here = [one for one in known.automations if _may_use(one, policy, setter.namespace)]
    if not here:
        yield "foreign-policy", _foreign_policy(setter, policy, known)
        return
    selecting = [one for one in here if _selects(one, policy)]
    if not selecting:
        yield (
            "unselected-policy",
            (
                f"no policySelector of an automation in namespace {setter.namespace} selects the policy: give it the "
                "labels, or extend a selector"
            ),
        )
        return
    covering = [one for one in selecting if (relative := _relative(path, one)) is not None]
    if not covering:
        paths = ", ".join(sorted(one.spec.update.path or "./" for one in selecting))
        yield "outside-path", f"the file is outside of what its automations look into ({paths}): extend update.path"
    elif not is_yaml and not any(
        matches_any(relative, one.spec.update.files)
        for one in covering
        if (relative := _relative(path, one)) is not None
    ):
        yield "unread-file", "the file is not YAML, and no automation names it in spec.update.files: add a glob for it"


def _may_use(automation: ImageUpdateAutomation, policy: ImagePolicy, namespace: str) -> bool:
    """Return whether an automation uses a policy of a namespace, as far as files tell: labels may be elsewhere."""
    home = automation.metadata.namespace
    if home in {"", namespace}:
        return True
    return _may_choose(automation.spec.policy_namespaces, namespace) and _may_choose(policy.spec.access_from, home)


def _may_choose(access: AccessFrom | None, namespace: str) -> bool:
    """Return whether a namespace may be chosen: its name is known, its other labels are not."""
    selectors = access.namespace_selectors if access else ()
    return any(one.match_labels.get(NAME_LABEL, namespace) == namespace for one in selectors)


def _foreign_policy(setter: Setter, policy: ImagePolicy, known: Automations) -> str:
    """Return why no automation uses a policy, and which side would have to agree."""
    text = f"the policy is of namespace {setter.namespace}, but an automation uses only policies of its own"
    namespaces = ", ".join(sorted({one.metadata.namespace for one in known.automations}))
    for one in known.automations:
        home = one.metadata.namespace
        if _may_choose(one.spec.policy_namespaces, setter.namespace):
            return f"{text} and those that allow it: add namespace {home} to spec.accessFrom of the policy"
        if _may_choose(policy.spec.access_from, home):
            text += " and of its spec.policyNamespaces"
            return f"{text}: add namespace {setter.namespace} to those of an automation in namespace {home}"
    return f"{text}, and there are automations in {namespaces} alone"


def _selects(automation: ImageUpdateAutomation, policy: ImagePolicy) -> bool:
    selector = automation.spec.policy_selector
    try:
        return selector is None or matches(selector, policy.metadata.labels)
    except BadSelector:  # a finding of its own
        return True


def _relative(path: str, automation: ImageUpdateAutomation) -> str | None:
    try:
        return setters.relative_to(path, setters.resolve_update_path(automation.spec.update.path))
    except setters.UpdatePathOutside:  # a finding of its own
        return path
