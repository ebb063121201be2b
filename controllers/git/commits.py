"""Builds commits: changed files become blobs, trees and a commit object, signed if wanted. Pure but for reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from dulwich.object_format import DEFAULT_OBJECT_FORMAT
from dulwich.objects import Commit, ObjectID, ShaFile
from dulwich.pack import PackChunkGenerator, full_unpacked_object

from .store import tree_of
from .tree import Read, replace

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
        """The armoured signature for the `gpgsig` header. Raises BadSigningKey."""


@dataclass(frozen=True, slots=True)
class NewCommit:
    """A commit that is not on the remote yet, with all the objects that the remote lacks once it has `parent`."""

    id: str
    parent: str
    objects: tuple[ShaFile, ...] = field(repr=False)


def build(
    read: Read,
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
    root = tree_of(parent_object)
    tree, objects = replace(read, root, {p.encode("utf-8", "surrogateescape"): data for p, data in edits.items()})
    if tree == root:
        return None
    commit = Commit()
    commit.tree = ObjectID(tree.encode())
    commit.parents = [ObjectID(parent.encode())]
    commit.author = commit.committer = author.line
    commit.author_time = commit.commit_time = int(when.timestamp())
    commit.author_timezone = commit.commit_timezone = 0
    commit.message = message.replace("\0", "").encode("utf-8", "replace")
    if signer is not None:
        commit.gpgsig = signer.sign(commit.as_raw_string()).strip()
    return NewCommit(commit.id.decode(), parent, (*objects, commit))


def pack_of(objects: tuple[ShaFile, ...]) -> bytes:
    """A pack with just these objects, undeltified: finding deltas costs more than it saves for a few small files."""
    records = (full_unpacked_object(o) for o in objects)
    return b"".join(PackChunkGenerator(num_records=len(objects), records=records, object_format=DEFAULT_OBJECT_FORMAT))
