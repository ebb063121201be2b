"""The trailer of our commits."""

import pytest

from controllers.pullrequests.trailer import Offer, add_offer, read_offer

OURS = Offer("0a1b", "c" * 40)


@pytest.mark.parametrize("message", ["Update", "Update\n\nSigned-off-by: a <a@b>\n\n\n", "", "Tagline-Offer: 00 dd"])
def test_what_is_added_is_read(message: str) -> None:
    assert read_offer(add_offer(message, OURS)) == OURS


@pytest.mark.parametrize("message", ["", "Update", "Tagline-Offer: x", "see Tagline-Offer: 0a cc", "Tagline-Offer:"])
def test_others_have_none(message: str) -> None:
    assert read_offer(message) is None
