"""What gets a pull request of its own, and the branch that it comes from. Pure.

The branch is stable: it names what is grouped by, never what is offered, so that a newer image updates the pull request
that is open in place of opening another one.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from api.imageupdateautomation import ImageUpdateAutomation
from api.pullrequest import BY_AUTOMATION, BY_FOLDER, BY_IMAGE, BY_POLICY, PullRequestSpec
from controllers import setters, template
from controllers.forge.stamp import short_digest
from controllers.image.setter import parse_setter
from controllers.update.work import MarkedTree, Work

MAX_GROUPS = 200
MAX_BRANCH_CHARS = 200
PREFIX = "tagline/"
ROOT = "root"
"""What the folder at the root of the repository is called in the names of branches."""

_FIELD = {BY_POLICY: "Policy", BY_FOLDER: "Folder", BY_IMAGE: "Image"}
_UNFIT = re.compile(r"[^A-Za-z0-9._/-]+")
_KEPT = re.compile(r"(?:[A-Za-z0-9_]+[/-])*[A-Za-z0-9_]*")
"""What stays as it is in the name of a branch, whatever comes behind it."""
_LOCK = re.compile(r"\.lock(?=/|$)")


class BadBranch(Exception):
    """`spec.git.pullRequest.branch` makes no name of a branch, or one for two groups. Only a new spec helps."""


@dataclass(frozen=True, slots=True)
class Group:
    """A part of an automation's work with a pull request of its own."""

    head: str
    """Branch, without `refs/heads/`."""
    fields: Mapping[str, str]
    """What templates may read of it."""
    work: Work
    """The work, as far as it is the group's."""
    folder: str | None = None
    """The folder whose files it is about; None for all."""

    def narrow(self, tree: MarkedTree) -> MarkedTree:
        """Return the files of a tree that the group is about."""
        if self.folder is None:
            return tree
        path = self.work.path
        return MarkedTree(tree.base, [file for file in tree.files if _folder_of(file.path, path) == self.folder])


def list_groups(spec: PullRequestSpec, work: Work, tree: MarkedTree, base: str, *, now: datetime) -> list[Group]:
    """Return all groups that the work may have on a tree, also those with nothing to offer now.

    base: branch that pull requests are for. Raises BadBranch, and TemplateFailure of the branch's template.
    """
    found: dict[str, Group] = {}
    for name, narrowed, folder in _split(spec.group_by, work, tree):
        group = _name(spec, narrowed, base, name, folder=folder, now=now)
        if group.head in found:
            other = found[group.head].fields.get(_FIELD.get(spec.group_by, ""), "")
            raise BadBranch(
                f"spec.git.pullRequest.branch makes '{group.head}' of both '{other}' and '{name}': have it contain "
                f"{{{{ .{_FIELD.get(spec.group_by, 'Automation')} }}}}, or {{{{ .Hash }}}}"
            )
        found[group.head] = group
        if len(found) > MAX_GROUPS:
            raise BadBranch(f"spec.git.pullRequest.groupBy {spec.group_by} makes more than {MAX_GROUPS} pull requests")
    return list(found.values())


def branch_prefix(spec: PullRequestSpec, automation: ImageUpdateAutomation) -> str:
    """Return what the names of all head branches of an automation begin with."""
    if not spec.branch:
        return PREFIX
    literal, braces, _ = spec.branch.partition("{{")
    if not braces:
        return _fit(spec.branch)
    kept = _KEPT.match(literal.lstrip().removeprefix("refs/heads/"))
    return kept.group() if kept else ""


def _split(group_by: str, work: Work, tree: MarkedTree) -> Iterator[tuple[str, Work, str | None]]:
    """Yield the name of each group, its part of the work, and its folder."""
    match group_by:
        case "policy":
            for key in sorted(work.images):
                yield key, _with(work, lambda one, key=key: one == key), None  # type: ignore[misc]
        case "image":
            for name in sorted({image.name for image in work.images.values()}):
                yield name, _with(work, lambda one, name=name: work.images[one].name == name), None  # type: ignore[misc]
        case "folder":
            for folder in sorted({_folder_of(file.path, work.path) for file in tree.files}):
                yield folder or ROOT, work, folder
        case _:
            yield "", work, None


def _with(work: Work, is_in: Callable[[str], bool]) -> Work:
    return replace(work, images={key: image for key, image in work.images.items() if is_in(key)})


def _folder_of(path: str, base: str) -> str:
    relative = setters.relative_to(path, base)
    return posixpath.dirname(path if relative is None else relative)


def _name(spec: PullRequestSpec, work: Work, base: str, name: str, *, folder: str | None, now: datetime) -> Group:
    meta = work.automation.metadata
    shown = _show(spec.group_by, name, meta.namespace)
    fields = {
        "Automation": meta.name,
        "Namespace": meta.namespace,
        "Policy": shown if spec.group_by == BY_POLICY else "",
        "Folder": shown if spec.group_by == BY_FOLDER else "",
        "Image": shown if spec.group_by == BY_IMAGE else "",
        "Base": base,
        "Hash": short_digest(meta.namespace, meta.name, base, spec.group_by, name)[:8],
    }
    if spec.branch:
        data = template.TemplateData(meta.namespace, meta.name, fields=fields)
        wanted = template.render(spec.branch, data, now=now).strip()
    else:
        wanted = PREFIX + "-".join(_slug(part) for part in (meta.namespace, meta.name, shown) if part)
        if spec.group_by != BY_AUTOMATION and _slug(shown) != shown:
            wanted += f"-{fields['Hash']}"
    head = _fit(wanted)
    if len(head) > MAX_BRANCH_CHARS:
        head = f"{head[: MAX_BRANCH_CHARS - 9].rstrip('./-')}-{fields['Hash']}"
    if not head or head == base:
        raise BadBranch(
            f"spec.git.pullRequest.branch makes '{head}', which "
            f"{'is the branch that pull requests are for' if head else 'is no name of a branch'}"
        )
    return Group(head, {**fields, "Branch": head}, work, folder)


def _show(group_by: str, name: str, namespace: str) -> str:
    """Return how a group is called: a policy of the automation's namespace by its name alone."""
    if group_by != BY_POLICY:
        return name
    setter = parse_setter(name)
    return setter.policy if setter.namespace == namespace else f"{setter.namespace}/{setter.policy}"


def _slug(text: str) -> str:
    return _fit(text).replace("/", "-")


def _fit(name: str) -> str:
    """Return a name as Git takes it for a branch (git-check-ref-format), with dashes for what it does not."""
    text = _UNFIT.sub("-", name.removeprefix("refs/heads/"))
    text = re.sub(r"\.{2,}", ".", text)
    parts = [_LOCK.sub("-lock", part.strip(".")).lstrip("-.") for part in text.split("/")]
    return "/".join(part for part in parts if part)


def list_policies(keys: Iterable[str], namespace: str) -> tuple[str, ...]:
    """Return policies as a status lists them. keys: `namespace:policy`."""
    return tuple(sorted({_show(BY_POLICY, key, namespace) for key in keys}))
