"""Pages of tags: the next one, and where it ends."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controllers.registry import long_page, tags
from controllers.registry.errors import BadResponse, ResponseTooLarge
from controllers.registry.locations import Location
from controllers.registry.long_page import LongPage
from controllers.registry.tags import Listing, build_list_url, decode_page, find_next_page

HERE = "https://reg.io/v2/app/tags/list?n=1000"


def test_first_page_asks_for_a_thousand() -> None:
    assert build_list_url("https", Location("reg.io", "app")) == HERE
    assert build_list_url("https", Location("reg.io", "app"), page_size=None) == "https://reg.io/v2/app/tags/list"


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
        pytest.param(["/a?last=b; rel=next"], "https://reg.io/v2/app/tags/list?last=b", id="no-brackets"),
        pytest.param(
            ["<https://internal:8081/artifactory/api/docker/x/v2/app/tags/list?last=b&n=9>; rel=next"],
            "https://reg.io/v2/app/tags/list?last=b&n=9",
            id="host-port-and-path-of-a-server-behind-a-proxy",
        ),
        pytest.param(["<http://reg.io:5000/?last=b>; rel=next"], "https://reg.io/v2/app/tags/list?last=b", id="port"),
        pytest.param(["<ftp://a@b/?last=b#c>"], "https://reg.io/v2/app/tags/list?last=b", id="only-the-query-counts"),
        pytest.param(['</a>; title="\\">; rel=prev"; rel=next'], "https://reg.io/a", id="quoted-quote"),
        pytest.param(["</a>; rel=prev; rel=next"], None, id="first-relation-counts"),
        pytest.param(["", "  "], None, id="empty"),
    ],
)
def test_next_page_is_found(links: list[str], target: str | None) -> None:
    assert find_next_page(HERE, links) == target


@given(
    st.text("ab/.:%2f?=&#<> ;\\", max_size=12),
    st.text('ab%2f=&:/+~? #\n\u00e9"', max_size=8),
    st.sampled_from(['; rel="next"', ";rel=next", "; rel=prev", "", '; rel="next"; x=1', '; rel="next" , </x?y=1>']),
    st.sampled_from([HERE, "http://reg.io:5000/v2/app/tags/list", "https://reg.io/v2/a%20b/tags/list?last=%2f"]),
)
@example("v2/app/tags/list", "last=v1.0&n=1000", '; rel="next"', HERE)
@example("", "n=1", "; rel=next", HERE)
def test_links_as_they_are_usual_lead_where_any_link_of_that_text_does(
    path: str, query: str, parameters: str, here: str
) -> None:
    def next_page(plain: bool) -> str | None:
        with pytest.MonkeyPatch.context() as patch:
            if not plain:
                patch.setattr(tags, "_plain_next_page", lambda *_: None)
            try:
                return find_next_page(here, [f"</{path}?{query}>{parameters}"])
            except BadResponse as error:
                return str(error)

    assert next_page(plain=True) == next_page(plain=False)


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


async def keep_odd(tags: Sequence[str]) -> list[str]:
    """Leave out tags with an even length."""
    return [tag for tag in tags if len(tag) % 2]


async def test_tags_that_are_left_out_do_not_count() -> None:
    listing = Listing(3, keep_odd)
    fullness = []
    for added in (["a", "bb", "cc"], ["dd", "e", "f"]):
        listing.add(added)
        fullness.append(listing.is_full)
    assert fullness == [False, True]
    await listing.apply_filter(HERE)
    assert (listing.tags, listing.excluded_count) == (["a", "e", "f"], 3)
    listing.add(["gg"])
    await listing.apply_filter(HERE)
    listing.add(["h"])
    with pytest.raises(ResponseTooLarge) as caught:
        await listing.apply_filter(HERE)
    assert str(caught.value) == (
        f"GET {HERE}: registry lists more than 3 tags besides those that spec.exclusionList leaves out; leave out more "
        "there, or raise --registry-max-tags"
    )


async def test_what_was_left_out_is_counted_where_nothing_is_left_and_the_last_page_was_read_before() -> None:
    listing = Listing(1, keep_odd)
    listing.add(["aa", "bb"])
    await listing.apply_filter(HERE)
    listing.add_unread(b'{"name": "app", "tags": []}', 0, page=b"empty page")
    found = await listing.finish(HERE)
    assert (list(found.tags), found.is_filtered, found.excluded_count) == ([], True, 2)


async def test_long_tags_count_for_more() -> None:
    listing = Listing(3)
    listing.add(["a" * 200, "b" * 200])
    with pytest.raises(ResponseTooLarge, match="more than 3 tags"):
        await listing.apply_filter(HERE)


def test_bytes_follow_from_the_limit_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    listing = Listing(3)
    listing.add_bytes(HERE, 3072)
    with pytest.raises(ResponseTooLarge, match="more than 3072 bytes, 1024 for each of 3 tags; raise --registry-max-"):
        listing.add_bytes(HERE, 1)
    monkeypatch.setattr(tags, "MAX_PAGES", 2)
    for number in range(2):
        listing.begin_page(f"{HERE}{number}")
    with pytest.raises(ResponseTooLarge, match="more than 2 pages"):
        listing.follow(HERE, "https://reg.io/next")


async def test_a_long_page_that_broke_off_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_page, "FILTERED_TAGS", 2)
    listing = Listing(10, keep_odd)
    listing.add(["a"])
    page = LongPage(listing, HERE, content_type="", is_quotable=True)
    page.feed(b'{"tags": ["bb", "c", ')
    await page.settle()
    assert (listing.tags, listing.excluded_count) == (["a", "c"], 1)
    page.feed(b'"d", ')
    page.undo()
    assert (listing.tags, listing.excluded_count) == (["a"], 0)


@pytest.mark.parametrize("is_quotable", [True, False])
def test_a_long_page_of_something_else_is_reported(is_quotable: bool) -> None:
    page = LongPage(Listing(), HERE, content_type="text/html", is_quotable=is_quotable)
    with pytest.raises(BadResponse, match=r"got text/html: <html>" if is_quotable else "by way of another host"):
        page.feed(b"<html>")
