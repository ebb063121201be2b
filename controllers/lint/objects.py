"""Objects that cannot work, each asked by the code that would run it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from api.imagepolicy import ImagePolicy
from api.imagerepository import ImageRepository
from api.imageupdateautomation import ImageUpdateAutomation
from api.meta import LabelSelector
from api.selectors import BadSelector, matches
from controllers import setters
from controllers.documents.manifests import ObjectInFile
from controllers.golang.duration import BadDuration, parse_duration
from controllers.image.reference import BadReference, parse_image
from controllers.lint.files import locate
from controllers.lint.rules import LintFinding
from controllers.policy import TagIndex, select
from controllers.policy.errors import InvalidPolicy, PolicyError
from controllers.policy.rules import check
from controllers.selection.rules import to_rules
from controllers.taglist.scan import BadExclusionPattern, build_tag_set

SHORT: Final = timedelta(minutes=1)
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
SUBSTITUTED: Final = "${"
"""In a text that Flux fills in when it applies the object: nothing is known about it here."""

INTERVALS: Final[Mapping[str, tuple[str, ...]]] = {
    "ImageRepository": ("interval", "timeout"),
    "ImagePolicy": ("interval",),
    "ImageUpdateAutomation": ("interval",),
}

_AT: Final = re.compile(r"at `\$\.?(?P<path>[^`]*)`")
"""Where in an object the decoder found a fault."""

Tags = Callable[[ImagePolicy], Collection[str]]
"""Returns the tags that are known of a policy's image, none where nothing is known."""


def check_object(manifest: ObjectInFile, tags: Tags) -> Iterator[LintFinding]:
    """Yield what is wrong with one object by itself."""
    if manifest.object is None:
        found = _AT.search(manifest.fault)
        path = re.sub(r"\[(\d+)\]", r".\1", found["path"]) if found else ""
        yield _finding("invalid-object", manifest, path, f"{manifest.kind}: {manifest.fault}")
        return
    yield from _check_intervals(manifest)
    match manifest.object:
        case ImageRepository():
            yield from _check_repository(manifest, manifest.object)
        case ImagePolicy():
            yield from _check_policy(manifest, manifest.object, tags)
        case ImageUpdateAutomation():
            yield from _check_automation(manifest, manifest.object)


def check_together(manifests: Sequence[ObjectInFile]) -> Iterator[LintFinding]:
    """Yield objects that are there twice, and references to what is not there."""
    seen: dict[tuple[str, str, str], ObjectInFile] = {}
    repositories = [one.object for one in manifests if isinstance(one.object, ImageRepository)]
    for manifest in manifests:
        if manifest.object is None:
            continue
        metadata = manifest.object.metadata
        first = seen.setdefault((manifest.kind, metadata.namespace, metadata.name), manifest)
        if first is not manifest:
            where = f"{first.file}:{first.node.line}"
            what = f"{manifest.kind} {metadata.namespace or '(no namespace)'}/{metadata.name} is also in {where}"
            yield _finding("duplicate-object", manifest, "metadata.name", f"{what}: whichever is applied last wins")
        if isinstance(manifest.object, ImagePolicy) and repositories:
            yield from _check_reference(manifest, manifest.object, repositories)


def find_repository(policy: ImagePolicy, repositories: Sequence[ImageRepository]) -> ImageRepository | None:
    """Return the repository of a policy; a namespace that is missing may be any."""
    ref = policy.spec.image_repository_ref
    namespace = ref.namespace or policy.metadata.namespace
    for repository in repositories:
        if repository.metadata.name == ref.name and (not namespace or repository.metadata.namespace in {"", namespace}):
            return repository
    return None


def _finding(rule: str, manifest: ObjectInFile, path: str, message: str) -> LintFinding:
    return LintFinding(rule, manifest.file, *locate(manifest.node, path), message)


def _check_intervals(manifest: ObjectInFile) -> Iterator[LintFinding]:
    spec = getattr(manifest.object, "spec", None)
    for name in INTERVALS.get(manifest.kind, ()):
        text = getattr(spec, name)
        if not text or SUBSTITUTED in text:
            continue
        try:
            duration = parse_duration(text)
        except BadDuration as error:
            yield _finding(
                "invalid-interval", manifest, f"spec.{name}", f"spec.{name}: {error}; write it as 10m or 1h30m"
            )
            continue
        if name == "interval" and duration < SHORT:
            message = (
                f"spec.interval {text} is under a minute: registries and Git servers limit how often they are asked"
            )
            yield _finding("short-interval", manifest, "spec.interval", message)


def _check_repository(manifest: ObjectInFile, repository: ImageRepository) -> Iterator[LintFinding]:
    if SUBSTITUTED not in repository.spec.image:
        try:
            parse_image(repository.spec.image)
        except BadReference as error:
            yield _finding("invalid-image", manifest, "spec.image", str(error))
    try:
        build_tag_set((), repository.spec.exclusion_list)
    except BadExclusionPattern as error:
        yield _finding("invalid-exclusion", manifest, "spec.exclusionList", str(error))


def _check_policy(manifest: ObjectInFile, policy: ImagePolicy, tags: Tags) -> Iterator[LintFinding]:
    spec = policy.spec
    texts = [spec.policy.semver.range if spec.policy.semver else ""]
    texts += [spec.filter_tags.pattern, spec.filter_tags.extract] if spec.filter_tags else []
    if any(SUBSTITUTED in text for text in texts[:2]):
        return
    path = "spec.policy.semver.range" if spec.policy.semver else "spec.policy"
    try:
        rules = to_rules(spec)
        check(rules)
    except (InvalidPolicy, BadDuration) as error:
        is_filter = "regular expression" in str(error) and spec.filter_tags is not None
        yield _finding("invalid-policy", manifest, "spec.filterTags.pattern" if is_filter else path, str(error))
        return
    known = tags(policy)
    if not known or (rules.policy is not None and rules.policy.ranks_times and rules.tag_filter is None):
        return
    try:
        select(TagIndex(tuple(known)), rules, now=NOW)
    except PolicyError as error:
        examples = ", ".join(list(known)[:3])
        message = f"the policy accepts none of the {len(known)} known tags ({examples}): {error}"
        yield _finding("no-matching-tag", manifest, "spec.filterTags.pattern" if spec.filter_tags else path, message)


def _check_automation(manifest: ObjectInFile, automation: ImageUpdateAutomation) -> Iterator[LintFinding]:
    try:
        setters.require_strategy(automation.spec.update.strategy)
        setters.resolve_update_path(automation.spec.update.path)
        matches(automation.spec.policy_selector or LabelSelector(), {})
    except (BadSelector, setters.UnsupportedStrategy, setters.UpdatePathOutside) as error:
        is_selector = isinstance(error, BadSelector)
        yield _finding(
            "invalid-automation", manifest, "spec.policySelector" if is_selector else "spec.update", str(error)
        )
    commit = automation.spec.git.commit if automation.spec.git else None
    if commit and commit.message_template and SUBSTITUTED not in commit.message_template:
        yield from _check_template(manifest, commit.message_template, commit.message_template_values)


def _check_template(manifest: ObjectInFile, text: str, values: dict[str, str]) -> Iterator[LintFinding]:
    template = importlib.import_module("controllers.template")  # the largest of what is imported, and seldom needed
    path = "spec.git.commit.messageTemplate"
    change = template.TemplateChange("app:1.0.0", "app:1.0.1", "apps:app", "app:1.0.1")
    changed = template.FileChange("app.yaml", template.ObjectRef("apps/v1", "Deployment", "apps", "app"), [change])
    data = template.TemplateData("apps", "fleet", [changed], values=values or None)
    try:
        message = template.render(text, data, now=NOW)
    except template.TemplateFailure as error:
        yield _finding("invalid-template", manifest, path, str(error))
        return
    if not message.strip():
        message = "the template prints nothing for an ordinary change, so the commit has no message"
        yield _finding("empty-message", manifest, path, message)


def _check_reference(
    manifest: ObjectInFile, policy: ImagePolicy, repositories: Sequence[ImageRepository]
) -> Iterator[LintFinding]:
    name = policy.spec.image_repository_ref.name
    if SUBSTITUTED not in name and find_repository(policy, repositories) is None:
        message = f"there is no ImageRepository '{name}' for this policy in the files: create it or correct the name"
        yield _finding("unknown-repository", manifest, "spec.imageRepositoryRef.name", message)
