"""Speaks to a server of hooks over sockets, byte for byte, as clients of good and bad manners do."""

import asyncio
import re
import ssl
from dataclasses import dataclass

TEST_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; status 0: the connection was closed without one."""

    status: int
    head: str = ""
    body: str = ""

    @property
    def reason(self) -> str:
        """The word of the answer."""
        return self.body.strip()

    def header(self, name: str) -> str:
        """Return a header, empty where it is missing."""
        found = re.search(rf"^{name}: (.*?)\r?$", self.head, re.MULTILINE | re.IGNORECASE)
        return found[1] if found else ""


NO_REPLY = Reply(0)


class HookClient:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int, *, tls: ssl.SSLContext | None = None) -> "HookClient":
        """Open a connection to this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=tls))

    async def send(self, data: bytes) -> None:
        """Send, as far as the other side still reads."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            return

    async def reply(self) -> Reply:
        """Return the next answer."""
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            try:
                head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"^Content-Length: (\d+)", head, re.MULTILINE)
                body = await self._reader.readexactly(int(length[1])) if length else b""
            except (asyncio.IncompleteReadError, ConnectionError):
                return NO_REPLY
        return Reply(int(head.split(" ", 2)[1]), head, body.decode())

    async def is_closed(self) -> bool:
        """Return whether the other side closes the connection and sends nothing more; close it."""
        return await self.rest() == b""

    async def rest(self) -> bytes:
        """Return all that comes until the other side closes the connection; close it."""
        try:
            async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
                return await self._reader.read()
        except ConnectionError:
            return b""
        finally:
            await self.close()

    async def close(self) -> None:
        """Close, whatever the other side does."""
        self.writer.transport.abort()


async def ask(port: int, data: bytes, *, tls: ssl.SSLContext | None = None) -> Reply:
    """Send something over a connection of its own and return the answer."""
    client = await HookClient.connect(port, tls=tls)
    try:
        await client.send(data)
        return await client.reply()
    finally:
        await client.close()


def post(path: str, body: bytes = b"", headers: tuple[str, ...] = (), *, version: str = "1.1") -> bytes:
    """Return a request as a sender writes it."""
    lines = [f"POST {path} HTTP/{version}", "Host: hooks.example.com", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
