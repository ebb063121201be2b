"""Object ids: how Git hashes an object, and new objects under their ids. Pure.

A repository names all its objects by SHA-1 or all by SHA-256, and packs, trees and commits hold such ids: see Git's
hash-function-transition. The remote says which (gitprotocol-capabilities, `object-format`); from then on the length of
any id shows it. Second ids that a repository may keep for its objects (`compatObjectFormat`) are ignored.
"""

from dataclasses import dataclass, field

from dulwich.object_format import SHA1, SHA256, ObjectFormat

__all__ = ["FORMATS", "SHA1", "SHA256", "TYPES", "NewObject", "ObjectFormat", "format_of", "hash_object", "new_object"]

FORMATS = {form.name: form for form in (SHA1, SHA256)}
TYPES = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
"""Type of an object → its number in a pack."""


def format_of(object_id: str) -> ObjectFormat:
    """Return the format that an id belongs to: SHA-1 unless it is as long as a SHA-256."""
    return SHA256 if len(object_id) == SHA256.hex_length else SHA1


def hash_object(kind: str, data: bytes, object_format: ObjectFormat) -> str:
    """Return the id of an object, as `git hash-object` does."""
    digest = object_format.hash_func()
    digest.update(b"%s %d\0" % (kind.encode(), len(data)))
    digest.update(data)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class NewObject:
    """An object that we made."""

    id: str
    kind: str
    data: bytes = field(repr=False)


def new_object(kind: str, data: bytes, object_format: ObjectFormat) -> NewObject:
    """Return an object with its id."""
    return NewObject(hash_object(kind, data, object_format), kind, data)
