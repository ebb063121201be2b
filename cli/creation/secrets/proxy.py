"""`create secret proxy`."""

from typing import Any, Final

from cli.creation.command import without_unset
from cli.creation.secrets.command import Content, secret_command
from cli.grammar.flags import text
from cli.grammar.session import Failed, Session

_FLAGS: Final = (
    text("--address", help="address of the proxy, e.g. http://proxy.example.com:3128"),
    text("-u", "--username", help="user"),
    text("-p", "--password", help="password"),
)

_EXAMPLES: Final = """
# a proxy that wants a login
tagline create secret proxy outside --address=http://proxy.example.com:3128 --username=bot --password="$PASSWORD"
"""


def _make(_: Session, flags: Any) -> Content:
    if not flags.address:
        raise Failed("address is required")
    data = without_unset({"address": flags.address, "username": flags.username, "password": flags.password})
    return Content(data, type="Opaque")


COMMAND: Final = secret_command(
    "proxy",
    flags=_FLAGS,
    make=_make,
    summary="create or change a Secret for a proxy",
    description="Makes a Secret with the address of an HTTP proxy and a login to it. With --export it is printed "
    "instead.",
    examples=_EXAMPLES,
)
