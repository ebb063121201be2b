"""Which forge a repository is at, and what the forge calls it: from the URL that Git uses. Pure.

An API is on the host of that URL unless the forge is known to have it elsewhere. A URL for SSH says nothing about the
port or scheme of the API: HTTPS on its usual port is taken. `api` is for everything else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from controllers.forge.errors import BadLocation
from controllers.forge.model import ForgeKind
from controllers.net.foreign_text import sanitize
from controllers.net.url import origin, redact_text

_HOSTS: Final = {
    "github.com": ForgeKind.GITHUB,
    "ssh.github.com": ForgeKind.GITHUB,
    "gitlab.com": ForgeKind.GITLAB,
    "altssh.gitlab.com": ForgeKind.GITLAB,
    "bitbucket.org": ForgeKind.BITBUCKET,
    "altssh.bitbucket.org": ForgeKind.BITBUCKET,
    "dev.azure.com": ForgeKind.AZURE_DEVOPS,
    "ssh.dev.azure.com": ForgeKind.AZURE_DEVOPS,
    "vs-ssh.visualstudio.com": ForgeKind.AZURE_DEVOPS,
    "gitea.com": ForgeKind.GITEA,
    "codeberg.org": ForgeKind.GITEA,
}
_SUFFIXES: Final = {
    ".ghe.com": ForgeKind.GITHUB,  # GitHub Enterprise Cloud with data residency
    ".visualstudio.com": ForgeKind.AZURE_DEVOPS,
}
_WORDS: Final = {
    "github": ForgeKind.GITHUB,
    "gitlab": ForgeKind.GITLAB,
    "gitea": ForgeKind.GITEA,
    "forgejo": ForgeKind.GITEA,
    "bitbucket": ForgeKind.BITBUCKET_SERVER,
    "stash": ForgeKind.BITBUCKET_SERVER,
}
"""Labels of the names of hosts that people run themselves."""
_PROVIDERS: Final = {"github": ForgeKind.GITHUB, "azure": ForgeKind.AZURE_DEVOPS}
_WEB_HOSTS: Final = {
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
    "ssh.dev.azure.com": "dev.azure.com",
}
"""Of hosts that are there for SSH alone."""
LEGACY_AZURE: Final = ".visualstudio.com"
_NAMES: Final = {
    ForgeKind.GITHUB: "GitHub",
    ForgeKind.GITLAB: "GitLab",
    ForgeKind.GITEA: "Gitea",
    ForgeKind.BITBUCKET: "Bitbucket",
    ForgeKind.BITBUCKET_SERVER: "Bitbucket Data Center",
    ForgeKind.AZURE_DEVOPS: "Azure DevOps",
}


@dataclass(frozen=True, slots=True)
class Location:
    """A repository at a forge."""

    kind: ForgeKind
    host: str
    """With port, as messages name it."""
    api: str
    """Address of the API, without a slash at the end."""
    web: str
    """Address of the repository for people."""
    owner: str
    """GitLab: all groups; Bitbucket Data Center: key of the project; Azure DevOps: the project."""
    name: str

    @property
    def forge(self) -> str:
        """As messages call the forge: `GitHub (github.com)`."""
        return f"{_NAMES[self.kind]} ({self.host})"

    @property
    def repository(self) -> str:
        """As messages call the repository."""
        return f"{self.owner}/{self.name}"


def detect(url: str, *, provider: str = "") -> ForgeKind | None:
    """Return the forge that a host's name or the provider of a GitRepository gives away; None if neither does.

    A name counts where it is the forge's own, or has that of the software as one of its labels or behind a dash
    (`gitlab.example.com`, `my-gitea.example.com`). provider: `github`, `azure`, or anything else.
    """
    if kind := _PROVIDERS.get(provider):
        return kind
    try:
        parts = urlsplit(url)
        host, path = (parts.hostname or "").rstrip("."), parts.path
    except ValueError:
        return None
    if kind := _HOSTS.get(host):
        return kind
    if kind := next((kind for suffix, kind in _SUFFIXES.items() if host.endswith(suffix)), None):
        return kind
    if "/_git/" in path:
        return ForgeKind.AZURE_DEVOPS
    if parts.scheme in ("http", "https") and "/scm/" in path:
        return ForgeKind.BITBUCKET_SERVER
    words = host.replace("-", ".").split(".")
    return next((_WORDS[word] for word in words if word in _WORDS), None)


def locate(kind: ForgeKind, url: str, *, api: str = "") -> Location:
    """Return the repository that a URL for Git names. Raises BadLocation.

    url: `https://`, `http://` or `ssh://`. api: address of the API, where it is not at its usual place.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for one that is not a number
        if api and (urlsplit(api).scheme not in ("http", "https") or not urlsplit(api).hostname):
            raise BadLocation(f"the address of the API is not a URL for HTTP: {_shown(api)}")
    except ValueError:
        raise BadLocation(f"'{_shown(url)}' is not a URL") from None
    if parts.scheme not in ("http", "https", "ssh") or not parts.hostname:
        raise BadLocation(f"'{_shown(url)}' is not the URL of a repository at a host")
    segments = _segments(parts, url)
    found = _READERS[kind](parts, segments)
    if found is None:
        raise BadLocation(
            f"'{_shown(url)}' does not name a repository at {_NAMES[kind]}; its URLs are like {_FORMS[kind]}"
        )
    if not api:
        return found
    return Location(kind, found.host, api.rstrip("/"), found.web, found.owner, found.name)


def _segments(parts: SplitResult, url: str) -> list[str]:
    segments = [unquote(segment) for segment in parts.path.strip("/").split("/")]
    if any(not segment.strip(".") or "/" in segment or not segment.isprintable() for segment in segments):
        raise BadLocation(f"'{_shown(url)}' does not name a repository")
    segments[-1] = segments[-1].removesuffix(".git")
    return segments


def _root(parts: SplitResult) -> str:
    """Return scheme, host and port of a forge's pages."""
    host = (parts.hostname or "").rstrip(".")
    host = _WEB_HOSTS.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    if parts.scheme == "ssh":
        return f"https://{shown}"
    port = origin(parts).port  # None for the usual one, which no forge is known by
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def _host(root: str) -> str:
    return root.partition("://")[2]


def _github(parts: SplitResult, segments: Sequence[str]) -> Location | None:
    if len(segments) != 2 or not all(segments):
        return None
    root, (owner, name) = _root(parts), segments
    host = _host(root)
    if host == "github.com":
        api = "https://api.github.com"
    elif host.endswith(".ghe.com"):
        api = f"https://api.{host}"
    else:
        api = f"{root}/api/v3"
    return Location(ForgeKind.GITHUB, host, api, f"{root}/{_quoted(owner)}/{_quoted(name)}", owner, name)


def _gitlab(parts: SplitResult, segments: Sequence[str]) -> Location | None:
    if len(segments) < 2 or not all(segments):
        return None
    root, owner, name = _root(parts), "/".join(segments[:-1]), segments[-1]
    web = "/".join((root, *map(_quoted, segments)))
    return Location(ForgeKind.GITLAB, _host(root), f"{root}/api/v4", web, owner, name)


def _gitea(parts: SplitResult, segments: Sequence[str]) -> Location | None:
    # What comes before is the path that Gitea itself is at.
    if len(segments) < 2 or not all(segments):
        return None
    root = "/".join((_root(parts), *(map(_quoted, segments[:-2]) if parts.scheme != "ssh" else ())))
    owner, name = segments[-2:]
    return Location(
        ForgeKind.GITEA, _host(_root(parts)), f"{root}/api/v1", f"{root}/{_quoted(owner)}/{_quoted(name)}", owner, name
    )


def _bitbucket(parts: SplitResult, segments: Sequence[str]) -> Location | None:
    if len(segments) != 2 or not all(segments):
        return None
    root, (owner, name) = _root(parts), segments
    host = _host(root)
    api = "https://api.bitbucket.org/2.0" if host == "bitbucket.org" else f"{root}/2.0"
    return Location(ForgeKind.BITBUCKET, host, api, f"{root}/{_quoted(owner)}/{_quoted(name)}", owner, name)


def _bitbucket_server(parts: SplitResult, segments: Sequence[str]) -> Location | None:
    if len(segments) < 2 or not all(segments):
        return None
    *context, key, name = segments
    root = _root(parts)
    if parts.scheme != "ssh":
        if not context or context[-1] != "scm":
            return None
        root = "/".join((root, *map(_quoted, context[:-1])))
    owner = key if key.startswith("~") else key.upper()
    web = f"{root}/users/{_quoted(key[1:])}" if key.startswith("~") else f"{root}/projects/{_quoted(owner)}"
    return Location(
        ForgeKind.BITBUCKET_SERVER,
        _host(_root(parts)),
        f"{root}/rest/api/1.0",
        f"{web}/repos/{_quoted(name)}",
        owner,
        name,
    )


def _azure(parts: SplitResult, segments: Sequence[str]) -> Location | None:
    host, rest = (parts.hostname or "").rstrip("."), list(segments)
    if not all(rest):
        return None
    if parts.scheme == "ssh":
        if host not in ("ssh.dev.azure.com", "vs-ssh.visualstudio.com"):
            return _azure_server(parts, rest)
        if len(rest) != 4 or rest[0] != "v3":
            return None
        organisation, project, name = rest[1:]
        return _azure_at(f"https://dev.azure.com/{_quoted(organisation)}", "dev.azure.com", project, name)
    if host == "dev.azure.com":
        if len(rest) not in (3, 4) or rest[-2] != "_git":
            return None
        return _azure_at(f"{_root(parts)}/{_quoted(rest[0])}", host, rest[1] if len(rest) == 4 else rest[-1], rest[-1])
    if host.endswith(LEGACY_AZURE):
        if rest[:1] == ["DefaultCollection"]:
            rest = rest[1:]
        if len(rest) not in (2, 3) or rest[-2] != "_git":
            return None
        return _azure_at(_root(parts), host, rest[0] if len(rest) == 3 else rest[-1], rest[-1])
    return _azure_server(parts, rest)


def _azure_server(parts: SplitResult, segments: Sequence[str]) -> Location | None:
    """Return a repository at an Azure DevOps Server: `/tfs/Collection/Project/_git/Name`; project may be left out."""
    if len(segments) < 3 or segments[-2] != "_git":
        return None
    *before, _, name = segments
    collection, project = (before[:-1], before[-1]) if len(before) > 1 else (before, name)
    root = _root(parts)
    return _azure_at("/".join((root, *map(_quoted, collection))), _host(root), project, name)


def _azure_at(collection: str, host: str, project: str, name: str) -> Location:
    web = f"{collection}/{_quoted(project)}/_git/{_quoted(name)}"
    return Location(ForgeKind.AZURE_DEVOPS, host, collection, web, project, name)


def _quoted(segment: str) -> str:
    return quote(segment, safe="~")


_READERS: Final[dict[ForgeKind, Callable[[SplitResult, Sequence[str]], Location | None]]] = {
    ForgeKind.GITHUB: _github,
    ForgeKind.GITLAB: _gitlab,
    ForgeKind.GITEA: _gitea,
    ForgeKind.BITBUCKET: _bitbucket,
    ForgeKind.BITBUCKET_SERVER: _bitbucket_server,
    ForgeKind.AZURE_DEVOPS: _azure,
}
_FORMS: Final = {
    ForgeKind.GITHUB: "https://github.com/OWNER/NAME",
    ForgeKind.GITLAB: "https://gitlab.com/GROUP/NAME",
    ForgeKind.GITEA: "https://HOST/OWNER/NAME",
    ForgeKind.BITBUCKET: "https://bitbucket.org/WORKSPACE/NAME",
    ForgeKind.BITBUCKET_SERVER: "https://HOST/scm/PROJECT/NAME.git",
    ForgeKind.AZURE_DEVOPS: "https://dev.azure.com/ORGANISATION/PROJECT/_git/NAME",
}


def _shown(url: str) -> str:
    return sanitize(redact_text(url))
