"""A certificate and its key in files, read again when they change: whoever renews certificates restarts nobody.

A file is read once it has stopped changing: certificate and key are two files, and some write them one after the other.
"""

import asyncio
import logging
import os
import ssl
from pathlib import Path
from typing import Final

from controllers.clock import Clock
from controllers.net.foreign_text import escape
from controllers.net.tls import BadKeyPair, TlsMaterial, load

CHECK_SECONDS: Final = 5.0
MAX_FILE_BYTES: Final = 1 << 20
ERROR: Final = "error"

Stamp = tuple[tuple[int, int, int], ...]


class BadFiles(ValueError):
    """The files cannot be used; the text says what is wrong, and nothing of what is in them."""


class TlsFiles:
    """The context of new connections. `run` keeps it up to date."""

    def __init__(self, certificate: str, key: str, *, clock: Clock, log: logging.Logger) -> None:
        """Read the files. Raises BadFiles."""
        self._paths = (certificate, key)
        self._clock = clock
        self._log = log
        self._read = self._stamp()
        """Of the files as they were read."""
        self.context = make_context(certificate, key)
        """For servers; replaced when the files have changed."""

    async def run(self) -> None:
        """Look at the files again and again, until cancelled."""
        before = self._read
        while True:
            await self._clock.sleep(CHECK_SECONDS)
            now = self._stamp()
            if now != self._read and now == before:
                await self._reload()
                self._read = now
            before = now

    async def _reload(self) -> None:
        try:
            self.context = await asyncio.to_thread(make_context, *self._paths)
        except BadFiles as error:
            self._log.error("the old certificate stays in use", extra={ERROR: str(error)})
        else:
            self._log.info("the certificate was read again")

    def _stamp(self) -> Stamp:
        return tuple(_stamp(path) for path in self._paths)


def make_context(certificate: str, key: str) -> ssl.SSLContext:
    """Return the context of a server. Raises BadFiles."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    material = TlsMaterial(certificate=_contents(certificate), key=_contents(key))
    if not material.certificate:
        raise BadFiles(f"{escape(certificate)} is empty")
    try:
        load(context, material)
    except BadKeyPair as error:
        raise BadFiles(f"the certificate in {escape(certificate)}, with its key: {error}") from None
    return context


def _contents(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise BadFiles(f"cannot read {escape(path)}: {os.strerror(error.errno or 0).lower()}") from None


def _stamp(path: str) -> tuple[int, int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)
