"""Globs of `spec.update.files`: which files besides YAML an update looks at.

As in gitignore: `*` and `?` stay within a folder, `**` crosses folders, and a glob without a slash is about names in
any folder. There is no negation and no escaping. They run on RE2, whose time does not depend on what users write.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from controllers.golang import regexp
from controllers.setters.candidates import is_candidate

_TOKEN = re.compile(r"(?:^|(?<=/))\*\*/|/\*\*$|\*\*?|\?|\[!?[^/\[\]]+\]|.", re.DOTALL)

NamePredicate = Callable[[str], bool]


def matches_any(path: str, globs: Sequence[str]) -> bool:
    """Return True when one of the globs means the path, which is relative to the update path."""
    return any(_compiled(glob)(path) for glob in globs)


@lru_cache(maxsize=256)
def name_filter(globs: tuple[str, ...]) -> NamePredicate:
    """Return what accepts the base names of YAML files, and of files that a glob may mean.

    Equal globs get the same function object, so that a scan keyed by it is found again.
    """
    if not globs:
        return is_candidate
    lasts = [_compile_predicate(_pattern(glob.rpartition("/")[2])) for glob in globs]

    def may_be_meant(name: str) -> bool:
        return is_candidate(name) or any(last(name) for last in lasts)

    return may_be_meant


def translate_name(glob: str) -> NamePredicate:
    """Return what accepts the base names that the last part of a glob means."""
    return _compile_predicate(_pattern(glob))


@lru_cache(maxsize=256)  # each may take half a megabyte, if it is written for that
def _compiled(glob: str) -> NamePredicate:
    glob = glob.removeprefix("./")
    anywhere = "/" not in glob
    return _compile_predicate(("(?:.*/)?" if anywhere else "") + _pattern(glob.removeprefix("/")))


def _compile_predicate(pattern: str) -> NamePredicate:
    """Return what matches whole texts; an invalid pattern such as `[z-a]` matches nothing."""
    try:
        compiled = regexp.compile(f"(?s)\\A(?:{pattern})\\z")
    except regexp.BadPattern:
        return lambda _: False
    return lambda text: compiled.matches(text.encode("utf-8", "replace").decode())


def _pattern(glob: str) -> str:
    return "".join(_translate(token) for token in _TOKEN.findall(glob))


def _translate(token: str) -> str:
    match token:
        case "**/":
            return "(?:.*/)?"
        case "/**":
            return "/.*"
        case "*" | "**":
            return "[^/]*"
        case "?":
            return "[^/]"
        case _ if token.startswith("[") and len(token) > 1:
            inner = token[1:-1].replace("\\", "\\\\")
            return f"[^/{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"
        case _:
            return re.escape(token)
