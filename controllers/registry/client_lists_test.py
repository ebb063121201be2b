"""`controllers.registry.client`: lists of all sizes and forms that registries give them."""

import gzip
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from controllers.image.reference import Image
from controllers.registry.errors import BadResponse, ImageNotFound, RegistryError, ResponseTooLarge
from controllers.registry.metering import FREE_PIECES
from controllers.registry.settings import RegistrySettings
from controllers.registry.tags import KEPT_PAGE_BYTES, KeepTags, ListedTags, Listing, decode_page
from testing.registry_harness import ANONYMOUS, LIST, MINUTE, RegistryHarness, run_harness
from testing.registry_server import Handler, ReceivedRequest, RegistryHandler, Reply, diagnostics, run_listener

PLAIN_LIST = "GET /v2/app/tags/list"


@dataclass(frozen=True)
class NoSignatures:
    """The exclusion list that is usual."""

    def begin(self) -> KeepTags:
        async def keep(tags: Sequence[str]) -> list[str]:
            return [tag for tag in tags if not tag.endswith(".sig")]

        return keep


def page_of(*, images: int, tags: list[str]) -> bytes:
    """Return a page as Google's registries write it: 300 bytes about each image, and then the tags."""
    about = {"imageSizeBytes": "1" * 20, "layerId": "", "mediaType": "application/vnd.docker" * 7, "tag": ["x", "y"]}
    manifest = {f"sha256:{number:064}": about for number in range(images)}
    return json.dumps({"child": [], "manifest": manifest, "name": "app", "tags": tags}).encode()


def list_of(body: bytes, headers: dict[str, str] | None = None) -> Handler:
    """Return a registry whose only list is `body`."""
    return lambda asked: Reply() if asked.path == "/v2/" else Reply(200, headers or {}, body)


async def listed(b: RegistryHarness) -> tuple[int, int]:
    found = await b.client.list_tags(b.image(), ANONYMOUS, timeout=MINUTE, tag_filter=NoSignatures())
    return len(found.tags), found.excluded_count


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_a_page_of_any_length_is_read(encoding: str) -> None:
    tags = [f"1.0.{number}" for number in range(1000)]
    body = page_of(images=115_000, tags=tags)
    assert len(body) > 32 << 20
    headers = {"Content-Encoding": encoding} if encoding else {}
    async with run_harness(list_of(gzip.compress(body, 1) if encoding else body, headers)) as b:
        assert await b.tags() == tags


async def test_tags_that_the_exclusion_list_leaves_out_do_not_count() -> None:
    tags = [f"1.0.{number}" for number in range(400)] + [f"sha256-{number:064}.sig" for number in range(600)]
    async with run_harness(RegistryHandler({"app": tags}), settings=RegistrySettings(max_tags=400)) as b:
        assert await listed(b) == (400, 600)
    async with run_harness(RegistryHandler({"app": tags}), settings=RegistrySettings(max_tags=399)) as b:
        with pytest.raises(ResponseTooLarge, match="more than 399 tags besides those that"):
            await listed(b)


@dataclass
class Recorder:
    """A filter that drops the first three tags of each list it is asked about."""

    lists: list[list[str]] = field(default_factory=list)

    __hash__ = object.__hash__

    def begin(self) -> KeepTags:
        asked: list[str] = []
        self.lists.append(asked)

        async def keep(tags: Sequence[str]) -> list[str]:
            before = len(asked)
            asked.extend(tags)
            return asked[max(3, before) :]

        return keep


@pytest.mark.parametrize(("max_tags", "filtered"), [(5, True), (8, False)], ids=["long-for-a-while", "short"])
async def test_a_list_is_filtered_as_a_whole_once_or_not_at_all(max_tags: int, *, filtered: bool) -> None:
    tags, recorder = [f"1.{number}" for number in range(6)] + ["1.sig", "2.0"], Recorder()
    handler = RegistryHandler({"app": tags}, page_size=3)
    async with run_harness(handler, settings=RegistrySettings(max_tags=max_tags)) as b:
        found = await b.client.list_tags(b.image(), ANONYMOUS, timeout=MINUTE, tag_filter=recorder)
    assert recorder.lists == [tags if filtered else []]
    assert found == (ListedTags(tags[3:], is_filtered=True, excluded_count=3) if filtered else ListedTags(tags))


async def test_one_long_page_is_counted_like_many_short_ones() -> None:
    tags = [f"1.0.{number}" for number in range(4000)] + [f"sha256-{number:064}.sig" for number in range(30_000)]
    body = json.dumps({"tags": tags}).encode()
    assert len(body) > KEPT_PAGE_BYTES
    for max_tags, error in ((4000, None), (3999, ResponseTooLarge)):
        async with run_harness(list_of(body), settings=RegistrySettings(max_tags=max_tags)) as b:
            if error:
                with pytest.raises(error, match="leave out more there, or raise --registry-max-tags"):
                    await listed(b)
            else:
                assert await listed(b) == (4000, 30_000)


async def test_a_long_page_that_breaks_off_is_read_anew() -> None:
    tags = [f"{number:0200}" for number in range(8000)]
    body = json.dumps({"tags": tags}).encode()
    registry = RegistryHandler({"app": []}, faults=[Reply(body=body, cut=len(body) - 10), Reply(body=body)])
    async with run_harness(registry, settings=RegistrySettings(max_tags=20_000)) as b:
        assert await b.tags() == tags


async def test_long_pages_of_anything_end() -> None:
    blanks = Reply(body=b'{"tags": [' + b" " * (3 << 20))
    async with run_harness(
        RegistryHandler({"app": []}, faults=[blanks]), settings=RegistrySettings(max_tags=2000)
    ) as b:
        assert "list of tags has more than 2048000 bytes" in await b.expect_error(ResponseTooLarge)


# Page sizes.


@dataclass
class Sizeless:
    """A registry that refuses to be told how long its pages are."""

    registry: RegistryHandler
    status: int = 400

    def __call__(self, asked: ReceivedRequest) -> Reply:
        if "?n=" in asked.target:
            return diagnostics(self.status, "PAGINATION_NUMBER_INVALID", "invalid number of results requested")
        return self.registry(asked)


@pytest.mark.parametrize("status", [400, 405, 416, 422])
async def test_a_registry_that_takes_no_page_size_is_asked_without(status: int) -> None:
    registry = RegistryHandler({"app": ["1.0", "1.1", "1.2"]}, page_size=2)
    async with run_harness(Sizeless(registry, status)) as b:
        assert await b.tags() == ["1.0", "1.1", "1.2"]
        assert b.server.targets()[1:3] == [LIST, PLAIN_LIST]
        del b.server.asked[:]
        await b.tags()
        assert LIST not in b.server.targets()


async def test_a_refused_page_size_is_not_remembered_for_ever_nor_for_others() -> None:
    registry = RegistryHandler({"app": ["1.0"], "other": ["2.0"]})
    async with run_harness(Sizeless(registry)) as b:
        await b.tags()
        await b.tags(repo="other")
        assert b.server.targets().count("GET /v2/other/tags/list?n=1000") == 1
        del b.server.asked[:]
        b.clock.skip(timedelta(hours=7).total_seconds())
        await b.tags()
        assert b.server.targets().count(LIST) == 1


async def test_what_is_refused_without_a_size_as_well_is_reported_as_it_was_asked() -> None:
    answers = [Reply(400, {}, b"bad name"), Reply(404)]
    async with run_harness(RegistryHandler({"app": []}, faults=answers)) as b:
        assert (await b.expect_error(BadResponse)).endswith("n=1000: unexpected status code 400 Bad Request: bad name")
    async with run_harness(RegistryHandler({"other": []})) as b:
        await b.expect_error(ImageNotFound)
        assert b.server.targets().count(PLAIN_LIST) == 0


async def test_a_link_of_a_server_behind_a_proxy_is_followed_where_we_are() -> None:
    registry = RegistryHandler({"app": [f"1.{n}" for n in range(5)]}, page_size=2)

    def behind(asked: ReceivedRequest) -> Reply:
        reply = registry(asked)
        link = reply.headers.get("Link", "").replace("</v2/", "<http://artifactory.internal:8081/api/docker/local/v2/")
        return Reply(reply.status, {**reply.headers, **({"Link": link} if link else {})}, reply.body)

    async with run_harness(behind) as b:
        assert len(await b.tags()) == 5
        assert b.server.targets()[2:] == [f"{PLAIN_LIST}?last=1.{n}&n=1000" for n in (1, 3)]


# Much work for little data.

HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        pytest.param(b"HTTP/1.1 102 \r\n\r\n" * 50_000, "does not begin within 1000 lines", id="interim-answers"),
        pytest.param(HEAD + b"a:\r\n" * 20_000, "does not begin within 1000 lines", id="headers"),
        pytest.param(HEAD + b"a: " + b"x" * 200_000, "malformed HTTP response", id="one-header"),
        pytest.param(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * (FREE_PIECES * 2),
            "1 bytes on average",
            id="chunks-of-one-byte",
        ),
    ],
)
async def test_an_answer_that_is_all_pieces_is_given_up(answer: bytes, complaint: str) -> None:
    async def serve(reader, writer) -> None:  # type: ignore[no-untyped-def]
        request = await reader.read(1 << 16)
        if not request.startswith(b"GET "):
            return
        if b" /v2/ " in request:
            writer.write(HEAD + b"Content-Length: 0\r\n\r\n")
            await reader.read(1 << 16)
        writer.write(answer)
        await writer.drain()
        await reader.read()

    async with run_listener(serve) as address, run_harness(lambda asked: Reply()) as b:
        with pytest.raises(RegistryError, match=complaint):
            await b.client.list_tags(Image(address, "app"), ANONYMOUS, timeout=MINUTE)


async def test_pieces_of_usual_sizes_are_fine() -> None:
    tags = [f"1.0.{number}" for number in range(20_000)]
    body = json.dumps({"tags": tags}).encode()
    pieces = [body[at : at + 200] for at in range(0, len(body), 200)]
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"

    async def serve(reader, writer) -> None:  # type: ignore[no-untyped-def]
        while request := await reader.read(1 << 16):
            if not request.startswith(b"GET "):
                return
            ping = b" /v2/ " in request
            head = b"Content-Length: 0\r\n\r\n" if ping else b"Transfer-Encoding: chunked\r\n\r\n" + chunked
            writer.write(HEAD + head)

    async with run_listener(serve) as address, run_harness(lambda asked: Reply()) as b:
        assert (await b.client.list_tags(Image(address, "app"), ANONYMOUS, timeout=MINUTE)).tags == tags


async def test_pages_that_are_repeated_are_not_decoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = [f"1.0.{number:02}" for number in range(10)]
    handler = RegistryHandler({"app": tags}, page_size=4)
    decoded: list[str] = []

    def note(url: str, *arguments: object, **named: bool) -> list[str]:
        decoded.append(url.partition("?")[2])
        return decode_page(url, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("controllers.registry.pages.decode_page", note)
    async with run_harness(handler) as b:
        first = await b.client.list_tags(b.image(), ANONYMOUS, timeout=MINUTE)
        assert len(decoded) == 3
        again = await b.client.list_tags(b.image(), ANONYMOUS, timeout=MINUTE)
        assert len(decoded) == 3
        assert (len(again.tags), list(again.tags)) == (10, tags)
        assert again.fingerprint == first.fingerprint
        handler.repos["app"] = [*tags[:6], "1.0.05a", *tags[6:]]
        other = await b.client.list_tags(b.image(), ANONYMOUS, timeout=MINUTE)
        assert list(other.tags) == handler.repos["app"]
        assert len(decoded) == 5, "the first page is as it was"
        assert other.fingerprint not in {first.fingerprint, b""}


async def test_pages_that_are_repeated_count_for_the_limit_and_are_filtered() -> None:
    tags = [f"1.0.{number}" for number in range(6)] + ["1.sig", "2.0"]
    handler = RegistryHandler({"app": tags}, page_size=3)
    async with run_harness(handler, settings=RegistrySettings(max_tags=5)) as b:
        for _ in range(3):
            recorder = Recorder()
            found = await b.client.list_tags(b.image(), ANONYMOUS, timeout=MINUTE, tag_filter=recorder)
            assert recorder.lists == [tags]
            assert found == ListedTags(tags[3:], is_filtered=True, excluded_count=3)
            assert found.fingerprint == b""
        with pytest.raises(ResponseTooLarge, match="more than 5 tags"):
            await b.client.list_tags(b.image(), ANONYMOUS, timeout=MINUTE)


@pytest.mark.parametrize("max_tags", [100, 9], ids=["after a new page", "to be filtered"])
async def test_pages_that_are_repeated_and_have_to_be_decoded_hold_the_event_loop_for_one_at_most(
    monkeypatch: pytest.MonkeyPatch, max_tags: int
) -> None:
    tags = ["0a.sig", "0b.sig", "0c.sig"] + [f"1.0.{number}" for number in range(9)]
    handler = RegistryHandler({"app": tags}, page_size=3)
    many = 2 * len('{"name": "app", "tags": ["1.0.0", "1.0.1", "1.0.2"]}') - 10
    monkeypatch.setattr("controllers.registry.pages.LARGE_PAGE_BYTES", many)
    on_loop: list[int] = []

    def note(listing: Listing) -> None:
        if threading.current_thread() is threading.main_thread():
            on_loop.append(listing.unread_bytes)
        read(listing)

    read = Listing.read
    monkeypatch.setattr(Listing, "read", note)
    async with run_harness(handler, settings=RegistrySettings(max_tags=max_tags)) as b:
        await listed(b)
        if max_tags == 100:
            handler.repos["app"] = ["0aa.sig", *tags[1:]]
        on_loop.clear()
        found = await b.client.list_tags(b.image(), ANONYMOUS, timeout=MINUTE, tag_filter=NoSignatures())
        assert len(found.tags) >= 9
        assert max(on_loop) < many


async def test_a_page_of_errors_is_refused_each_time() -> None:
    async with run_harness(list_of(b'{"name":"app","errors":[{}]}')) as b:
        for _ in range(2):
            with pytest.raises(BadResponse, match="expected a list of tags"):
                await b.tags()
