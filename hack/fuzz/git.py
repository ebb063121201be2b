"""Answers of a Git server that were spoilt: a run must end in one of the Git edge's own errors, or as with a sound one.

    python -m hack.fuzz.git --seconds 60 --seed 1

Each case is a whole run of the engine (list, fetch, scan, commit, push) against a server in this process. Its answers
are sound but for one, which is spoilt as bytes, as packets of the right length, or as an object under its right name.
Stops at the first case that raises anything else or takes too long, prints it and the seed, exit status 1.
"""

import asyncio
import random
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha1
from pathlib import Path

from controllers.git.engine import GitEngine
from controllers.git.errors import GitError
from controllers.git.objects.commits import Author
from controllers.git.objects.hashing import SHA1, NewObject, new_object
from controllers.git.objects.packs import build_pack
from controllers.git.protocol.deadline import Deadline
from controllers.git.protocol.pktline import FLUSH, Stream, bounded_stream, packets
from controllers.git.protocol.refs import Checkout, resolve
from controllers.git.protocol.refspec import RefUpdate
from controllers.git.protocol.session import Check, RemoteSession, anyone
from controllers.git.protocol.wire import RECEIVE_PACK
from controllers.git.remote import Remote
from hack.fuzz import _spoil
from hack.fuzz._tally import Tally, run_target

URL = "http://git.invalid/fleet.git"
MAX_SECONDS = 5.0
BOT = Author("bot@example.com", "Bot")
WHEN = datetime(2024, 5, 1, tzinfo=UTC)
MARKED = b'tag: 1.0.0 # {"$imagepolicy": "d:a:tag"}\n'
WORDS = rb"""
0000 0001 0002 0003 0004 ffff : peeled: symref-target: symref=HEAD: object-format=sha256 PACK .. / -1 +9999 ^{}
refs/heads/
"""
TOKENS = [
    *WORDS.split(),
    *(b"\n", b" ", b"\0", b"\x01", b"\x02", b"\x03", b"ERR ", b"version 2\n", b"packfile\n", b"shallow ", b"unpack "),
    *(b"ok ", b"ng ", b"40000 ", b"120000 ", b"160000 ", b"tree ", b"parent ", b"gpgsig ", b"\xff\xfe"),
    *("é".encode(), "\u202e".encode(), b"9" * 30, b"9" * 5000, b"a" * 40),
]


def spoil(rng: random.Random, data: bytes) -> bytes:
    """Insert, drop, repeat or flip some bytes."""
    return _spoil.spoil(rng, data, TOKENS)


def spoil_lines(rng: random.Random, lines: list[bytes]) -> list[bytes]:
    """Spoil the content of one packet, so that it is read as one."""
    at = rng.randrange(len(lines))
    return [*lines[:at], spoil(rng, lines[at])[:60_000], *lines[at + 1 :]]


@dataclass(slots=True)
class Repository:
    """What the server has. Objects are whole, under the names that their content has."""

    commit: str
    objects: list[NewObject]
    refs: dict[str, str] = field(default_factory=dict)


def make_repository(rng: random.Random, part: str) -> Repository:
    """Return a repository; `part` says which of its objects is spoilt, if any."""

    def made(kind: str, name: str, data: bytes) -> NewObject:
        return new_object(kind, spoil(rng, data) if part == name else data, SHA1)

    def entry(mode: bytes, name: bytes, child: NewObject) -> bytes:
        return mode + b" " + name + b"\0" + bytes.fromhex(child.id)

    blob, link = made("blob", "blob", MARKED), made("blob", "link", b"../app.yaml")
    folder = made("tree", "folder", entry(b"100644", b"a.yaml", blob) + entry(b"120000", b"l.yaml", link))
    root = made("tree", "root", entry(b"100644", b"app.yaml", blob) + entry(b"40000", b"sub", folder))
    head = f"tree {root.id}\nauthor A <a@b> 1700000000 +0000\ncommitter A <a@b> 1700000000 +0000\n\nStart\n"
    commit = made("commit", "commit", head.encode())
    return Repository(commit.id, [commit, root, folder, blob, link], {"HEAD": commit.id, "refs/heads/main": commit.id})


def entry_header(kind: int, size: int) -> bytes:
    """Return type and size as a pack has them before each object."""
    out, size = [kind << 4 | size & 15], size >> 4
    while size:
        out[-1] |= 0x80
        out.append(size & 0x7F)
        size >>= 7
    return bytes(out)


def make_pack(rng: random.Random, repository: Repository, part: str) -> bytes:
    """Return the objects as a pack; a spoilt one has the right checksum all the same."""
    pack = build_pack(repository.objects, SHA1)
    if part == "pack":
        body = spoil(rng, pack[:-20])
        return body + sha1(body, usedforsecurity=False).digest()
    if part == "delta":
        base, *_ = repository.objects
        delta = spoil(rng, b"\x20\x20\x90\x20")
        record = entry_header(7, len(delta)) + bytes.fromhex(base.id) + zlib.compress(delta)
        body = pack[:8] + (len(repository.objects) + 1).to_bytes(4, "big") + pack[12:-20] + record
        return body + sha1(body, usedforsecurity=False).digest()
    return pack


SOUND = "nothing"
PARTS = [SOUND, "greeting", "refs", "fetch", "report", *("blob", "link", "folder", "root", "commit"), "pack", "delta"]


class SpoilingServer:
    """A GitTransport whose answers are sound, but for the one named by `part`."""

    def __init__(self, rng: random.Random, *, version: int, part: str) -> None:
        self._rng = rng
        self._version = version
        self._part = part
        self._by_lines = rng.random() < 0.6
        self._repository = make_repository(rng, part)
        self.answers: list[bytes] = []

    @contextmanager
    def advertise(self, service: str, deadline: Deadline) -> Iterator[Stream]:
        if service == RECEIVE_PACK or self._version == 0:
            yield self._answer("refs" if self._version == 0 else "greeting", self._advertised(service))
        else:
            yield self._answer("greeting", [b"version 2\n", b"agent=x\n", b"ls-refs\n", b"fetch=shallow\n"])

    @contextmanager
    def send_request(
        self,
        service: str,
        body: bytes,
        deadline: Deadline,
        *,
        version: int,
        max_bytes: int,
        check: Check = anyone,
    ) -> Iterator[Stream]:
        check()
        if service == RECEIVE_PACK:
            report = [b"unpack ok\n", b"ok refs/heads/main\n"]
            inner = packets(*(spoil_lines(self._rng, report) if self._is_spoilt("report") else report)) + FLUSH
            yield self._answer("report", [b"\x02hello\n", b"\x01" + inner])
        elif b"command=ls-refs" in body:
            yield self._answer(
                "refs", [f"{sha} {ref} peeled:{sha}\n".encode() for ref, sha in self._repository.refs.items()]
            )
        else:
            pack = make_pack(self._rng, self._repository, self._part)
            before = [b"packfile\n"] if self._version == 2 else [b"NAK\n"]
            lines = [*before, *(b"\x01" + pack[at : at + 200] for at in range(0, len(pack), 200))]
            yield self._answer("fetch", lines, start=b"" if self._version == 2 else FLUSH)

    def close(self) -> None:
        pass

    def _advertised(self, service: str) -> list[bytes]:
        capabilities = b"report-status side-band-64k shallow ofs-delta symref=HEAD:refs/heads/main"
        (first, sha), *rest = self._repository.refs.items()
        return [f"{sha} {first}\0".encode() + capabilities + b"\n", *(f"{sha} {ref}\n".encode() for ref, sha in rest)]

    def _is_spoilt(self, part: str) -> bool:
        return part == self._part

    def _answer(self, part: str, lines: list[bytes], *, start: bytes = b"") -> Stream:
        if self._is_spoilt(part) and self._by_lines:
            lines = spoil_lines(self._rng, lines)
        data = start + packets(*lines) + FLUSH
        if self._is_spoilt(part) and not self._by_lines:
            data = spoil(self._rng, data)
        self.answers.append(data)
        chunks = iter([data])
        return bounded_stream(lambda: next(chunks, b""), max_bytes=1 << 22)


class _OneSession:
    """Stands for the engine's connections: always the session with the server of this case."""

    def __init__(self, session: RemoteSession) -> None:
        self._session = session

    def session(self, remote: Remote) -> RemoteSession:
        return self._session

    def close(self) -> None:
        pass


def is_yaml(name: str) -> bool:
    return name.endswith(".yaml")


def is_marked(data: bytes) -> bool:
    return b"$imagepolicy" in data


async def run_once(engine: GitEngine, server: SpoilingServer, number: int) -> None:
    """Do what a run of an automation does."""
    remote = Remote(f"{URL}/{number}")
    engine._connections = _OneSession(RemoteSession(remote.url, server))  # type: ignore[assignment]  # noqa: SLF001
    refs = await engine.list_refs(remote)
    tip = resolve(Checkout(branch="main"), refs, select_semver=lambda _range, _tags: None)
    await engine.fetch(remote, tip)
    await engine.read_commit(remote, tip.commit)
    files = await engine.find_files(remote, tip.commit, "", is_wanted=is_yaml, has_marker=is_marked)
    edits = {file.target: file.data.replace(b"1.0.0", b"1.0.1") for file in files}
    new = await engine.commit(remote, tip.commit, edits, author=BOT, message="Update", when=WHEN)
    if new is not None:
        await engine.push(remote, new, [RefUpdate("refs/heads/main", new.id, tip.commit)])


def is_ours(error: BaseException) -> bool:
    """Return True when an error began in this module: the edge reports it as if the server's answer were bad."""
    while error.__cause__ is not None:
        error = error.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename == __file__


async def fuzz(seed: int, *, seconds: float, cases: int | None = None) -> str:
    """Run cases until the time is over, or as many as given. Return what the first bad one did; empty for none."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    end, tally = time.monotonic() + seconds, Tally("git", seed)
    with tempfile.TemporaryDirectory() as folder:
        engine = GitEngine(Path(folder), max_bytes=1 << 24, threads=2)
        real = engine._connections  # noqa: SLF001 - only a server of ours can be made to lie
        try:
            while time.monotonic() < end and (cases is None or tally.tried < cases):
                part = PARTS[tally.tried % len(PARTS)]
                server = SpoilingServer(rng, version=rng.choice((0, 2)), part=part)
                begin = time.monotonic()
                try:
                    with tally.case():
                        await run_once(engine, server, tally.tried)
                except GitError as error:
                    if part == SOUND or is_ours(error):
                        return f"seed {seed}, case {tally.tried}: a fault of this program:\n{traceback.format_exc()}"
                    tally.failed += 1
                except Exception:
                    return (
                        f"seed {seed}, case {tally.tried}, spoilt {part}:\n{traceback.format_exc()}\n{server.answers!r}"
                    )
                if (took := time.monotonic() - begin) > MAX_SECONDS:
                    return f"seed {seed}, case {tally.tried}, spoilt {part}: took {took:.1f} s\n{server.answers!r}"
        finally:
            engine._connections = real  # noqa: SLF001
            await engine.aclose()
    tally.report("an error of the edge")
    return ""


def run(seconds: float, seed: int) -> int:
    if found := asyncio.run(fuzz(seed, seconds=seconds)):
        print(found)
    return 1 if found else 0


def main(arguments: list[str]) -> int:
    return run_target("git", run, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
