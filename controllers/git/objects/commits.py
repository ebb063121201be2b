"""Builds commits: changed files become blobs, trees and a commit object, signed if wanted. Pure but for reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from dulwich.objects import Commit, ObjectID
from dulwich.pack import PackChunkGenerator

from controllers.git.objects.names import NewObject, ObjectFormat, format_of, new_object
from controllers.git.objects.store import CorruptObject, parents, parse_tree_id, unpacked_objects
from controllers.git.objects.tree import ReadObject, replace

_NOT_IN_NAMES = str.maketrans("", "", "<>\n\r\0")


@dataclass(frozen=True, slots=True)
class Author:
    """Author and committer. An empty name is allowed."""

    email: str
    name: str = ""

    @property
    def line(self) -> bytes:
        """`name <email>`, without what would end it early."""
        name, email = (text.translate(_NOT_IN_NAMES).strip() for text in (self.name, self.email))
        return f"{name} <{email}>".encode()


class Signer(Protocol):
    """Signs commits. Safe to call from several threads."""

    def sign(self, payload: bytes) -> bytes:
        """The armoured signature for the header `gpgsig`, or `gpgsig-sha256`. Raises BadSigningKey."""


@dataclass(frozen=True, slots=True)
class NewCommit:
    """A commit that is not on the remote yet, with all the objects that the remote lacks once it has `parent`."""

    id: str
    parent: str
    tree: str
    objects: tuple[NewObject, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """What a commit says of itself. author, committer: `name <email>`, as `Author.line`. time: the committer's."""

    tree: str
    parents: tuple[str, ...]
    author: bytes
    committer: bytes
    time: datetime
    message: str

    def is_by(self, author: Author) -> bool:
        """True when we made it under this name: author and committer are the same."""
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
    """A commit on `parent` with the content of files replaced; None when no file differs.

    The message is used as it is, but for NUL characters, which Git cannot store. Raises PathMissing, BadSigningKey.
    """
    root = parse_tree_id(parent_object)
    tree, objects = replace(read, root, {p.encode("utf-8", "surrogateescape"): data for p, data in edits.items()})
    if tree == root:
        return None
    commit = Commit()
    commit.object_format = format_of(parent)  # names the header that a signature goes to
    commit.tree = ObjectID(tree.encode())
    commit.parents = [ObjectID(parent.encode())]
    commit.author = commit.committer = author.line
    commit.author_time = commit.commit_time = int(when.timestamp())
    commit.author_timezone = commit.commit_timezone = 0
    commit.message = message.replace("\0", "").encode("utf-8", "replace")
    if signer is not None:
        commit.gpgsig = signer.sign(commit.as_raw_string()).strip()
    new = new_object("commit", commit.as_raw_string(), commit.object_format)
    return NewCommit(new.id, parent, tree, (*objects, new))


def parse_commit(commit: bytes) -> CommitInfo:
    """The facts in a commit object. Raises CorruptObject for what is none."""
    head, _, message = commit.partition(b"\n\n")
    # Lines that begin with a blank continue a header (a signature) and are none.
    lines = [line.partition(b" ") for line in head.split(b"\n") if not line.startswith(b" ")]
    headers = {name: value for name, _, value in lines}
    try:
        committer, seconds, _ = headers[b"committer"].rsplit(b" ", 2)
        author = headers[b"author"].rsplit(b" ", 2)[0]
        time = datetime.fromtimestamp(int(seconds), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        raise CorruptObject("not a commit") from None
    text = message.decode("utf-8", "replace")
    return CommitInfo(parse_tree_id(commit), tuple(parents(commit)), author, committer, time, text)


def build_pack(objects: Sequence[NewObject], object_format: ObjectFormat) -> bytes:
    """A pack with just these objects, undeltified: finding deltas costs more than it saves for a few small files."""
    return b"".join(PackChunkGenerator(object_format, len(objects), unpacked_objects(objects)))
