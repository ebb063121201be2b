"""How Git names objects, and new objects as values. Pure.

A repository names all its objects by SHA-1 or all by SHA-256, and packs, trees and commits hold such names: see Git's
hash-function-transition. Which it is, the remote says (gitprotocol-capabilities, `object-format`); from then on the
length of any name tells. Second names that a repository may keep for its objects (`compatObjectFormat`) play no part.
"""

from dataclasses import dataclass, field

from dulwich.object_format import SHA1, SHA256, ObjectFormat

__all__ = ["FORMATS", "SHA1", "SHA256", "TYPES", "NewObject", "ObjectFormat", "format_of", "new_object", "object_name"]

FORMATS = {form.name: form for form in (SHA1, SHA256)}
TYPES = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}


def format_of(object_id: str) -> ObjectFormat:
    """The format that a name belongs to. What has no name's length counts as SHA-1."""
    return SHA256 if len(object_id) == SHA256.hex_length else SHA1


def object_name(kind: str, data: bytes, object_format: ObjectFormat) -> str:
    """Git's name for a content."""
    name = object_format.hash_func()
    name.update(b"%s %d\0" % (kind.encode(), len(data)))
    name.update(data)
    return name.hexdigest()


@dataclass(frozen=True, slots=True)
class NewObject:
    """An object that we made."""

    id: str
    kind: str
    data: bytes = field(repr=False)


def new_object(kind: str, data: bytes, object_format: ObjectFormat) -> NewObject:
    """A content under its name."""
    return NewObject(object_name(kind, data, object_format), kind, data)
