"""Calls hooks: so much junk and so many valid requests a second, from connections that stay open.

    python -m hack.attacks.hooks http://127.0.0.1:9292 --hook /hook/... --token-file token --images images.txt

The hook is of a `generic-hmac` Receiver whose expressions are `req.image` and `req.tag`. Of the valid requests each
names the next image of the file, with one tag and digest for each image, as a sender does that announces a push many
times. Junk is of all kinds: unknown paths, wrong signatures, other methods, large bodies, what is no HTTP. Prints JSON:
how many of each were answered, with what, and how long the valid ones took.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from urllib.parse import urlsplit

LENGTH = re.compile(rb"^Content-Length: (\d+)", re.MULTILINE)
LARGE_BYTES = 1 << 20
REPLY_SECONDS = 60


@dataclass(slots=True)
class Kind:
    """Requests of one kind, and what became of them."""

    rate: float
    connections: int
    make: Callable[[], bytes]
    answers: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    begun: int = 0


class Load:
    """Sends to one server for a while."""

    def __init__(self, host: str, port: int, seconds: float) -> None:
        self._host, self._port = host, port
        self._seconds = seconds
        self._began = 0.0

    async def run(self, *kinds: Kind) -> None:
        """Send all kinds at their rates, and wait for the answers."""
        self._began = time.monotonic()
        await asyncio.gather(*(self._work(kind) for kind in kinds for _ in range(kind.connections)))

    async def _work(self, kind: Kind) -> None:
        writer: asyncio.StreamWriter | None = None
        reader = asyncio.StreamReader()
        end = self._began + self._seconds
        # On a machine that cannot keep up it ends all the same, with fewer requests.
        while (due := self._began + kind.begun / kind.rate) < end and time.monotonic() < end:
            kind.begun += 1
            await asyncio.sleep(due - time.monotonic())
            began = time.monotonic()
            try:
                if writer is None or writer.is_closing():
                    reader, writer = await asyncio.open_connection(self._host, self._port)
                writer.write(kind.make())
                status, closes = await asyncio.wait_for(_answer(reader), REPLY_SECONDS)
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                status, closes = "none", True
            kind.answers[status] += 1
            kind.seconds.append(time.monotonic() - began)
            if closes and writer is not None:
                writer.transport.abort()
                writer = None
        if writer is not None:
            writer.transport.abort()


async def _answer(reader: asyncio.StreamReader) -> tuple[str, bool]:
    head = await reader.readuntil(b"\r\n\r\n")
    found = LENGTH.search(head)
    reason = (await reader.readexactly(int(found[1]))).decode().strip() if found else ""
    return f"{head[9:12].decode()} {reason}", b"Connection: close" in head


def post(path: str, body: bytes, *headers: str) -> bytes:
    """Return a request."""
    lines = [f"POST {path} HTTP/1.1", "Host: hooks.example.com", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def valid_requests(path: str, token: bytes, images: list[str]) -> Iterator[bytes]:
    """Yield requests that are to be acted on, each with an id of its own."""
    for number, image in zip(count(), cycle(images), strict=False):
        digest = f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"
        body = json.dumps({"image": f"{image}:1.0.1@{digest}", "tag": ""}).encode()
        signature = hmac.digest(token, body, hashlib.sha256).hex()
        yield post(path, body, f"X-Signature: sha256={signature}", f"X-Delivery-Id: {number}")


def junk_requests(path: str) -> Iterator[bytes]:
    """Yield requests of strangers."""
    unknown = [post(f"/hook/{hashlib.sha256(str(n).encode()).hexdigest()}", b"{}") for n in range(20)]
    odd = [
        post(path, b'{"image": "x"}', f"X-Signature: sha256={'0' * 64}"),
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        post("/hook/" + "0" * 64, b"a" * LARGE_BYTES),
        b"\x16\x03\x01 what is no HTTP\r\n\r\n",
        post("/hook/" + "0" * 64, b"", "Transfer-Encoding: chunked"),
    ]
    while True:
        for each in odd:
            yield from unknown
            yield each


def report(kinds: dict[str, Kind], seconds: float) -> str:
    """Return the figures as JSON."""
    shown = {}
    for name, kind in kinds.items():
        times = sorted(kind.seconds)
        shown[name] = {
            "a_second": round(len(times) / seconds, 1),
            "wanted": kind.rate,
            "answers": dict(kind.answers.most_common()),
            "p50_ms": round(times[len(times) // 2] * 1000, 1),
            "p99_ms": round(times[len(times) * 99 // 100] * 1000, 1),
            "max_ms": round(times[-1] * 1000, 1),
        }
    return json.dumps(shown)


def main() -> None:
    """Send what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="of the server, without a path")
    parser.add_argument("--hook", required=True, help="path of the hook")
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True, help="a file with an image on each line")
    parser.add_argument("--junk", type=float, default=2000, help="a second")
    parser.add_argument("--valid", type=float, default=200, help="a second")
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    url = urlsplit(arguments.url)
    valid = valid_requests(arguments.hook, arguments.token_file.read_bytes(), arguments.images.read_text().split())
    junk = junk_requests(arguments.hook)
    kinds = {
        "valid": Kind(arguments.valid, 60, valid.__next__),
        "junk": Kind(arguments.junk, 180, junk.__next__),
    }
    began = time.monotonic()
    asyncio.run(Load(url.hostname or "", url.port or 80, arguments.seconds).run(*kinds.values()))
    print(report(kinds, time.monotonic() - began))


if __name__ == "__main__":
    main()
