"""What may stand in the annotation, and when it is what the last request is about."""

import pytest

from api.names import PUSHED_TAGS, REQUESTED_AT
from api.pushedtags import MAX_PUSHED_TAGS, PushedTag, decode_pushed_tags, encode_pushed_tags, requested_tags

AT = "2026-11-30T09:00:00.000000001Z"
EARLIER = "2026-11-30T08:59:59.999999999Z"
TAGS = (PushedTag(tag="1.0", digest="sha256:" + "0" * 64, at=EARLIER), PushedTag(tag="1.1", at=AT))


def test_tags_come_back_as_they_were_written() -> None:
    assert decode_pushed_tags(encode_pushed_tags(TAGS)) == TAGS


@pytest.mark.parametrize(
    "annotation",
    [
        "",
        "[]",
        "{}",
        "null",
        "1.0",
        '["1.0"]',
        '[{"tag": 1, "at": ""}]',
        '[{"tag": "1.0"}]',
        "[" * 100_000,
        "\ud800",
        encode_pushed_tags([PushedTag(tag="a" * 20_000, at=AT)]),
        encode_pushed_tags([PushedTag(tag="a", at=AT)] * (MAX_PUSHED_TAGS + 1)),
    ],
)
def test_what_no_receiver_writes_is_no_tag(annotation: str) -> None:
    assert decode_pushed_tags(annotation) == ()


def test_a_request_is_about_the_tags_that_were_written_with_it() -> None:
    tags = encode_pushed_tags(TAGS)
    assert requested_tags({PUSHED_TAGS: tags, REQUESTED_AT: AT}) == TAGS
    assert requested_tags({PUSHED_TAGS: tags, REQUESTED_AT: "of a user"}) == ()
    assert requested_tags({PUSHED_TAGS: tags}) == ()
    assert requested_tags({REQUESTED_AT: AT}) == ()
