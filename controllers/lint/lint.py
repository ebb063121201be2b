"""All findings of a repository."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from api.imagepolicy import ImagePolicy
from api.imageupdateautomation import ImageUpdateAutomation
from controllers.adoption.instructions import full_name
from controllers.image.setter import parse_setter
from controllers.lint.fields import check_fields
from controllers.lint.files import Files, read_all
from controllers.lint.markers import Automations, check_marked_file, collect
from controllers.lint.objects import check_object, check_together, find_repository
from controllers.lint.rules import LintFinding
from controllers.lint.targets import Read, check_targets

NO_TAGS: Mapping[str, Sequence[str]] = {}


def _read_nothing(path: str) -> bytes | None:
    return None


def lint(
    files: Iterable[tuple[str, bytes]],
    *,
    flux: bool = False,
    tags: Mapping[str, Sequence[str]] = NO_TAGS,
    read: Read = _read_nothing,
) -> list[LintFinding]:
    """Return what is wrong, by file and line.

    files: path in the repository and bytes. flux: also what Flux would drop. tags: those of images that are known; of
    the others only those in marked values are. read: reads files again, for those that targets name. Never raises for
    what a file contains.
    """
    found = read_all(files)
    known = collect(found.manifests)
    known_tags = _collect_tags(found, known, tags)
    findings = [*check_together(found.manifests)]
    for manifest in found.manifests:
        findings += check_object(manifest, lambda policy: known_tags.get(_key(policy), ()))
        findings += check_fields(manifest, flux=flux)
        if isinstance(manifest.object, ImageUpdateAutomation):
            findings += check_targets(manifest, manifest.object, found.paths, read, known)
    for file in found.marked:
        findings += check_marked_file(file, known)
    return sorted(findings, key=lambda one: (one.file, one.line, one.column, one.rule))


def _key(policy: ImagePolicy) -> tuple[str, str]:
    return policy.metadata.namespace, policy.metadata.name


def _collect_tags(
    found: Files, known: Automations, tags: Mapping[str, Sequence[str]]
) -> dict[tuple[str, str], Sequence[str]]:
    """Return the tags that are known of each policy's image: those given, else those in values with its markers."""
    given = {full_name(image): of_image for image, of_image in tags.items()}
    collected: dict[tuple[str, str], dict[str, None]] = {}
    for file in found.marked:
        for marker in file.markers:
            setter = parse_setter(marker.setter)
            policy, image = known.find_policy(setter), setter.image(marker.value)
            if policy and image and image.tag:
                collected.setdefault(_key(policy), {})[image.tag] = None
    result: dict[tuple[str, str], Sequence[str]] = {key: tuple(of_key) for key, of_key in collected.items()}
    for policy in known.policies:
        repository = find_repository(policy, known.repositories)
        if repository and (of_image := given.get(full_name(repository.spec.image))):
            result[_key(policy)] = of_image
    return result
