"""Targets of automations (`spec.update.targets`) that lead to no value, or to one that nothing is written to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from api.imageupdateautomation import ImageUpdateAutomation
from controllers import setters
from controllers.documents.manifests import ObjectInFile
from controllers.image.ref import ImageRef
from controllers.image.setter import parse_setter
from controllers.lint.files import locate
from controllers.lint.markers import Automations, check_setter
from controllers.lint.rules import LintFinding
from controllers.setters.targets import apply_targets
from controllers.update.targets import to_targets

Read = Callable[[str], bytes | None]
"""Returns the content of a file of the repository, None where it cannot be read."""


class _AnyPolicy(dict[str, ImageRef]):
    """Has an image for every policy, so that no finding is about one."""

    def get(self, key: str, default: ImageRef | None = None) -> ImageRef:  # type: ignore[override]
        return ImageRef("image", "tag", "digest")


def check_targets(
    manifest: ObjectInFile, automation: ImageUpdateAutomation, paths: Sequence[str], read: Read, known: Automations
) -> Iterator[LintFinding]:
    """Yield what is wrong with the targets of an automation. paths: all files of the repository."""
    try:
        base = setters.resolve_update_path(automation.spec.update.path)
    except setters.UpdatePathOutside:  # a finding of its own
        return
    alone = replace(known, automations=[automation])
    for index, target in enumerate(to_targets(automation)):
        line, column = locate(manifest.node, f"spec.update.targets.{index}")

        def found(rule: str, message: str, line: int = line, column: int = column) -> LintFinding:
            return LintFinding(rule, manifest.file, line, column, message)

        if target.fault:
            yield found("invalid-target", target.fault)
            continue
        files = [path for path in paths if _is_meant(path, base, target)]
        if not files:
            yield found("unmet-target", f"no file below spec.update.path is what '{target.file}' means: correct it")
            continue
        for rule, message in check_setter(files[0], parse_setter(target.setter), None, alone, is_target=True):
            yield found(rule, message)
        for path in files:
            data = read(path)
            for message in _why_unmet(path, data, target) if data is not None else ():
                yield found("unmet-target", f"{path}: {message}")


def _is_meant(path: str, base: str, target: setters.Target) -> bool:
    relative = setters.relative_to(path, base)
    return relative is not None and target.means(relative)


def _why_unmet(path: str, data: bytes, target: setters.Target) -> Iterator[str]:
    edit = apply_targets(setters.FileEdit(path, data), [target], _AnyPolicy(), reverts=setters.NO_REVERTS)
    for finding in edit.findings:
        if finding.reason is not setters.FindingReason.UNKNOWN_POLICY:
            yield f"line {finding.line}: {finding.message}" if finding.line else finding.message
