"""`controllers.registry`: registries that misbehave, one row a fault, the same rows as in docs/registries.md."""

import gzip
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.cluster import Space, eventually
from e2e.objects import image_repository
from e2e.registry_servers import Fault, HostileRegistry, HostileRegistryHandler

DOCS = Path(__file__).parent.parent / "docs" / "registries.md"
PAGE = "application/json"
BOMB = gzip.compress(b"\x00" * (64 << 20), 9)
AWAY = '<http://elsewhere.example/v2/app/tags/list/2>; rel="next"'
METADATA = "http://169.254.169.254/latest/meta-data/"


def cut(hostile: HostileRegistryHandler) -> None:
    hostile.begin(200, Content_Length="1000", Content_Type=PAGE)
    hostile.wfile.write(b'{"tags": ["1.0')
    hostile.close_connection = True


def drip(hostile: HostileRegistryHandler) -> None:
    hostile.begin(200, Content_Length="100000", Content_Type=PAGE)
    while not hostile.server.closing.wait(0.1):
        hostile.wfile.write(b" ")


def huge(hostile: HostileRegistryHandler) -> None:
    hostile.begin(200, Content_Length=str(1 << 30), Content_Type=PAGE)
    for _ in range(1 << 10):
        hostile.wfile.write(b" " * (1 << 20))


def circle(hostile: HostileRegistryHandler) -> None:
    hostile.tags("1.0", Link=f'<{hostile.path}>; rel="next"')


def endless(hostile: HostileRegistryHandler) -> None:
    number = len(hostile.server.requests)
    hostile.tags(f"1.0.{number}", Link=f'</v2/app/tags/list?last={number}>; rel="next"')


def many(hostile: HostileRegistryHandler) -> None:
    number = len(hostile.server.requests)
    tags = json.dumps({"tags": [f"{number}-{tag}" for tag in range(60_000)]}).encode()
    hostile.answer(200, tags, Link=f'</v2/app/tags/list?last={number}>; rel="next"')


def crumbs(hostile: HostileRegistryHandler) -> None:
    hostile.begin(200, Transfer_Encoding="chunked", Content_Type=PAGE)
    for _ in range(100):
        hostile.wfile.write(b"1\r\n \r\n" * 1000)
    hostile.close_connection = True


def interim(hostile: HostileRegistryHandler) -> None:
    hostile.wfile.write(b"HTTP/1.1 102 Processing\r\n\r\n" * 2000)
    hostile.close_connection = True


def silent(hostile: HostileRegistryHandler) -> None:
    hostile.server.closing.wait()
    hostile.close_connection = True


ROWS: list[tuple[str, Fault, str, str]] = [
    ("unauthorized", lambda h: h.refuse(401, "UNAUTHORIZED"), "ReadOperationFailed", "UNAUTHORIZED: no"),
    ("forbidden", lambda h: h.refuse(403, "DENIED"), "ReadOperationFailed", "DENIED: no"),
    ("unknown-repository", lambda h: h.refuse(404, "NAME_UNKNOWN"), "ReadOperationFailed", "NAME_UNKNOWN: no"),
    (
        "throttled",
        lambda h: h.refuse(429, "TOOMANYREQUESTS", Retry_After="3600"),
        "ReadOperationFailed",
        "TOOMANYREQUESTS: no",
    ),
    ("server-error", lambda h: h.answer(500, b"oops"), "ReadOperationFailed", "500 Internal Server Error: oops"),
    (
        "unavailable-for-a-while",
        lambda h: h.answer(503, b"", Retry_After="3600"),
        "ReadOperationFailed",
        "503 Service Unavailable",
    ),
    ("connection-cut", cut, "ReadOperationFailed", "EOF"),
    ("silent", silent, "ReadOperationFailed", "context deadline exceeded"),
    ("slow-drip", drip, "ReadOperationFailed", "context deadline exceeded"),
    (
        "login-page",
        lambda h: h.answer(200, b"<html>", Content_Type="text/html"),
        "ReadOperationFailed",
        "expected a list of tags in JSON, got text/html: <html>",
    ),
    ("other-json", lambda h: h.answer(200, b'{"tags": 5}'), "ReadOperationFailed", "expected a list of tags in JSON"),
    ("gigabyte", huge, "ReadOperationFailed", "list of tags has more than 256000000 bytes"),
    (
        "compressed-bomb",
        lambda h: h.answer(200, BOMB, Content_Encoding="gzip"),
        "ReadOperationFailed",
        "expected a list of tags in JSON",
    ),
    (
        "unknown-encoding",
        lambda h: h.answer(200, b"x", Content_Encoding="br"),
        "ReadOperationFailed",
        "an encoding we did not ask for, 'br'",
    ),
    ("next-page-elsewhere", lambda h: h.tags("1.0", Link=AWAY), "ReadOperationFailed", "on another origin"),
    ("pages-in-a-circle", circle, "ReadOperationFailed", "goes round in a circle"),
    ("endless-pages", endless, "ReadOperationFailed", "more than 2000 pages"),
    ("endless-tags", many, "ReadOperationFailed", "more than 250000 tags"),
    ("endless-tag", lambda h: h.tags("x" * 1000), "ReadOperationFailed", "more than 512 characters"),
    (
        "redirect-loop",
        lambda h: h.answer(307, b"", Location=h.path),
        "ReadOperationFailed",
        "stopped after 10 redirects",
    ),
    (
        "redirect-to-a-file",
        lambda h: h.answer(302, b"", Location="file:///etc/passwd"),
        "ReadOperationFailed",
        "not followed",
    ),
    (
        "redirect-inside",
        lambda h: h.answer(302, b"", Location=METADATA),
        "ReadOperationFailed",
        "169.254.169.254 is refused, because it is link-local",
    ),
    (
        "realm-inside",
        lambda h: h.answer(401, b"", WWW_Authenticate=f'Bearer realm="{METADATA}"'),
        "ReadOperationFailed",
        "169.254.169.254 is refused, because it is link-local",
    ),
    ("crumbs", crumbs, "ReadOperationFailed", "pieces of 1 bytes on average"),
    ("interim-answers", interim, "ReadOperationFailed", "does not begin within 1000 lines"),
]


@pytest.fixture
def hostile() -> Iterator[Callable[[Fault], HostileRegistry]]:
    """Yield a function that starts hostile hosts; they are stopped afterwards."""
    hosts: list[HostileRegistry] = []

    def make(fault: Fault) -> HostileRegistry:
        hosts.append(HostileRegistry(fault))
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()


@pytest.mark.parametrize(("fault", "reason", "message"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_fault(
    space: Space, hostile: Callable[[Fault], HostileRegistry], fault: Fault, reason: str, message: str
) -> None:
    slow = fault in (silent, drip)
    host = hostile(fault)
    image_repository(space, "app", f"{host.host}/app", timeout="2s" if slow else "30s")
    found = space.wait_not_ready("ImageRepository", "app", reason=reason, message=re.escape(message), seconds=40)
    ready = next(one for one in found["status"]["conditions"] if one["type"] == "Ready")
    assert ready["message"].startswith("scan failed: ")
    assert len(ready["message"]) <= 1024
    host.fault = lambda h: h.tags("1.0.0")
    if "3600" not in str(fault.__code__.co_consts):  # else it is left alone, as it asked
        space.request("ImageRepository", "app")
        space.wait_ready("ImageRepository", "app", message="found 1 tags", seconds=40)


def test_the_table_in_the_documentation_has_the_same_rows() -> None:
    table = DOCS.read_text().partition("<!-- faults -->")[2].partition("<!-- end of faults -->")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\| `(\w+)` \| (.*) \|$", table, re.MULTILINE)
    conditions = [(name, reason, message.strip("`")) for name, reason, message in rows]
    assert conditions == [(name, reason, message) for name, _, reason, message in ROWS]


def test_a_registry_that_asked_for_an_hour_is_left_alone(
    space: Space, hostile: Callable[[Fault], HostileRegistry]
) -> None:
    host = hostile(lambda h: h.refuse(429, "TOOMANYREQUESTS", Retry_After="3600"))
    for number in range(5):
        image_repository(space, f"app-{number}", f"{host.host}/app-{number}")
    for number in range(5):
        space.wait_not_ready("ImageRepository", f"app-{number}", reason="ReadOperationFailed", message="TOOMANY")
    count = len(host.requests)
    assert count <= 4  # as many as ran at the same time when the first answer came
    for number in range(5):
        space.request("ImageRepository", f"app-{number}")
    time.sleep(2)
    assert len(host.requests) == count


def test_a_budget_that_is_used_up_is_not_asked_for_more(
    space: Space, hostile: Callable[[Fault], HostileRegistry]
) -> None:
    host = hostile(lambda h: h.tags("1.0.0", RateLimit='"hour";r=0;t=3600'))
    image_repository(space, "app", f"{host.host}/app")
    space.wait_ready("ImageRepository", "app", message="found 1 tags")
    space.request("ImageRepository", "app")
    message = "registry's rate limit is used up"
    space.wait_not_ready("ImageRepository", "app", reason="ReadOperationFailed", message=message)
    assert len(host.requests) == 1


def test_unchanged_pages_are_asked_for_by_their_version(
    space: Space, hostile: Callable[[Fault], HostileRegistry]
) -> None:
    statuses: list[int] = []

    def versioned(h: HostileRegistryHandler) -> None:
        not_modified = h.headers.get("If-None-Match") == '"1"'
        statuses.append(304 if not_modified else 200)
        if not_modified:
            h.begin(304, ETag='"1"')
        else:
            h.tags("1.0.0", "1.0.1", ETag='"1"')

    host = hostile(versioned)
    image_repository(space, "app", f"{host.host}/app")
    space.wait_ready("ImageRepository", "app", message="found 2 tags")
    space.request_and_wait("ImageRepository", "app")
    space.wait_ready("ImageRepository", "app", message="found 2 tags")
    assert statuses == [200, 304]


def test_one_bad_registry_slows_nothing_else(space: Space, hostile: Callable[[Fault], HostileRegistry]) -> None:
    bad, good = hostile(silent), hostile(lambda h: h.tags("1.0.0"))
    for number in range(30):
        image_repository(space, f"bad-{number}", f"{bad.host}/app-{number}", timeout="20s")
    began = time.monotonic()
    image_repository(space, "good", f"{good.host}/app")
    space.wait_ready("ImageRepository", "good", message="found 1 tags", seconds=15)
    assert time.monotonic() - began < 15, "less than one of the bad ones may take"


def test_edit_ends_the_wait_for_a_registry_that_never_answers(
    space: Space, hostile: Callable[[Fault], HostileRegistry]
) -> None:
    bad, good = hostile(silent), hostile(lambda h: h.tags("1.0.0"))
    image_repository(space, "app", f"{bad.host}/app", interval="1h")
    eventually(lambda: bad.requests, what="the registry to be asked")
    space.patch("ImageRepository", "app", {"image": f"{good.host}/app"})
    space.wait_ready("ImageRepository", "app", message="found 1 tags", seconds=10)
