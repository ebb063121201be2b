"""Globs of `spec.update.files`: which files besides YAML an update looks at. Pure.

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
    """True when a path, relative to the update path, is meant by one of the globs."""
    return any(_compiled(glob)(path) for glob in globs)


@lru_cache(maxsize=256)
def names(globs: tuple[str, ...]) -> NamePredicate:
    """Judges base names: those of YAML files, and those that a glob may mean. One function object for equal globs."""
    if not globs:
        return is_candidate
    lasts = [_compile_predicate(_pattern(glob.rpartition("/")[2])) for glob in globs]

    def may_be_meant(name: str) -> bool:
        return is_candidate(name) or any(last(name) for last in lasts)

    return may_be_meant


@lru_cache(maxsize=1024)
def _compiled(glob: str) -> NamePredicate:
    glob = glob.removeprefix("./")
    anywhere = "/" not in glob
    return _compile_predicate(("(?:.*/)?" if anywhere else "") + _pattern(glob.removeprefix("/")))


def _compile_predicate(pattern: str) -> NamePredicate:
    """Judges whole texts; nothing is meant by what is no pattern, such as `[z-a]`."""
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
