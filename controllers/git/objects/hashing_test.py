"""Object ids are Git's own."""

import pytest

from controllers.git.objects.hashing import SHA1, SHA256, ObjectFormat, format_of, hash_object

SHA256_OF_NOTHING = "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"
"""What `git hash-object` returns for the empty blob."""


@pytest.mark.parametrize(
    ("object_format", "object_id"),
    [(SHA1, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"), (SHA256, SHA256_OF_NOTHING)],
    ids=str,
)
def test_object_ids(object_format: ObjectFormat, object_id: str) -> None:
    assert hash_object("blob", b"", object_format) == object_id
    assert format_of(object_id) is object_format
