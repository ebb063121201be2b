"""The verbs over real sockets, against a server that misbehaves on command."""

import gzip
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from api.resource import Resource
from cli.kube.client import Cluster
from cli.kube.connection import Connection, Identity
from cli.kube.credentials import FixedIdentity
from cli.kube.deadline import Deadline, TimedOut
from cli.kube.objects import NoSuchKind, field_is
from controllers.runtime.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    ServerError,
    Throttled,
    Unauthorized,
    Unreachable,
    Unreadable,
)
from testing.scripted_http import Answer, ScriptedHttp, as_json

THINGS = Resource("example.com", "v1", "things", "Thing")
LONG = "because " * 100


def status(code: int, reason: str, message: str = "scripted", **headers: str) -> Answer:
    return as_json({"kind": "Status", "message": message, "reason": reason, "code": code}, code, **headers)


def page(*names: str, token: str = "", version: str = "7") -> Answer:
    items = [{"metadata": {"name": name, "uid": f"uid-{name}"}} for name in names]
    return as_json({"kind": "ThingList", "metadata": {"resourceVersion": version, "continue": token}, "items": items})


def event(kind: str, name: str, version: str) -> bytes:
    return (
        json.dumps({"type": kind, "object": {"metadata": {"name": name, "resourceVersion": version}}}).encode() + b"\n"
    )


class Clock:
    """Time that goes by in pauses only."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def deadline(self, seconds: float) -> Deadline:
        return Deadline(seconds, monotonic=self.monotonic, sleep=self.sleep)


class Renewable:
    """Tokens that are refused one after the other."""

    def __init__(self) -> None:
        self.number = 1

    def identity(self, deadline: Deadline) -> Identity:
        return Identity(f"Bearer token-{self.number}")

    def renew(self) -> bool:
        self.number += 1
        return True


def cluster(server: ScriptedHttp | str, **settings: Any) -> Cluster:
    url = server if isinstance(server, str) else server.url
    deadline = settings.pop("deadline", None) or Deadline(10)
    settings.setdefault("credentials", FixedIdentity(Identity("Bearer hush")))
    return Cluster(Connection(url, **settings), deadline, user_agent="tagline/test")


def names(items: Any) -> list[str]:
    return [item["metadata"]["name"] for item in items]


def test_what_is_sent() -> None:
    headers = (("Impersonate-User", "jane"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b"))
    with ScriptedHttp(Answer()) as server, cluster(server, headers=headers, namespace="apps") as api:
        assert (api.namespace, api.server) == ("apps", server.url)
        api.get(THINGS, "apps", "a")
        api.create(THINGS, "apps", {"metadata": {"name": "a"}}, manager="me")
        api.update(THINGS, "apps", "a", {"spec": {}})
        api.patch(THINGS, "apps", "a", {"status": 1}, subresource="status", manager="me")
        api.apply(THINGS, "apps", "a", {"spec": 1}, manager="me", force=True, dry_run=True)
        api.delete(THINGS, "apps", "a", propagation="Orphan", uid="u1")
        assert api.raw("/healthz", {"verbose": "1"}) == b"{}"
        assert api.server_version() == {}
    base = "/apis/example.com/v1/namespaces/apps/things"
    assert [f"{request.method} {request.target}" for request in server.requests] == [
        f"GET {base}/a",
        f"POST {base}?fieldManager=me",
        f"PUT {base}/a",
        f"PATCH {base}/a/status?fieldManager=me",
        f"PATCH {base}/a?fieldManager=me&force=true&dryRun=All",
        f"DELETE {base}/a",
        "GET /healthz?verbose=1",
        "GET /version",
    ]
    assert {request.connection for request in server.requests} == {1}, "the connection is not kept"
    first, create, _, patch, apply, delete, *_ = server.requests
    assert first.header("Authorization") == "Bearer hush"
    assert first.header("User-Agent") == "tagline/test"
    assert first.header("Impersonate-Group") == "a, b"
    assert create.json == {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}}
    assert patch.header("Content-Type") == "application/merge-patch+json"
    assert apply.header("Content-Type") == "application/apply-patch+yaml"
    assert delete.json["preconditions"] == {"uid": "u1"}
    assert delete.json["propagationPolicy"] == "Orphan"


def test_names_of_people_are_sent_in_utf_8() -> None:
    headers = (("Impersonate-User", "jürgen 名"),)
    with ScriptedHttp(Answer()) as server, cluster(server, headers=headers) as api:
        api.get(THINGS, "apps", "a")
    assert server.requests[0].header("Impersonate-User").encode("latin-1").decode() == "jürgen 名"


def test_a_list_is_read_in_pages_and_its_items_get_their_kind() -> None:
    with ScriptedHttp(page("a", "b", token="t"), page("c")) as server, cluster(server) as api:
        items = list(api.list(THINGS, labels="x=y", fields="metadata.name=a", page_size=2))
    assert names(items) == ["a", "b", "c"]
    assert {(item["apiVersion"], item["kind"]) for item in items} == {("example.com/v1", "Thing")}
    assert [request.query for request in server.requests] == [
        {"labelSelector": "x=y", "fieldSelector": "metadata.name=a", "limit": "2"},
        {"labelSelector": "x=y", "fieldSelector": "metadata.name=a", "limit": "2", "continue": "t"},
    ]


@pytest.mark.parametrize(
    ("read", "want"),
    [
        pytest.param(lambda api: names(api.list(THINGS)), ["a", "b", "c"], id="list-yields-nothing-twice"),
        pytest.param(lambda api: names(api.list_versioned(THINGS)[0]), ["b", "c"], id="list-versioned-begins-anew"),
    ],
)
def test_a_list_whose_token_is_too_old_is_asked_anew(read: Callable[[Cluster], Any], want: list[str]) -> None:
    answers = (page("a", "b", token="t"), status(410, "Expired"), page("b", "c", version="9"))
    with ScriptedHttp(*answers) as server, cluster(server) as api:
        assert read(api) == want
    assert "continue" not in server.requests[2].query


@pytest.mark.parametrize("items", [5, [1], "x"])
def test_a_page_that_is_no_list(items: object) -> None:
    with ScriptedHttp(as_json({"items": items})) as server, cluster(server) as api, pytest.raises(Unreadable):
        list(api.list(THINGS))


def test_an_empty_list() -> None:
    with ScriptedHttp(as_json({"items": None})) as server, cluster(server) as api:
        assert list(api.list(THINGS)) == []


def test_a_list_knows_where_a_watch_begins() -> None:
    with ScriptedHttp(page("a", token="t"), page("b")) as server, cluster(server) as api:
        items, version = api.list_versioned(THINGS)
    assert (names(items), version) == (["a", "b"], "7")


NO_SUCH_PATH = Answer((b"404 page not found\n",), 404)


@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.get(THINGS, "apps", "a"),
        lambda api: list(api.list(THINGS)),
        lambda api: api.create(THINGS, "apps", {"metadata": {"name": "a"}}),
        lambda api: api.patch(THINGS, "apps", "a", {}),
    ],
)
def test_a_kind_or_a_version_of_it_that_is_not_served_is_named(call: Callable[[Cluster], object]) -> None:
    """Of a path that it does not know a server says no more than that."""
    expected = '^no matches for kind "Thing" in version "example.com/v1"$'
    with ScriptedHttp(NO_SUCH_PATH) as server, cluster(server) as api, pytest.raises(NoSuchKind) as caught:
        call(api)
    assert re.fullmatch(expected, caught.value.message)


@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.get(THINGS, "apps", ""),
        lambda api: api.patch(THINGS, "apps", "", {}),
        lambda api: api.update(THINGS, "apps", "", {}),
        lambda api: api.apply(THINGS, "apps", "", {}, manager="me"),
        lambda api: api.delete(THINGS, "apps", ""),
    ],
)
def test_an_empty_name_does_not_stand_for_all_objects(call: Callable[[Cluster], object]) -> None:
    with ScriptedHttp(Answer()) as server, cluster(server) as api:
        with pytest.raises(Invalid) as caught:
            call(api)
        assert (caught.value.message, server.requests) == ("resource name may not be empty", [])


def test_a_selector_that_cannot_be_read_is_named() -> None:
    refusal = status(400, "BadRequest", "found '==', expected: identifier")
    with ScriptedHttp(refusal) as server, cluster(server) as api, pytest.raises(Invalid) as caught:
        list(api.list(THINGS, labels="=="))
    said = "unable to parse label selector: couldn't parse the selector string \"==\": found '==', expected: identifier"
    assert caught.value.message == said


def test_a_field_selector_holds_any_value() -> None:
    assert field_is("metadata.name", "a,b=c\\d") == "metadata.name=a\\,b\\=c\\\\d"


def test_gone_without_a_token_is_raised() -> None:
    with ScriptedHttp(status(410, "Expired")) as server, cluster(server) as api, pytest.raises(Gone):
        list(api.list(THINGS))


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", Invalid),
        (401, "Unauthorized", Unauthorized),
        (403, "Forbidden", Forbidden),
        (404, "NotFound", NotFound),
        (409, "Conflict", Conflict),
        (409, "AlreadyExists", AlreadyExists),
        (422, "Invalid", Invalid),
        (429, "TooManyRequests", Throttled),
        (500, "InternalError", ServerError),
    ],
)
def test_refusals_keep_what_the_server_says(code: int, reason: str, kind: type[ApiError]) -> None:
    with (
        ScriptedHttp(status(code, reason, LONG)) as server,
        cluster(server) as api,
        pytest.raises(kind) as caught,
    ):
        api.get(THINGS, "apps", "a")
    assert type(caught.value) is kind
    assert caught.value.message == LONG
    assert str(caught.value) == f"get things apps/a: {code} {reason}: {LONG}"
    assert "hush" not in repr(caught.value)


def test_an_answer_that_is_not_a_status_is_quoted_on_one_line_without_control_characters() -> None:
    with (
        ScriptedHttp(Answer([b"<html>\n\x1b[31mBad gateway"], 502)) as server,
        cluster(server) as api,
        pytest.raises(ServerError) as caught,
    ):
        api.get(THINGS, "apps", "a")
    assert caught.value.message == "<html> \\x1b[31mBad gateway"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff", b"[" * 100_000])
def test_an_answer_that_is_not_an_object(body: bytes) -> None:
    with ScriptedHttp(Answer([body])) as server, cluster(server) as api, pytest.raises(Unreadable, match="is that an"):
        api.get(THINGS, "apps", "a")


def test_a_throttling_server_is_waited_for() -> None:
    clock = Clock()
    answers = (status(429, "TooManyRequests", Retry_After="3"), status(503, "Busy", Retry_After="4"), Answer())
    with ScriptedHttp(*answers) as server, cluster(server, deadline=clock.deadline(10)) as api:
        api.create(THINGS, "apps", {})
    assert clock.slept == [3.0, 4.0]


def test_a_wait_beyond_the_deadline_is_the_servers_error() -> None:
    clock = Clock()
    with (
        ScriptedHttp(status(429, "TooManyRequests", Retry_After="11")) as server,
        cluster(server, deadline=clock.deadline(10)) as api,
        pytest.raises(Throttled),
    ):
        api.get(THINGS, "apps", "a")
    assert clock.slept == []


def test_credentials_are_asked_anew_once() -> None:
    answers = (status(401, "Unauthorized"), Answer(), status(401, "Unauthorized"))
    with ScriptedHttp(*answers) as server, cluster(server, credentials=Renewable()) as api:
        api.get(THINGS, "apps", "a")
        with pytest.raises(Unauthorized):
            api.get(THINGS, "apps", "a")
    tokens = [request.header("Authorization")[-1] for request in server.requests]
    assert tokens == ["1", "2", "2", "3"]


def test_an_idle_connection_that_was_closed_is_opened_again() -> None:
    with ScriptedHttp(Answer()) as server, cluster(server) as api:
        api.get(THINGS, "apps", "a")
        server.close_idle()
        api.create(THINGS, "apps", {})
    assert [request.connection for request in server.requests] == [1, 2]


def test_a_read_is_repeated_on_a_new_connection_and_a_write_is_not() -> None:
    dropped = Answer([], drop=True)
    with ScriptedHttp(Answer(), dropped, Answer(), dropped) as server, cluster(server) as api:
        api.get(THINGS, "apps", "a")
        api.get(THINGS, "apps", "a")
        with pytest.raises(Unreachable):
            api.create(THINGS, "apps", {})
    assert [request.method for request in server.requests] == ["GET", "GET", "GET", "POST"]


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one() -> None:
    with (
        ScriptedHttp(Answer([b'{"a":1}', b" "], drop=True)) as server,
        cluster(server) as api,
        pytest.raises(Unreachable, match="cannot reach the API server"),
    ):
        api.get(THINGS, "apps", "a")


@pytest.mark.parametrize("compress", [True, False])
def test_compressed_answers(*, compress: bool) -> None:
    body = gzip.compress(b'{"a":"b"}')
    answer = Answer([body[:5], body[5:]], headers={"Content-Encoding": "gzip"}) if compress else Answer([b'{"a":"b"}'])
    with ScriptedHttp(answer) as server, cluster(server, compress=compress) as api:
        assert api.get(THINGS, "apps", "a") == {"a": "b"}
        assert api.get(THINGS, "apps", "a") == {"a": "b"}
    assert server.requests[0].header("Accept-Encoding") == ("gzip" if compress else "identity")
    assert {request.connection for request in server.requests} == {1}


def test_our_own_deadline_says_so() -> None:
    with (
        ScriptedHttp(Answer([b"{"], hold=True)) as server,
        cluster(server, deadline=Deadline(0.2)) as api,
        pytest.raises(TimedOut) as caught,
    ):
        api.get(THINGS, "apps", "a")
    assert str(caught.value) == caught.value.message
    assert caught.value.message.startswith("get things apps/a: not done within --timeout=0.2s")


def test_nothing_is_tried_behind_the_deadline() -> None:
    with cluster("http://127.0.0.1:1", deadline=Clock().deadline(0)) as api, pytest.raises(TimedOut):
        api.get(THINGS, "apps", "a")


def test_unreachable_is_one_line() -> None:
    with cluster("http://127.0.0.1:1") as api, pytest.raises(Unreachable) as caught:
        api.get(THINGS, "apps", "a")
    message = caught.value.message
    assert str(caught.value) == message
    assert message.startswith("cannot reach the API server at http://127.0.0.1:1: Connection refused; check that")
    assert "\n" not in message


def test_names_that_lead_elsewhere_are_refused() -> None:
    with cluster("http://127.0.0.1:1") as api, pytest.raises(Invalid):
        api.get(THINGS, "..", "a")


def test_a_watch_goes_on_where_the_server_ends_it() -> None:
    first = Answer([event("ADDED", "a", "8")[:20], event("ADDED", "a", "8")[20:] + event("BOOKMARK", "", "20")])
    second = Answer([event("MODIFIED", "a", "21")], drop=True)
    third = Answer([event("DELETED", "a", "22")], hold=True)
    with (
        ScriptedHttp(first, second, third) as server,
        cluster(server) as api,
        closing(api.watch(THINGS, "apps", fields="metadata.name=a", resource_version="7", timeout=5)) as events,
    ):
        found = [next(events) for _ in range(3)]
    assert [(kind, obj["metadata"]["name"]) for kind, obj in found] == [
        ("ADDED", "a"),
        ("MODIFIED", "a"),
        ("DELETED", "a"),
    ]
    assert [request.query["resourceVersion"] for request in server.requests] == ["7", "20", "21"]
    assert server.requests[0].query["allowWatchBookmarks"] == "true"


def test_a_watch_ends_with_its_own_time() -> None:
    with ScriptedHttp(Answer([b"\n"], hold=True)) as server, cluster(server) as api:
        assert list(api.watch(THINGS, resource_version="7", timeout=0.1)) == []


def test_a_watch_ends_with_an_error_at_the_deadline() -> None:
    with (
        ScriptedHttp(Answer([b"\n"], hold=True)) as server,
        cluster(server, deadline=Deadline(0.2)) as api,
        pytest.raises(TimedOut, match="watch things"),
    ):
        list(api.watch(THINGS, resource_version="7", timeout=60))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(status(410, "Expired"), id="answer"),
        pytest.param(
            Answer([json.dumps({"type": "ERROR", "object": {"code": 410, "reason": "Expired"}}).encode() + b"\n"]),
            id="event",
        ),
    ],
)
def test_a_watch_whose_version_is_too_old(answer: Answer) -> None:
    with ScriptedHttp(answer) as server, cluster(server) as api, pytest.raises(Gone):
        list(api.watch(THINGS, resource_version="7", timeout=5))


def test_a_watch_that_cannot_be_opened_gives_up_after_a_minute() -> None:
    clock = Clock()
    with cluster("http://127.0.0.1:1", deadline=clock.deadline(600)) as api, pytest.raises(Unreachable):
        list(api.watch(THINGS, resource_version="7", timeout=300))
    assert clock.slept == [1.0] * 60


def test_a_watch_says_at_its_end_that_the_server_is_away() -> None:
    clock = Clock()
    with cluster("http://127.0.0.1:1", deadline=clock.deadline(5)) as api, pytest.raises(Unreachable):
        list(api.watch(THINGS, resource_version="7", timeout=300))


def test_a_watch_outlives_a_restart_of_the_server() -> None:
    """While it begins it answers with errors, and knows no roles yet."""
    clock = Clock()
    away = (
        Answer((), drop=True),
        status(500, "InternalError"),
        status(429, "TooManyRequests"),
        status(403, "Forbidden"),
    )
    answers = (Answer([event("ADDED", "a", "8")]), *away, Answer([event("MODIFIED", "a", "9")], hold=True))
    with (
        ScriptedHttp(*answers) as server,
        cluster(server, deadline=clock.deadline(60)) as api,
        closing(api.watch(THINGS, resource_version="7", timeout=50)) as events,
    ):
        assert [next(events)[0] for _ in range(2)] == ["ADDED", "MODIFIED"]
    assert {request.query["resourceVersion"] for request in server.requests[1:]} == {"8"}


@pytest.mark.parametrize("answer", [status(403, "Forbidden"), Answer([b"no event\n"])])
def test_a_watch_that_is_refused_ends_at_once(answer: Answer) -> None:
    clock = Clock()
    with ScriptedHttp(answer) as server, cluster(server, deadline=clock.deadline(60)) as api:
        with pytest.raises(ApiError):
            list(api.watch(THINGS, resource_version="7", timeout=50))
        assert len(server.requests) == 1


def test_lines_are_streamed_as_they_come() -> None:
    with ScriptedHttp(Answer([b"one\ntw", b"o\n\nlast"], hold=True)) as server, cluster(server) as api:
        lines = api.stream_lines("/api/v1/namespaces/a/pods/p/log", {"follow": "true"}, timeout=5)
        assert [next(lines) for _ in range(3)] == [b"one", b"two", b""]
        server.released.set()
        assert list(lines) == [b"last"]


def test_nothing_slow_is_imported_and_no_thread_is_left() -> None:
    program = (
        "import sys, cli.kube.client, cli.kube.config, threading;"
        "print(sorted({'asyncio','aiohttp','httpx','msgspec','yaml','kubernetes','email','subprocess','tempfile'}"
        " & sys.modules.keys()), threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[] 1\n"


def test_no_threads() -> None:
    with ScriptedHttp(Answer()) as server:
        before = threading.active_count()
        with cluster(server) as api:
            api.get(THINGS, "apps", "a")
            assert threading.active_count() - before <= 1, "the server's own"
