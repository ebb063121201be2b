"""The interface of a handshake with a proxy, for the caller that moves the bytes."""

from collections.abc import Generator

Handshake = Generator[tuple[bytes, int], bytes, None]
"""Yields what to send and how many bytes to read next; is sent those bytes. Ends when the proxy has connected us, with
no byte read that is not the proxy's. Raises ProxyRefused."""


class ProxyRefused(Exception):
    """The proxy does not connect us; the message says why, and quotes nothing of the answer."""
