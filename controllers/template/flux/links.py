"""`compareLink`: a link that shows what changed between two images, in the form that the Git host understands.

Ours, not Flux's. The data name the repository and the commits of the images (`model.Comparison`); only the form of the
link is decided here. Data that do not make a plain link make none, whoever wrote them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from controllers.golang.quote import quote
from controllers.template.errors import FunctionFailure
from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.flux.data import CHANGE
from controllers.template.go.types import STRING
from controllers.template.go.values import Struct
from controllers.template.model import Comparison

LIBRARY = Library()

_SEGMENT: Final = r"(?:[A-Za-z0-9._~+-]|%20)+"
_SOURCE: Final = re.compile(
    rf"https://(?P<host>[a-z0-9.-]+)(?P<port>:[0-9]{{1,5}})?/(?P<path>{_SEGMENT}(?:/{_SEGMENT})+)", re.ASCII
)
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class LinkFormat:
    """How links look at one kind of Git host, behind the address of a repository."""

    compare: str
    commit: str
    segments: int = 0
    """How many parts a repository's path has; further parts of a source are left out. 0: any number."""
    views: str = ""
    """What separates a repository's path from those of its pages; empty where nothing does."""


_GITEA: Final = LinkFormat("/compare/{old}...{new}", "/commit/{new}")
LINK_FORMATS: Final[Mapping[str, LinkFormat]] = {
    "azure": LinkFormat("/branchCompare?baseVersion=GC{old}&targetVersion=GC{new}", "/commit/{new}"),
    "bitbucket": LinkFormat("/branches/compare/{new}..{old}", "/commits/{new}", segments=2),
    "forgejo": _GITEA,
    "gitea": _GITEA,
    "github": LinkFormat(_GITEA.compare, _GITEA.commit, segments=2),
    "gitlab": LinkFormat("/-/compare/{old}...{new}", "/-/commit/{new}", views="/-/"),
}
"""By the name that templates use."""


@LIBRARY.add("compareLink", CHANGE, STRING, variadic=True)
def _compare_link(run: RenderContext, change: Struct, *kinds: str) -> str:
    if len(kinds) > 1:
        raise FunctionFailure("there is one kind of Git host at most")
    if kinds and kinds[0] not in LINK_FORMATS:
        raise FunctionFailure(f"unknown kind of Git host {quote(kinds[0])}; known are {', '.join(LINK_FORMATS)}")
    comparison = run.comparisons.get(change)
    return "" if comparison is None else build_link(comparison, kind=kinds[0] if kinds else "")


def build_link(comparison: Comparison, *, kind: str = "") -> str:
    """Return the address that shows what changed, "" when nothing did or the data do not say.

    The new commit alone where the old one is not known. kind: a key of LINK_FORMATS; empty: by the host's name.
    """
    new, old = (commit if _COMMIT.fullmatch(commit) else "" for commit in (comparison.new, comparison.old))
    match = _SOURCE.fullmatch(comparison.source)
    if match is None or not new or (old and (new.startswith(old) or old.startswith(new))):
        return ""
    host = LINK_FORMATS[kind or _kind_of(match["host"])]
    path = match["path"].partition(host.views)[0] if host.views else match["path"]
    if host.segments:
        path = "/".join(path.split("/")[: host.segments])
    page = host.compare if old else host.commit
    return f"https://{match['host']}{match['port'] or ''}/{path}" + page.format(old=old, new=new)


def _kind_of(host: str) -> str:
    """Return the kind of a host by its name; most hosts understand the form of Gitea."""
    if host == "github.com":
        return "github"
    if host == "bitbucket.org":
        return "bitbucket"
    if host == "dev.azure.com" or host.endswith(".visualstudio.com"):
        return "azure"
    return "gitlab" if "gitlab" in host else "gitea"
