"""`controllers`: secrets appear nowhere; marked ones are in every place a secret can be, and every output is searched.

Each row of the tables in `testing.canary_registry_places` and `testing.canary_git_places` says where a secret is
stored, and how it is known that the code has come across it. Values are well formed, end in a line break as those of
`echo` do, or have characters that cannot be sent. Servers accept, refuse and repeat everything that they were sent, or
are not there. A place that nothing came across fails.
"""

import base64
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from controllers.imageaccess.plugins import Plugin, Plugins
from testing.canary import Stage, find, marker
from testing.canary_git_places import GIT_PLACES
from testing.canary_places import Objects, Place
from testing.canary_registry_places import REGISTRY_PLACES
from testing.canary_servers import BEHAVIOURS, Servers
from testing.gitserver import GitServer
from testing.registry_harness import RegistryClock
from testing.registry_server import run_server

PLACES = (*REGISTRY_PLACES, *GIT_PLACES)
WELL_FORMED = {"well formed": "", "of echo": "\n"}
MALFORMED = {"on two lines": "\nrest", "control": "\x07rest", "euro": "€rest"}
MANIFEST = 'image: x/web:1.0.0 # {"$imagepolicy": "apps:web"}\n'
OUTPUTS = ("conditions", "status", "events", "logs", "metrics", "commits", "stdout", "stderr")


def test_markers_are_found_in_every_form() -> None:
    mark = marker(7)
    for text in (mark, mark.upper(), f"%{ord(mark[0]):02x}{mark[1:]}", mark[:14]):
        assert find(mark, f"x{text}y"), text
    for before in ("", "a", "ab", "user:"):
        assert find(mark, base64.b64encode(f"{before}{mark}".encode()).decode())
    assert not find(mark, marker(8))
    assert len({marker(number) for number in range(len(PLACES))}) == len(PLACES)


@asynccontextmanager
async def run_servers(folder: Path) -> AsyncIterator[Servers]:
    """Run a registry and a Git host with a file to update."""
    servers = Servers()
    async with run_server(servers.registry_reply) as registry:
        with GitServer(folder) as git:
            git.repository("fleet").commit({"web.yaml": MANIFEST})
            git.repository("org/fleet").commit({"web.yaml": MANIFEST})  # as forges have them
            git.respond = servers.git_reply
            servers.registry, servers.git = registry.address, git.url
            yield servers


@pytest.mark.parametrize("number", range(len(PLACES)), ids=[place.name for place in PLACES])
async def test_no_secret_is_shown(
    number: int, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, mark = PLACES[number], marker(number)
    ways = [(behaviour, ending) for behaviour in BEHAVIOURS for ending in WELL_FORMED.values()]
    ways += [("accepts", ending) for ending in MALFORMED.values()]
    if place.from_server:
        ways = [(behaviour, "") for behaviour in BEHAVIOURS]
    sent = said = False
    searched: Counter[str] = Counter()
    async with run_servers(tmp_path / "git") as servers:
        present = servers.registry, servers.git
        for behaviour, ending in ways:
            servers.behaviour = behaviour
            servers.registry, servers.git = present if behaviour != "absent" else ("127.0.0.1:1", "http://127.0.0.1:1")
            shown = await _run_place(place, servers, f"{mark}{ending}", tmp_path, monkeypatch)
            shown["stdout"], shown["stderr"] = capfd.readouterr()
            assert "stacktrace" not in shown["logs"], f"{behaviour}, {ending!r}: it crashed: {shown['logs']}"
            said = said or (bool(place.said) and place.said in shown["conditions"])
            for output, text in shown.items():
                searched[output] += 1
                assert not (form := find(mark, text)), f"{behaviour}, {ending!r}: {output} has it {form}: {text}"
        sent = mark in servers.seen
    assert dict(searched) == dict.fromkeys(OUTPUTS, len(ways)), "an output was not searched"
    assert sent is place.sent, "a server was sent it" if sent else "nothing was sent to any server"
    assert said or not place.said, (
        f"no condition says {place.said!r}, the last are {shown['conditions']} {shown['logs']}"
    )


async def _run_place(
    place: Place, servers: Servers, value: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Run an object with a secret at this place; return what was shown, by the name of the output."""
    servers.mark = value if place.from_server else ""
    objects = place.build(servers, value)
    servers.answer = objects.answer
    plugins = None
    if objects.plugin:
        program = folder / "plugin"
        program.write_text(f"#!{sys.executable}\n{objects.plugin}\n")
        program.chmod(0o755)
        plugins = Plugins([Plugin("canary", program, (servers.registry,), timedelta(0))], RegistryClock())
    with monkeypatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
            patch.delenv(name, raising=False)
        for name, setting in (place.environment(servers, value) if place.environment else {}).items():
            patch.setenv(name, setting)
        stage = Stage(folder, plugins=plugins)
        try:
            shown = await _run(stage, objects)
        finally:
            await stage.aclose()
    return {**shown, "commits": _commits(folder / "git" / "fleet.git")}


async def _run(stage: Stage, objects: Objects) -> dict[str, str]:
    for secret in objects.secrets:
        stage.put_secret(secret)
    if objects.repository:
        return await stage.scan(objects.repository)
    assert objects.automation
    assert objects.git
    return await stage.update(objects.automation, objects.git)


def _commits(repository: Path) -> str:
    """Return all commit objects of a repository, as they are stored."""
    command = ["git", "-C", str(repository), "log", "--all", "--format=raw"]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8", "replace")
