"""Answers of a registry that were spoilt: a scan must end in one of the edge's own errors, or as with a sound one.

    python -m hack.fuzz.registry --seconds 60 --seed 1

Each case lists the tags of an image, page by page and with a login, and reads what the image says about itself. The
answers are sound but for one, which is spoilt in its headers, its body or as the bytes on the wire. One case in eight
goes through a server on loopback, the others get their answers without HTTP, which is faster. Stops at the first case
that raises anything else or takes too long, prints it and the seed, exit status 1.
"""

import asyncio
import hashlib
import json
import random
import sys
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from controllers.image.reference import Image
from controllers.registry.access import Access
from controllers.registry.client import RegistryClient
from controllers.registry.dockerconfig import Credentials
from controllers.registry.errors import RegistryError, Unavailable
from controllers.registry.inspection import Inspector
from controllers.registry.messages import Overflow, RegistryRequest, RegistryResponse, Route
from controllers.registry.metering import PieceMeter
from controllers.registry.transport import LogInElsewhere, RegistryTransport
from hack.fuzz._spoil import spoil, spoil_json
from hack.fuzz._tally import Tally, run_target
from testing.clock import VirtualClock

MAX_SECONDS = 5.0
TIMEOUT = timedelta(seconds=4)
TLS_HANDSHAKE = 0x16
SOUND = "nothing"
PARTS = (
    *(SOUND, "page", "link", "challenge", "token", "index", "manifest", "config"),
    *("header", "retry", "status", "digest"),
)
WIRED_PARTS = ("wire", "location", "header", "retry", "status", "challenge", "link", SOUND)
WIRED_EVERY = 8
HEADERS = (
    *("Retry-After", "Date", "RateLimit", "RateLimit-Remaining", "RateLimit-Reset", "X-RateLimit-Remaining"),
    *("X-RateLimit-Reset", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "ETag", "Link"),
    *("WWW-Authenticate", "Docker-Content-Digest", "Set-Cookie", "Connection", "Location"),
)
HEADER_VALUES = (
    *(b"9" * 5000, b"-1", b"0", b"1", b"Wed, 21 Oct 9999 23:59:59 -9999999999", b"Wed, 21 Oct 2015 07:28:00 +2500"),
    *(b'"a";r=0;t=999999999', b"limit=1, remaining=0, reset=9", b"gzip", b"deflate, gzip", b"chunked", b"close", b"*"),
    *(b"http://[::1", b"http://a:99999/", b"http://a:x/", b"//", b"http://\xff/", b"http://xn--a/", b"http://a..b/"),
    *(b"http://" + b"a" * 300, b"http://%41/", b"http:///v2/", b'Bearer realm="http://[v]:0/"', b"Bearer", b"<"),
)
RETRIES = ("408", "429", "500", "503")


class SpoilingRegistry:
    """A registry with an image, one part of whose answers is spoilt."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.host = ""
        self.part = SOUND
        self.answers: list[bytes] = []

    def begin(self, part: str) -> None:
        """Begin a case."""
        self.part, self.answers = part, []
        created = "2024-05-01T00:00:00Z"
        config = self._json("config", {
            "os": "linux", "architecture": "amd64", "created": created,
            "config": {"Labels": {"org.opencontainers.image.source": "https://git.example/x"}},
        })  # fmt: skip
        manifest = self._json("manifest", {"config": {"digest": _digest(config)}, "annotations": {"x": "x"}})
        platform = {"os": "linux", "architecture": "amd64"}
        index = self._json("index", {"manifests": [{"digest": _digest(manifest), "platform": platform}]})
        self._content = {_digest(data): data for data in (config, manifest, index)}
        self._index = _digest(index)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and close the connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n") if (await reader.read(1))[:1] != bytes([TLS_HANDSHAKE]) else b""
            if head:
                path = head.split(b" ", 2)[1].decode("latin-1")
                data = self._on_the_wire(path, is_authorized=b"authorization: bearer" in head.lower())
                self.answers.append(data)
                writer.write(data)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client has gone
        finally:
            writer.close()

    def _on_the_wire(self, path: str, *, is_authorized: bool) -> bytes:
        status, headers, body = self.answer(path, is_authorized=is_authorized)
        lines = [f"HTTP/1.1 {status} X".encode(), *(name.encode() + b": " + value for name, value in headers.items())]
        data = b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"Connection: close", b"", body])
        return spoil(self._rng, data) if self.part == "wire" else data

    def answer(self, path: str, *, is_authorized: bool) -> tuple[str, dict[str, bytes], bytes]:
        """Return status, headers and body for a path, with what is spoilt in them."""
        status, headers, body = self._sound(path, is_authorized=is_authorized)
        if "/tags/" in path or self._rng.random() < 0.2:
            status, headers = self._spoil_head(status, headers)
        return status, headers, body

    def _sound(self, path: str, *, is_authorized: bool) -> tuple[str, dict[str, bytes], bytes]:
        if path.startswith("/token"):
            return "200", {}, self._json("token", {"token": "good", "expires_in": 300})
        if not is_authorized:
            challenge = f'Bearer realm="http://{self.host}/token",service="{self.host}",scope="repository:app:pull"'
            errors = [{"code": "UNAUTHORIZED", "message": "x", "detail": [{"Type": "x"}]}]
            body = self._json("challenge", {"errors": errors})
            return "401", {"WWW-Authenticate": self._text("challenge", challenge.encode())}, body
        if "/tags/list" in path:
            page = self._json("page", {"name": "app", "tags": ["1.0.0", "1.1.0", "x"], "x": [1]})
            link = b'</v2/app/tags/list?n=1000&last=x>; rel="next"'
            return "200", {} if "last=" in path else {"Link": self._text("link", link)}, page
        if "/manifests/1.0" in path:
            return "200", {"Docker-Content-Digest": self._text("digest", self._index.encode())}, b""
        return "200", {}, self._content.get(path.rpartition("/")[2], b"{}")

    def _spoil_head(self, status: str, headers: dict[str, bytes]) -> tuple[str, dict[str, bytes]]:
        rng = self._rng
        value = rng.choice((rng.choice(HEADER_VALUES), spoil(rng, rng.choice(HEADER_VALUES))))
        value = value.replace(b"\n", b"").replace(b"\r", b"")
        match self.part:
            case "header":
                return status, {**headers, rng.choice(HEADERS): value}
            case "retry":
                names = rng.sample(HEADERS[:7], 3)
                return rng.choice(RETRIES), headers | {name: rng.choice((value, b"0", b"1")) for name in names}
            case "location":
                return rng.choice(("301", "302", "307", "308")), {**headers, "Location": value}
            case "status":
                return rng.choice(("100", "204", "206", "304", "400", "418", "599", "999", "000", "-1", "")), headers
            case _:
                return status, headers

    def _json(self, part: str, value: Any) -> bytes:
        return spoil_json(self._rng, value) if self.part == part else json.dumps(value).encode()

    def _text(self, part: str, text: bytes) -> bytes:
        if self.part != part:
            return text
        return spoil(self._rng, text).replace(b"\n", b"").replace(b"\r", b"")


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class WithoutHttp(RegistryTransport):
    """Hands answers on as they are after HTTP."""

    def __init__(self, registry: SpoilingRegistry) -> None:
        super().__init__(user_agent="fuzz")
        self._registry = registry

    async def send(
        self,
        request: RegistryRequest,
        route: Route,
        *,
        max_bytes: int,
        meter: PieceMeter,
        overflow: Overflow | None = None,
        log_in_elsewhere: LogInElsewhere | None = None,
    ) -> RegistryResponse:
        """Return the registry's answer; HTTPS is refused."""
        if request.url.startswith("https:"):
            raise Unavailable("connection refused", unreachable=True)
        path = "/" + request.url.partition("://")[2].partition("/")[2]
        authorized = request.headers.get("Authorization", "").startswith("Bearer")
        status, headers, body = self._registry.answer(path, is_authorized=authorized)
        text = {name.lower(): value.decode("latin-1").strip() for name, value in headers.items()}
        self._registry.answers.append(repr((path, status, text, body)).encode())
        return RegistryResponse(
            status=int(status) if status.isdigit() else 200,
            headers=text,
            links=(text["link"],) if "link" in text else (),
            challenges=(text["www-authenticate"],) if "www-authenticate" in text else (),
            body=b"" if request.method == "HEAD" else body,
            url=request.url,
        )


async def run_once(registry: SpoilingRegistry, transport: RegistryTransport) -> None:
    """Do what runs of an ImageRepository and an ImagePolicy do, with nothing remembered but connections."""
    client = RegistryClient(clock=VirtualClock(auto_advance=True), user_agent="fuzz", jitter=lambda: 0.0)
    client._transport = transport  # noqa: SLF001 - a new one would load the authorities each time
    image, access = Image(registry.host, "app"), Access(Credentials("alice", "wonder-land"))
    failures: list[RegistryError] = []
    inspector = Inspector(client)

    async def attempt(ask: Callable[[], Any]) -> None:
        try:
            await ask()
        except RegistryError as error:
            failures.append(error)

    await attempt(lambda: client.list_tags(image, access, timeout=TIMEOUT))
    await attempt(lambda: inspector.inspect(image, "1.0", access, timeout=TIMEOUT))
    await attempt(lambda: inspector.read_provenance(image, "1.0", "", access, timeout=TIMEOUT))
    for error in failures:
        if "wonder-land" in str(error):
            raise AssertionError(f"the password is shown: {error}")
    if failures:
        raise failures[0]


async def fuzz(seed: int, *, seconds: float, cases: int | None = None) -> str:
    """Run cases until the time is over, or as many as given. Return what the first bad one did; empty for none."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    registry, tally, end = SpoilingRegistry(rng), Tally("registry", seed), time.monotonic() + seconds
    server = await asyncio.start_server(registry.serve, "127.0.0.1", 0)
    registry.host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    wired, without_http = RegistryTransport(user_agent="fuzz"), WithoutHttp(registry)
    try:
        while time.monotonic() < end and (cases is None or tally.tried < cases):
            is_wired = tally.tried % WIRED_EVERY == 0
            part = rng.choice(WIRED_PARTS if is_wired else PARTS)
            registry.begin(part)
            began = time.monotonic()
            try:
                with tally.case():
                    await run_once(registry, wired if is_wired else without_http)
            except RegistryError:
                if part == SOUND:
                    return f"seed {seed}, case {tally.tried}: nothing was spoilt:\n{traceback.format_exc()}"
                tally.failed += 1
            except Exception:
                return f"seed {seed}, case {tally.tried}, {part}:\n{traceback.format_exc()}\n{registry.answers!r}"
            if (took := time.monotonic() - began) > MAX_SECONDS:
                return f"seed {seed}, case {tally.tried}, {part}: took {took:.1f} s\n{registry.answers!r}"
    finally:
        await wired.aclose()
        server.close()
    tally.report("an error of the edge")
    return ""


def run(seconds: float, seed: int) -> int:
    if found := asyncio.run(fuzz(seed, seconds=seconds)):
        print(found)
    return 1 if found else 0


def main(arguments: list[str]) -> int:
    return run_target("registry", run, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
