"""`controllers.registry.client`: what it makes of a registry's answers, and when it sends a request again."""

import gzip
import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta

import pytest

from controllers.image.reference import BadReference, Image
from controllers.registry import pages
from controllers.registry.access import Access
from controllers.registry.client import RegistryClient
from controllers.registry.dockerconfig import Credentials
from controllers.registry.errors import (
    BadResponse,
    Denied,
    ImageNotFound,
    RegistryError,
    ResponseTooLarge,
    Throttled,
    Unavailable,
)
from controllers.registry.settings import RegistrySettings
from controllers.registry.tags import KeepTags
from testing.clock import VirtualClock
from testing.registry_harness import ANONYMOUS, LIST, LIST_URL, MINUTE, run_harness
from testing.registry_server import HANG_UP, RegistryHandler, Reply, diagnostics

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        pytest.param(
            diagnostics(404, "NAME_UNKNOWN", "repository name not known to registry"),
            ImageNotFound,
            f"GET {LIST_URL}: NAME_UNKNOWN: repository name not known to registry",
            id="not-found",
        ),
        pytest.param(
            diagnostics(403, "DENIED", "requested access to the resource is denied"),
            Denied,
            f"GET {LIST_URL}: DENIED: requested access to the resource is denied",
            id="denied",
        ),
        pytest.param(
            Reply(403, {}, b'{"errors": [{"code": "DENIED", "detail": 1%s}]}' % (b"0" * 400)),
            Denied,
            f"GET {LIST_URL}: DENIED: ; ...",
            id="number-beyond-all",
        ),
        pytest.param(
            Reply(200, {"Content-Type": "text/html"}, b"<html>\n<title>hi"),
            BadResponse,
            f"GET {LIST_URL}: expected a list of tags in JSON, got text/html: <html> <title>hi",
            id="html",
        ),
        pytest.param(
            Reply(200, {"Content-Encoding": "gzip"}, b"no gzip"),
            BadResponse,
            f"GET {LIST_URL}: body is not the gzip it claims to be",
            id="no-gzip",
        ),
        pytest.param(
            Reply(200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(40 << 20))),
            BadResponse,
            f"GET {LIST_URL}: expected a list of tags in JSON, got no content type: ",
            id="bomb",
        ),
        pytest.param(
            Reply(200, {}, json.dumps({"tags": ["x" * 600]}).encode()),
            ResponseTooLarge,
            f"GET {LIST_URL}: a tag has more than 512 characters",
            id="long-tag",
        ),
        pytest.param(
            Reply(410, {}, b"y" * 300),
            BadResponse,
            f"GET {LIST_URL}: unexpected status code 410 Gone: ",
            id="cut",
        ),
    ],
)
async def test_answer_without_tags_is_reported(reply: Reply, kind: type[RegistryError], message: str) -> None:
    async with run_harness(RegistryHandler({"app": []}, faults=[reply])) as b:
        found = await b.expect_error(kind)
    assert found.startswith(message)
    assert len(found) < len(message) + 260


async def test_digest_of_the_header_is_believed() -> None:
    async with run_harness(RegistryHandler({"app": ["1.0"]}, digests={"1.0": DIGEST})) as b:
        assert await b.digest() == DIGEST
        assert b.server.targets()[1:] == ["HEAD /v2/app/manifests/1.0"]
        assert "application/vnd.oci.image.index.v1+json" in b.server.asked[1].headers["accept"]


@pytest.mark.parametrize("faults", [[], [Reply(405)]], ids=["no-header", "no-head"])
async def test_digest_is_computed_where_the_registry_sends_none(faults: list[Reply]) -> None:
    async with run_harness(RegistryHandler({"app": ["1.0"]}, faults=faults)) as b:
        assert await b.digest() == f"sha256:{hashlib.sha256(b'manifest of 1.0').hexdigest()}"
        assert b.server.targets()[1:] == ["HEAD /v2/app/manifests/1.0", "GET /v2/app/manifests/1.0"]


async def test_a_digest_that_is_none_is_refused() -> None:
    async with run_harness(RegistryHandler({"app": ["1.0"]}, digests={"1.0": "sha256:short"})) as b:
        with pytest.raises(BadResponse, match="Docker-Content-Digest is not a digest"):
            await b.digest()


async def test_missing_manifest_is_reported_without_a_body() -> None:
    async with run_harness(RegistryHandler({"other": []})) as b:
        with pytest.raises(ImageNotFound) as caught:
            await b.digest()
    assert str(caught.value).endswith(
        "/v2/app/manifests/1.0: unexpected status code 404 Not Found (HEAD responses have no body, use GET for details)"
    )


@pytest.mark.parametrize("tag", ["..", "a/b", "", "x" * 129, "a?b"])
async def test_digest_of_what_is_no_tag_is_not_asked_for(tag: str) -> None:
    async with run_harness(RegistryHandler({"app": []})) as b:
        with pytest.raises(BadReference):
            await b.digest(tag)
        assert b.server.asked == []


@pytest.mark.parametrize(
    "image", [Image("x]y.z", "app"), Image("a.b:99999", "app"), Image("a.b", "../admin")], ids=["host", "port", "dots"]
)
async def test_a_reference_that_is_no_address_is_refused(image: Image) -> None:
    client = RegistryClient(clock=VirtualClock(auto_advance=True), user_agent="test")
    with pytest.raises(BadReference):
        await client.list_tags(image, ANONYMOUS, timeout=MINUTE)


@pytest.mark.parametrize("status", [408, 429, 499, 500, 502, 503, 504, 522])
async def test_a_fault_that_passes_is_waited_for(status: int) -> None:
    async with run_harness(RegistryHandler({"app": ["1.0"]}, faults=[Reply(status), Reply(status)])) as b:
        assert await b.tags() == ["1.0"]
        assert b.clock.slept == [1, 3]


async def test_a_fault_that_stays_is_reported_after_three_attempts() -> None:
    fault = diagnostics(500, "UNKNOWN", "out of order")
    async with run_harness(RegistryHandler({"app": []}, faults=[fault] * 4)) as b:
        assert await b.expect_error(Unavailable) == f"GET {LIST_URL}: UNKNOWN: out of order"
        assert b.server.targets().count(LIST) == 3


async def test_a_connection_that_breaks_off_is_made_anew() -> None:
    page = json.dumps({"tags": ["1.0"]}).encode()
    async with run_harness(RegistryHandler({"app": ["1.0"]}, faults=[HANG_UP, Reply(body=page, cut=3)])) as b:
        assert await b.tags() == ["1.0"]
        assert b.clock.slept == [1, 3]


async def test_retry_after_is_honoured_within_the_deadline() -> None:
    async with run_harness(RegistryHandler({"app": ["1.0"]}, faults=[Reply(429, {"Retry-After": "7"})])) as b:
        assert await b.tags() == ["1.0"]
        assert b.clock.slept == [7]


@pytest.mark.parametrize(
    ("retry_after", "timeout"),
    [pytest.param("50", timedelta(seconds=40), id="deadline"), pytest.param("50", timedelta(hours=1), id="too-long")],
)
async def test_retry_after_beyond_reach_is_handed_on(retry_after: str, timeout: timedelta) -> None:
    fault = diagnostics(429, "TOOMANYREQUESTS", "slow down", {"Retry-After": retry_after})
    async with run_harness(RegistryHandler({"app": ["1.0"]}, faults=[fault])) as b:
        with pytest.raises(Throttled) as caught:
            await b.tags(timeout=timeout)
        assert caught.value.retry_after == timedelta(seconds=50)
        assert str(caught.value).endswith("/v2/app/tags/list?n=1000: TOOMANYREQUESTS: slow down")
        assert b.clock.slept == []


async def test_a_registry_that_throttles_is_left_alone_until_it_may_be_asked() -> None:
    fault = diagnostics(429, "TOOMANYREQUESTS", "slow down", {"Retry-After": "50"})
    async with run_harness(RegistryHandler({"app": ["1.0"]}, faults=[fault])) as b:
        first = await b.expect_error(Throttled)
        asked = len(b.server.asked)
        assert await b.expect_error(Throttled) == first
        assert len(b.server.asked) == asked
        assert await b.tags(Access(Credentials("other", "identity"))) == ["1.0"]
        b.clock.skip(51)
        assert await b.tags() == ["1.0"]


async def test_an_exhausted_rate_limit_is_noticed_on_a_good_answer() -> None:
    page = Reply(headers={"RateLimit-Remaining": "0;w=60", "RateLimit-Reset": "30"}, body=b'{"tags": ["1.0"]}')
    async with run_harness(RegistryHandler({"app": ["1.0"]}, faults=[page])) as b:
        assert await b.tags() == ["1.0"]
        assert await b.expect_error(Throttled) == f"GET {LIST_URL}: registry's rate limit is used up"


@pytest.mark.parametrize("raised", [OverflowError("x"), KeyError("x"), RecursionError("x"), ValueError("s3cret")])
async def test_whatever_a_parser_raises_over_an_answer_is_an_answer_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    def fail(*_: object, **__: object) -> list[str]:
        raise raised

    monkeypatch.setattr(pages, "decode_page", fail)
    async with run_harness(RegistryHandler({"app": ["1.0"]})) as b:
        found = await b.expect_error(BadResponse)
    assert found == f"GET {LIST_URL}: the answer cannot be read ({type(raised).__name__})"


class FailingFilter:
    """A filter that fails for a reason of its own."""

    def begin(self) -> KeepTags:
        async def keep(tags: Sequence[str]) -> list[str]:
            raise FilterFailed(*tags)

        return keep


class FilterFailed(Exception):
    """The reason."""


async def test_faults_of_a_filter_are_not_taken_for_those_of_an_answer() -> None:
    async with run_harness(RegistryHandler({"app": ["1.0", "1.1"]}), settings=RegistrySettings(max_tags=1)) as b:
        with pytest.raises(FilterFailed):
            await b.client.list_tags(b.image(), ANONYMOUS, timeout=MINUTE, tag_filter=FailingFilter())
