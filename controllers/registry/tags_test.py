"""Pages of tags: the next one, and where it ends."""

import pytest

from controllers.image.reference import Image
from controllers.registry import tags
from controllers.registry.errors import BadResponse, ResponseTooLarge
from controllers.registry.tags import Listing, build_list_url, decode_page, find_next_page

HERE = "https://reg.io/v2/app/tags/list?n=1000"


def test_first_page_asks_for_a_thousand() -> None:
    assert build_list_url("https", Image("reg.io", "app")) == HERE


@pytest.mark.parametrize(
    ("links", "target"),
    [
        pytest.param([], None, id="last"),
        pytest.param(
            ['</v2/app/tags/list?last=b&n=2>; rel="next"'], "https://reg.io/v2/app/tags/list?last=b&n=2", id="path"
        ),
        pytest.param(["<list?last=b>; rel=next"], "https://reg.io/v2/app/tags/list?last=b", id="relative"),
        pytest.param(["<?last=b>"], "https://reg.io/v2/app/tags/list?last=b", id="no-relation"),
        pytest.param(["<https://reg.io:443/x>; rel=next"], "https://reg.io/x", id="default-port"),
        pytest.param(["<http://reg.io/x>; rel=next"], "https://reg.io/x", id="behind-a-tls-proxy"),
        pytest.param(['</a>; rel="prev", </b>; rel="next"'], "https://reg.io/b", id="second-link"),
        pytest.param(["</a>; rel=prev", "</b>; rel=NEXT"], "https://reg.io/b", id="second-header"),
        pytest.param(['</a>; title="x, <y>; rel=prev"; rel="start next"'], "https://reg.io/a", id="quoted-commas"),
        pytest.param(["</a#b>; rel=next"], "https://reg.io/a", id="fragment"),
        pytest.param(["</a>; rel=prev"], None, id="other-relation"),
        pytest.param(['</a>; rel="next";'], "https://reg.io/a", id="semicolon-at-the-end"),
        pytest.param(["</a> ; rel = next ; ; title"], "https://reg.io/a", id="blanks-and-empty-parameters"),
        pytest.param([", </a>; rel=next ,, "], "https://reg.io/a", id="empty-elements"),
        pytest.param(
            ["</v2/app/tags/list?last=a,b;c>; rel=next"],
            "https://reg.io/v2/app/tags/list?last=a,b;c",
            id="commas-in-the-target",
        ),
        pytest.param(["/a?last=b; rel=next"], "https://reg.io/a?last=b", id="no-brackets"),
        pytest.param(['</a>; title="\\">; rel=prev"; rel=next'], "https://reg.io/a", id="quoted-quote"),
        pytest.param(["</a>; rel=prev; rel=next"], None, id="first-relation-counts"),
        pytest.param(["", "  "], None, id="empty"),
    ],
)
def test_next_page_is_found(links: list[str], target: str | None) -> None:
    assert find_next_page(HERE, links) == target


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.io/x",
        "//evil.io/x",
        "https://reg.io:8443/x",
        "https://reg.io@evil.io/",
        "ftp://reg.io/x",
        "https://[/",
    ],
)
def test_next_page_elsewhere_is_refused(link: str) -> None:
    with pytest.raises(BadResponse):
        find_next_page(HERE, [f"<{link}>; rel=next"])


@pytest.mark.parametrize(
    "header",
    [
        "nonsense",
        "/a?last=b",
        "</a",
        "</a> rel=next",
        '</a>; rel="next',
        '</a>; rel="next" </b>; rel=next',
        "</a>; rel=prev, /b c; rel=next",
        "</a>; rel=next" + " " * 10_000 + ";",
    ],
)
def test_link_that_is_not_understood_is_not_the_end_of_the_list(header: str) -> None:
    with pytest.raises(BadResponse, match="failed to parse link header"):
        find_next_page(HERE, [header])


def test_hostile_link_costs_no_time() -> None:
    with pytest.raises(BadResponse):
        find_next_page(HERE, ["<a>" + "; a=   " * 1000 + 'x"'] * 100)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param(b'{"name": "app", "tags": ["a", "b"]}', ["a", "b"], id="tags"),
        pytest.param(b'{"tags": null}', [], id="null"),
        pytest.param(b'{"name": "app"}', [], id="left-out-beside-a-name"),
        pytest.param(b'{"name": "app", "tags": ["a"], "errors": []}', ["a"], id="no-errors"),
    ],
)
def test_page_is_decoded(body: bytes, found: list[str]) -> None:
    assert decode_page(HERE, "application/json", body) == found


@pytest.mark.parametrize(
    ("content_type", "body", "complaint"),
    [
        pytest.param("text/html", b"<html>", "got text/html: <html>", id="html"),
        pytest.param("", b"", "got no content type: ", id="nothing"),
        pytest.param("application/json", b"{}", "got application/json: {}", id="neither-name-nor-tags"),
        pytest.param(
            "application/json", b'{"errors": [{"code": "DENIED"}]}', 'got application/json: {"errors": ', id="errors"
        ),
        pytest.param(
            "application/json", b'{"name": "a", "tags": [], "errors": [1]}', "got application/json: ", id="both"
        ),
        pytest.param("application/json", b'["a"]', 'got application/json: ["a"]', id="other-shape"),
        pytest.param("application/json", b'{"tags": [1]}', 'got application/json: {"tags": [1]}', id="numbers"),
        pytest.param("application/json", b'{"tags": ["\xff"]}', "got application/json: ", id="not-utf8"),
    ],
)
def test_what_is_no_page_is_reported(content_type: str, body: bytes, complaint: str) -> None:
    with pytest.raises(BadResponse) as caught:
        decode_page(HERE, content_type, body)
    assert str(caught.value).startswith(f"GET {HERE}: expected a list of tags in JSON, {complaint}")


def test_listing_stops_at_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tags, "MAX_TAGS", 3)
    monkeypatch.setattr(tags, "MAX_LIST_BYTES", 100)
    monkeypatch.setattr(tags, "MAX_PAGES", 2)
    with pytest.raises(ResponseTooLarge, match="more than 3 tags"):
        Listing().add(HERE, ["a"] * 4, 10)
    with pytest.raises(ResponseTooLarge, match="more than 100 bytes"):
        Listing().add(HERE, ["a"], 101)
    listing = Listing()
    for number in range(2):
        listing.add(f"{HERE}{number}", ["a"], 1)
    with pytest.raises(ResponseTooLarge, match="more than 2 pages"):
        listing.follow(HERE, "https://reg.io/next")
