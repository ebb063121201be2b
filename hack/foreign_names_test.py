"""`controllers`: foreign names and words that no terminal and no JSON can take are shown in escapes, and stop nobody.

File names, servers' messages, tags and error bodies, through the real engine and client, to what the runs show and to
what the API server is sent.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from api.gitrepository import GitRepositoryRef
from api.imageupdateautomation import CommitSpec, CommitUser, PushSpec
from testing.builders import automation, git_repository, git_spec, image_repository
from testing.canary import Stage
from testing.gitserver import BareRepository, CannedResponse, GitServer, Request
from testing.registry_server import ReceivedRequest, Reply, run_server

BAD = b"bad\xff\n\x1b[31m.yaml".decode("utf-8", "surrogateescape")
SHOWN = "bad\\xff\\n\\x1b[31m.yaml"
MARKED = 'image: x/web:1.0.0 # {"$imagepolicy": "apps:web"}\n'
MALFORMED = 'image: x/web:1.0.0 # {"$imagepolicy": "apps:web" oops}\n'
FORBIDDEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\ud800-\udfff]")
NAMES = "{{ range $file, $_ := .Changed.FileChanges }}{{ $file }};{{ end }}"


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.items():
            yield from strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)


def check(shown: dict[str, str]) -> None:
    """Assert that no output has a character that could move a cursor, forge a line or stop JSON; and no crash."""
    assert '"stacktrace"' not in shown["logs"]
    texts = [shown["metrics"]]
    for output in ("conditions", "status", "events"):
        texts += strings(json.loads(shown[output]))
    for line in shown["logs"].splitlines():
        texts += strings(json.loads(line))
    for text in texts:
        assert not FORBIDDEN.search(text), ascii(text)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[tuple[GitServer, BareRepository]]:
    with GitServer(tmp_path / "git") as server:
        yield server, server.repository("fleet")


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    await stage.aclose()


async def update(
    stage: Stage, server: GitServer, *, branch: str = "main", message: str = "", push: str = ""
) -> dict[str, str]:
    repository = git_repository(url=f"{server.url}/fleet.git", ref=GitRepositoryRef(branch=branch))
    commit = CommitSpec(author=CommitUser(name="Bot\x1b[31m", email="bot@example.com"), message_template=message)
    shown = await stage.update(
        automation(git=git_spec(commit=commit, push=PushSpec(branch=push) if push else None)), repository
    )
    check(shown)
    return shown


async def test_a_push_is_recorded_whatever_files_are_called(
    stage: Stage, fleet: tuple[GitServer, BareRepository]
) -> None:
    server, repository = fleet
    repository.commit({f"good/{BAD}": MARKED, f"broken/{BAD}": MALFORMED, "odd.yaml": "a: \x1b\n" + MARKED})
    shown = await update(stage, server, message=NAMES)
    status, [event] = json.loads(shown["status"]), [e for e in json.loads(shown["events"]) if e[0] == "Normal"]
    assert status["lastPushCommit"] == repository.head()
    assert [finding["file"] for finding in status["findings"]] == [f"broken/{SHOWN}", "odd.yaml"]
    assert f"left out: broken/{SHOWN}:1: " in shown["conditions"].replace("\\\\", "\\")
    assert event[2].endswith(f"\ngood/{SHOWN};")
    assert repository.git("log", "-1", "--format=%s") == f"good/{SHOWN};"
    assert b"x/web:1.2.0" in repository.read_named(f"good/{BAD}")
    again = await update(stage, server, message=NAMES)
    assert json.loads(again["status"])["findings"] == status["findings"]
    assert not [e for e in json.loads(again["events"]) if e[0] == "Warning"], "what is known already is not said again"


async def test_a_hook_s_words(stage: Stage, fleet: tuple[GitServer, BareRepository]) -> None:
    server, repository = fleet
    repository.commit({"web.yaml": MARKED})
    repository.hook("pre-receive", "#!/bin/sh\nprintf 'no\\033[31m \\377 \\342\\200\\256 never\\n' >&2\nexit 1\n")
    shown = await update(stage, server)
    assert "never" in shown["conditions"]


@pytest.mark.parametrize("branch", ["no\x1b[31m\u202e", "no\nsuch"])
async def test_branches_of_the_spec(stage: Stage, fleet: tuple[GitServer, BareRepository], branch: str) -> None:
    server, repository = fleet
    repository.commit({"web.yaml": MARKED})
    assert "couldn't find remote ref" in (await update(stage, server, branch=branch))["conditions"]
    assert '"Ready", "status": "False"' in (await update(stage, server, push=branch))["conditions"]


@pytest.mark.parametrize(
    "line",
    [b"\x03fatal: \x1b[31m\xff\xe2\x80\xae", b"ERR \x1b]0;title\x07\xff", b"\x01\xff\x1b", b"\xff\xfe refs/heads/\x1b"],
    ids=["band", "error", "content", "reference"],
)
async def test_what_a_git_server_says(stage: Stage, fleet: tuple[GitServer, BareRepository], line: bytes) -> None:
    server, repository = fleet
    repository.commit({"web.yaml": MARKED})

    def respond(request: Request) -> CannedResponse | None:
        service = request.path.rpartition("git-")[2]
        kind = "advertisement" if request.method == "GET" else "result"
        headers = {"Content-Type": f"application/x-git-{service}-{kind}"}
        return CannedResponse(200, b"%04x" % (len(line) + 4) + line + b"0000", headers)

    server.respond = respond
    assert '"Ready", "status": "False"' in (await update(stage, server))["conditions"]
    server.respond = lambda _: CannedResponse(500, line, {"Content-Type": "text/plain"})
    assert "the server answered 500" in (await update(stage, server))["conditions"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\x1b[31m\xff\xe2\x80\xae oops", id="text"),
        pytest.param(json.dumps({"errors": [{"code": "A\x1b", "message": "b\n\u202e"}]}).encode(), id="diagnostics"),
        pytest.param(b'{"errors": [{"code": "\\ud800", "message": "\xff"}]}', id="surrogates"),
    ],
)
async def test_what_a_registry_says(stage: Stage, body: bytes) -> None:
    async with run_server(lambda _: Reply(403, {"Content-Type": "text/\x85plain"}, body)) as server:
        shown = await stage.scan(image_repository(image=f"{server.address}/app"))
    check(shown)
    assert "scan failed: " in shown["conditions"]


async def test_tags_of_a_registry(stage: Stage) -> None:
    def respond(asked: ReceivedRequest) -> Reply:
        return Reply(body=json.dumps({"name": "app", "tags": ["z\x1b[31m", "y\n\u202e", "1.0"]}).encode())

    async with run_server(respond) as server:
        shown = await stage.scan(image_repository(image=f"{server.address}/app"))
    check(shown)
    latest = json.loads(shown["status"])["lastScanResult"]["latestTags"]
    assert latest == ["z\\x1b[31m", "y\n\\u202e", "1.0"]
