"""References of a remote (`Refs`), the state to work from (`Checkout`), and its commit (`resolve`). Pure.

Follows the reference forms of Flux's GitRepository `spec.ref` and the revision texts of ImageUpdateAutomation's
`status.observedSourceRevision`: `<branch or tag>@sha1:<hash>`, or `sha1:<hash>` for a bare commit;
`sha256` where the repository names its objects so.
"""

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from controllers.git.errors import EmptyRepository, RefNotFound, error_context
from controllers.git.objects.hashing import FORMATS, format_of
from controllers.net.foreign_text import sanitize

HEADS, TAGS = "refs/heads/", "refs/tags/"
DEFAULT_BRANCH = "master"
PEELED = "^{}"

HASH_LENGTHS = {object_format.hex_length for object_format in FORMATS.values()}
_KINDS = ((HEADS, "branch", TAGS, "tag"), (TAGS, "tag", HEADS, "branch"))

SelectTag = Callable[[str, Sequence[str]], str | None]
"""(range, tag names) → the highest tag in the range, or None. Passed in: what a version is, is policy, not Git.

Raises RefNotFound for a range that cannot be read.
"""


@dataclass(frozen=True, slots=True)
class Refs:
    """The references a remote advertised.

    values: full reference name → object id (of the tag object for annotated tags).
    peeled: annotated tag → the commit behind it.
    symrefs: symbolic reference → its target (`HEAD` → `refs/heads/main`).
    """

    url: str
    values: Mapping[str, str]
    peeled: Mapping[str, str]
    symrefs: Mapping[str, str]

    def branch(self, name: str) -> str | None:
        """Return the tip of a branch; None where the remote has no such branch."""
        return self.values.get(HEADS + name)

    def commit(self, ref: str) -> str | None:
        """Return the commit that a full reference name leads to, annotated tags peeled."""
        return self.peeled.get(ref) or self.values.get(ref)

    @property
    def tags(self) -> list[str]:
        """Short names of tags."""
        return [ref.removeprefix(TAGS) for ref in self.values if ref.startswith(TAGS)]


@dataclass(frozen=True, slots=True)
class Checkout:
    """The state of a repository to check out; precedence: commit, name, semver, tag, branch (default `master`)."""

    branch: str = ""
    tag: str = ""
    semver: str = ""
    name: str = ""
    commit: str = ""

    @property
    def extra_refs(self) -> tuple[str, ...]:
        """Names to list beyond HEAD, branches and tags."""
        return (self.name.removesuffix(PEELED),) if self.name else ()


@dataclass(frozen=True, slots=True)
class Tip:
    """A commit to work from. ref: the full reference it was found under, empty for a bare commit."""

    ref: str
    commit: str
    revision: str


def revision(label: str, commit: str) -> str:
    """Return `<label>@sha1:<hash>`, or `sha1:<hash>` without a label; `sha256` for a hash of that length."""
    digest = f"{format_of(commit).name}:{commit}"
    return f"{label}@{digest}" if label else digest


def branch_tip(refs: Refs, branch: str) -> Tip | None:
    """Return the tip of a branch to work from; None where the remote has no such branch."""
    commit = refs.branch(branch)
    return Tip(HEADS + branch, commit, revision(branch, commit)) if commit else None


def tip_from_revision(text: str, branch: str) -> Tip | None:
    """Return the tip of a branch that a revision names; None for any other text."""
    commit = text.rpartition(":")[2]
    is_tip = _is_whole_hash(commit) and text == revision(branch, commit)
    return Tip(HEADS + branch, commit, text) if is_tip else None


def resolve(checkout: Checkout, refs: Refs, *, select_semver: SelectTag) -> Tip:
    """Return the commit that `checkout` means on this remote.

    Raises RefNotFound, or EmptyRepository for a remote without any reference. A commit is not looked up: whether the
    remote has it turns out when it is fetched.
    """
    clone = f"unable to clone '{refs.url}'"
    if checkout.commit:
        return _resolve_commit(checkout, refs, clone)
    if not refs.values:
        raise EmptyRepository("remote repository is empty", error_context=clone)
    if checkout.name:
        return _resolve_name(checkout.name, refs, clone)
    if checkout.semver:
        with error_context(clone):
            tag = select_semver(checkout.semver, refs.tags)
        if tag is None:
            raise RefNotFound(f"no match found for semver: {checkout.semver}", error_context=clone)
        return _tip_at(TAGS + tag, tag, refs, clone)
    if checkout.tag:
        return _tip_at(TAGS + checkout.tag, checkout.tag, refs, clone)
    branch = checkout.branch or DEFAULT_BRANCH
    return _tip_at(HEADS + branch, branch, refs, clone)


def _is_whole_hash(text: str) -> bool:
    return len(text) in HASH_LENGTHS and not text.strip(string.hexdigits)


def _resolve_commit(checkout: Checkout, refs: Refs, clone: str) -> Tip:
    commit = checkout.commit.strip().lower()
    if _is_whole_hash(commit):
        return Tip("", commit, revision(checkout.branch, commit))
    meant = {found for ref in refs.values if (found := refs.commit(ref)) and commit and found.startswith(commit)}
    hint = f", perhaps {meant.pop()}" if len(meant) == 1 else ""
    raise RefNotFound(
        f"'{sanitize(checkout.commit)}' is not the whole hash of a commit: write all 40 hexadecimal characters (64 "
        f"where the repository uses SHA-256){hint}; or name a branch with ref.branch, or a tag with ref.tag",
        error_context=clone,
    )


def _tip_at(ref: str, label: str, refs: Refs, clone: str) -> Tip:
    commit = refs.commit(ref)
    if commit is None:
        raise RefNotFound(f'couldn\'t find remote ref "{ref}"{_hint(ref, refs)}', error_context=clone)
    return Tip(ref, commit, revision(label, commit))


def _hint(ref: str, refs: Refs) -> str:
    """Return what to write instead of a reference that is not there, where that is plain."""
    kind, field, other_kind, other_field = _KINDS[ref.startswith(TAGS)]
    name = ref.removeprefix(kind)
    if name.startswith(kind):
        return f"; ref.{field} takes the short name: write '{name.removeprefix(kind)}'"
    if name.startswith("refs/"):
        return f"; ref.{field} takes a short name: for this reference set ref.name"
    return f"; there is a {other_field} of this name: set ref.{other_field}" if refs.commit(other_kind + name) else ""


def _resolve_name(name: str, refs: Refs, clone: str) -> Tip:
    if name.startswith("/") or name.endswith("/"):
        raise RefNotFound(f"ref {name} is invalid; Git refs cannot begin or end with a slash '/'", error_context=clone)
    ref = name.removesuffix(PEELED)
    commit = refs.commit(ref)
    if commit is None:
        found = next((kind + ref for kind in (HEADS, TAGS) if refs.commit(kind + ref)), "")
        hint = f"; ref.name takes the whole name: write '{found}'" if found else ""
        raise RefNotFound(f"unable to resolve ref '{name}' to a specific commit{hint}", error_context=clone)
    # The revision shows the name without its first two segments, as Flux does: refs/heads/main → main.
    label = ref.split("/", 2)[2] if ref.count("/") >= 2 else ref
    return Tip(ref, commit, revision(label, commit))
