"""Which request is it: verb and resource of a request to the API server, a registry, Git or a hook."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

API, REGISTRY, GIT, HOOK = "api", "registry", "git", "hook"
DELIVER = "deliver"
"""The verb of a request to a hook: what a process is sent, not what it asks."""
WRITES = frozenset({"create", "patch", "update", "delete", "push", DELIVER})
_VERBS = {"POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it arrived."""

    process: str
    """The kind of the controller that sent it; of a hook, that answers it."""
    replica: str
    """Which process that is; a second one is `imagerepository-1`."""
    server: str
    """`api`, `registry`, `git` or `hook`."""
    namespace: str
    """Of the play that it belongs to; empty for what concerns all of them."""
    verb: str
    what: str
    """Resource, with the subresource (`imagepolicies/status`); the kind of request elsewhere."""
    name: str
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def is_write(self) -> bool:
        """Whether it changes something."""
        return self.verb in WRITES


def describe_api(method: str, target: str) -> tuple[str, str, str, str]:
    """Return namespace, verb, resource and name of a request to the API server."""
    url = urlsplit(target)
    parts = url.path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    what, name, subresource = (*rest, "", "", "")[:3]
    if method == "GET":
        watched = parse_qs(url.query).get("watch", [""])[0] in ("1", "true")
        verb = "get" if name else "watch" if watched else "list"
    else:
        verb = _VERBS[method]
    return namespace, verb, f"{what}/{subresource}" if subresource else what, name


def describe_registry(method: str, target: str) -> tuple[str, str]:
    """Return verb and kind of a request to a registry (OCI Distribution)."""
    path = urlsplit(target).path
    for part in ("tags/list", "manifests", "blobs"):
        if f"/{part}" in path:
            return method.lower(), part
    return method.lower(), "ping"


def describe_git(method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    """Return verb and kind of a request of Git's smart HTTP protocol."""
    url = urlsplit(target)
    if method == "GET":
        service = parse_qs(url.query).get("service", [""])[0]
        return "get", f"refs:{service.removeprefix('git-')}"
    if url.path.endswith("/git-receive-pack"):
        return "push", "receive-pack"
    text = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
    return "fetch", "ls-refs" if b"command=ls-refs" in text[:64] else "pack"
