"""Names of images as senders write them, to `Name`, tag and digest. Only for comparing."""

import re
from typing import Final

from controllers.image.ref import split_image_ref
from controllers.webhooks.verdict import Action, Event, Name

_SCHEME: Final = re.compile(r"(?:https?|oci|docker)://", re.IGNORECASE)
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_USERINFO: Final = re.compile(r"\A[^/@]*@(?=[^/]*/)")
DOCKER_HUB: Final = "docker.io"


def host_of(url: str) -> str:
    """Return host and port of a URL or of what begins with a host."""
    return _strip(url).partition("/")[0]


def _strip(url: str) -> str:
    return _USERINFO.sub("", _SCHEME.sub("", url.strip(), count=1), count=1)


def push(*names: Name, tag: str = "", digest: str = "", detail: str = "") -> Event:
    """Return the event of a push: what is no tag and no digest is left out, and a digest in the tag's place moved."""
    if not digest and _DIGEST.fullmatch(tag):
        digest = tag
    return Event(
        Action.PUSH,
        tuple(dict.fromkeys(name for name in names if name.repository)),
        tag if _TAG.fullmatch(tag) else "",
        digest if _DIGEST.fullmatch(digest) else "",
        detail,
    )


def full_reference(text: str) -> tuple[Name, str, str]:
    """Return name, tag and digest of a reference whose first part is a host, whatever it looks like.

    Schemes, and a colon without a tag behind it, are left out.
    """
    reference = split_image_ref(_strip(text))
    host, _, repository = reference.name.partition("/")
    return Name(host, repository.strip("/")), reference.tag, reference.digest


def docker_reference(text: str) -> tuple[Name, str, str]:
    """Return name, tag and digest of a reference as Docker reads it: without a host it is one of Docker Hub."""
    first, slash, _ = _strip(text).partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost" or _SCHEME.match(text.strip()))
    return full_reference(text if is_host else f"{DOCKER_HUB}/{_strip(text)}")
