"""A proxy's address with the login in it, as HTTP libraries and the SDKs of clouds take it."""

from urllib.parse import quote


def with_userinfo(address: str, username: str, password: str) -> str:
    """`scheme://user:password@host`, each part escaped; the address alone without a user. Never for a message."""
    if not username:
        return address
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{quote(username, safe='')}:{quote(password, safe='')}@{rest}"
