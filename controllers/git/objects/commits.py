"""Build and parse commits: changed files become blobs, trees and a commit object. Pure but for reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from dulwich.objects import Commit, ObjectID

from controllers.git.errors import CorruptObject
from controllers.git.objects.hashing import NewObject, ObjectFormat, format_of, new_object
from controllers.git.objects.tree import ReadObject, put_files, replace_files

_NOT_IN_NAMES = str.maketrans("", "", "<>\n\r\0")


@dataclass(frozen=True, slots=True)
class Author:
    """Author and committer. An empty name is allowed."""

    email: str
    name: str = ""

    @property
    def line(self) -> bytes:
        """`name <email>`, without the characters that would end it early."""
        name, email = (text.translate(_NOT_IN_NAMES).strip() for text in (self.name, self.email))
        return f"{name} <{email}>".encode()


class Signer(Protocol):
    """Signs commits. Safe to call from several threads."""

    def sign(self, payload: bytes) -> bytes:
        """Return an armoured signature for the header `gpgsig`, or `gpgsig-sha256`. Raises BadSigningKey."""


@dataclass(frozen=True, slots=True)
class CommitText:
    """What a commit says beside its files. when: to the second, recorded as UTC."""

    author: Author
    message: str
    when: datetime
    signer: Signer | None = None


@dataclass(frozen=True, slots=True)
class NewCommit:
    """A commit that is not on the remote yet, with all the objects that the remote lacks once it has `parent`.

    parent: empty for the first of a repository.
    """

    id: str
    parent: str
    tree: str
    objects: tuple[NewObject, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """What a commit says. author, committer: `name <email>`, as `Author.line`. time: the committer's."""

    tree: str
    parents: tuple[str, ...]
    author: bytes
    committer: bytes
    time: datetime
    message: str

    def is_by(self, author: Author) -> bool:
        """Return True when this author is both author and committer, as in our own commits."""
        return self.author == self.committer == author.line


def build_commit(
    read: ReadObject,
    parent: str,
    parent_object: bytes,
    edits: Mapping[str, bytes],
    *,
    author: Author,
    message: str,
    when: datetime,
    signer: Signer | None,
) -> NewCommit | None:
    """Return a commit on `parent` with the content of files replaced; None when no file differs.

    The message is used as it is, without NUL characters, which Git cannot store. Raises PathMissing, BadSigningKey.
    """
    root = parse_tree_id(parent_object)
    tree, objects = replace_files(read, root, _as_bytes(edits))
    if tree == root:
        return None
    about = CommitText(author, message, when, signer)
    return _new_commit(parent, tree, objects, about, format_of(parent))


def build_commit_of_files(
    read: ReadObject,
    parent: str,
    parent_object: bytes,
    files: Mapping[str, bytes],
    *,
    about: "CommitText",
    object_format: ObjectFormat,
) -> NewCommit | None:
    """Return a commit on `parent` that has the files, made where they are not there; None when no file differs.

    parent: empty for the first commit of a repository, whose format then has to be told. Raises PathTaken, BadPath.
    """
    root = parse_tree_id(parent_object) if parent else ""
    tree, objects = put_files(read, root, _as_bytes(files), object_format)
    return None if tree == root else _new_commit(parent, tree, objects, about, object_format)


def _as_bytes(files: Mapping[str, bytes]) -> dict[bytes, bytes]:
    return {path.encode("utf-8", "surrogateescape"): data for path, data in files.items()}


def _new_commit(
    parent: str, tree: str, objects: Sequence[NewObject], about: "CommitText", object_format: ObjectFormat
) -> NewCommit:
    commit = Commit()
    commit.object_format = object_format  # names the header that a signature goes to
    commit.tree = ObjectID(tree.encode())
    commit.parents = [ObjectID(parent.encode())] if parent else []
    commit.author = commit.committer = about.author.line
    commit.author_time = commit.commit_time = int(about.when.timestamp())
    commit.author_timezone = commit.commit_timezone = 0
    commit.message = about.message.replace("\0", "").encode("utf-8", "replace")
    if about.signer is not None:
        commit.gpgsig = about.signer.sign(commit.as_raw_string()).strip()
    new = new_object("commit", commit.as_raw_string(), commit.object_format)
    return NewCommit(new.id, parent, tree, (*objects, new))


def parse_commit(commit: bytes) -> CommitInfo:
    """Return what a commit object says. Raises CorruptObject for anything else."""
    head, _, message = commit.partition(b"\n\n")
    # Lines that begin with a space continue a header (a signature).
    lines = [line.partition(b" ") for line in head.split(b"\n") if not line.startswith(b" ")]
    headers = {name: value for name, _, value in lines}
    try:
        committer, seconds, _ = headers[b"committer"].rsplit(b" ", 2)
        author = headers[b"author"].rsplit(b" ", 2)[0]
        time = datetime.fromtimestamp(int(seconds), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        raise CorruptObject("not a commit") from None
    text = message.decode("utf-8", "replace")
    return CommitInfo(parse_tree_id(commit), tuple(parse_parents(commit)), author, committer, time, text)


def parse_parents(commit: bytes) -> list[str]:
    """Return the parents that a commit object names."""
    head = commit.partition(b"\n\n")[0].split(b"\n")
    return [line[7:].decode("ascii", "replace") for line in head if line.startswith(b"parent ")]


def parse_tree_id(commit: bytes) -> str:
    """Return the tree that a commit object names. Raises CorruptObject."""
    first = commit.partition(b"\n")[0]
    if not first.startswith(b"tree "):
        raise CorruptObject("not a commit")
    return first[5:].decode("ascii", "replace")
