"""`create secret oci`."""

import base64
import json
from typing import Any, Final

from cli.creation.secrets.command import Content, secret_command
from cli.grammar.flags import text
from cli.grammar.session import Failed, Session

_FLAGS: Final = (
    text("--url", help="registry, or image in it, that the login is for, e.g. ghcr.io"),
    text("-u", "--username", help="user"),
    text("-p", "--password", help="password or token"),
)

_EXAMPLES: Final = """
# a login to a registry
tagline create secret oci regcred --url=ghcr.io --username=bot --password="$TOKEN"
"""
_HTML: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
"""Go's JSON escapes what HTML would read; files are to stay as they are when another tool writes them."""


def _make(_: Session, flags: Any) -> Content:
    for name in ("url", "username", "password"):
        if not getattr(flags, name):
            raise Failed(f"--{name} is required")
    _check_address(flags.url)
    login = f"{flags.username}:{flags.password}".encode("utf-8", "surrogateescape")
    entry = {"username": flags.username, "password": flags.password, "auth": base64.b64encode(login).decode()}
    text = json.dumps({"auths": {flags.url: entry}}, indent=2, ensure_ascii=False).translate(_HTML)
    return Content({".dockerconfigjson": text}, type="kubernetes.io/dockerconfigjson")


def _check_address(url: str) -> None:
    from controllers.image.reference import BadReference, parse_reference  # noqa: PLC0415

    try:
        parse_reference(url)
    except BadReference as error:
        raise Failed(f"error parsing url: '{error}'") from None


COMMAND: Final = secret_command(
    "oci",
    flags=_FLAGS,
    make=_make,
    summary="create or change a Secret for a registry",
    description="Makes a Secret with a login to a registry, as image pulls and scans use it. With --export it is "
    "printed instead.",
    examples=_EXAMPLES,
    takes_labels=False,
)
