"""The header of Basic authentication (RFC 7617), which registries, Git servers and proxies take."""

import base64


def basic_authorization(username: str, password: str) -> str:
    """Return the value of `Authorization` or `Proxy-Authorization`: `Basic …`. Never for a message."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
