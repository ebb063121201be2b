"""Where an image was built from: the source repository and the commit that its labels or annotations name.

Keys follow https://github.com/opencontainers/image-spec/blob/main/annotations.md. Their texts are written by whoever
builds images and may hold anything, tokens of a CI system included. What is passed on has been taken apart and put
together again: no user-info, no query, no character that a link could be broken with. Pure.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

SOURCE: Final = "org.opencontainers.image.source"
REVISION: Final = "org.opencontainers.image.revision"

MAX_SOURCE_CHARS: Final = 512

_HOST: Final = r"(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)"
_PATH: Final = r"(?P<path>(?:[A-Za-z0-9._~+-]|%20)+(?:/(?:[A-Za-z0-9._~+-]|%20)+)*)"
_WEB: Final = re.compile(rf"https://(?:[^/@]*@)?{_HOST}(?P<port>:[0-9]{{1,5}})?/{_PATH}", re.ASCII | re.IGNORECASE)
_GIT: Final = re.compile(rf"(?:ssh|git)://(?:[^/@]*@)?{_HOST}(?::[0-9]{{1,5}})?/{_PATH}", re.ASCII | re.IGNORECASE)
_SCP: Final = re.compile(rf"[A-Za-z0-9._-]+@{_HOST}:/?{_PATH}", re.ASCII | re.IGNORECASE)
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}", re.ASCII)
_AZURE_SSH: Final = re.compile(r"v3/([^/]+)/([^/]+)/([^/]+)")
_AZURE_SSH_HOSTS: Final = ("ssh.dev.azure.com", "vs-ssh.visualstudio.com")


class Provenance(msgspec.Struct, frozen=True):
    """What an image says about the sources it was built from; empty where it says nothing usable."""

    source: str = ""
    """`https://host/path`, as `normalize_source_url` makes it."""
    revision: str = ""
    """7 to 64 hexadecimal digits, in lower case."""

    @property
    def is_complete(self) -> bool:
        return bool(self.source and self.revision)


def read_provenance(sources: Iterable[Mapping[str, str]]) -> Provenance:
    """Return the provenance in sets of labels or annotations; of each key the first usable value counts."""
    source = revision = ""
    for texts in sources:
        source = source or normalize_source_url(texts.get(SOURCE, ""))
        revision = revision or normalize_commit_id(texts.get(REVISION, ""))
    return Provenance(source, revision)


def normalize_source_url(text: str) -> str:
    """Return a repository's address as an https URL fit for the public, "" for what is not one.

    User-info, query, fragment, `.git` and the port of other protocols than https are dropped; `git@host:org/app`,
    `ssh://` and `git://` become https.
    """
    if len(text) > MAX_SOURCE_CHARS:
        return ""
    address = re.split(r"[?#]", text.strip(), maxsplit=1)[0].rstrip("/")
    match = _WEB.fullmatch(address) or _GIT.fullmatch(address) or _SCP.fullmatch(address)
    if match is None:
        return ""
    host, path = match["host"].lower(), match["path"].removesuffix(".git").rstrip("/")
    if host in _AZURE_SSH_HOSTS and (parts := _AZURE_SSH.fullmatch(path)):
        host, path = "dev.azure.com", "{}/{}/_git/{}".format(*parts.groups())
    if not path or any(segment.strip(".") == "" for segment in path.split("/")):
        return ""
    port = match.groupdict().get("port") or ""
    return f"https://{host}{port}/{path}"


def normalize_commit_id(text: str) -> str:
    """Return a commit's whole or shortened id, "" for anything else, such as a version or a `-dirty` one."""
    text = text.strip().lower()
    return text if _COMMIT.fullmatch(text) else ""
