"""A target as an automation states it, and where to look for its files."""

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from controllers.setters.globs import matches_any, translate_name
from controllers.setters.targets.paths import BadPath, parse_path

_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Target:
    """One value to write, in each file that the glob means."""

    file: str
    """Glob as in `spec.update.files`, relative to the update path."""
    path: str
    """JSONPath or JSON Pointer of the one scalar."""
    setter: str
    """What a marker would say, e.g. `apps:web:tag`."""

    @property
    def fault(self) -> str:
        """What is wrong with it by itself, and what to do; empty when nothing is."""
        if ".." in self.file.split("/"):
            return f"the file '{self.file}' leads out of spec.update.path: name files below it"
        try:
            parse_path(self.path)
        except BadPath as error:
            return str(error)
        return ""

    def means(self, relative: str) -> bool:
        """Report whether a file, relative to the update path, is one of the target's."""
        return ".." not in self.file.split("/") and matches_any(relative, (self.file,))


@dataclass(frozen=True, slots=True)
class Search:
    """Where files of a target may be."""

    folder: str
    """Below the update path: a folder, or where `is_exact` a file."""
    is_exact: bool
    is_wanted: Callable[[str], bool]
    """What accepts base names; equal ones are the same function object, so that a scan keyed by it is found again."""


def search_of(target: Target) -> Search:
    """Return where to look for the files of a target: the folders that its glob names without wildcards."""
    parts = [part for part in target.file.removeprefix("./").split("/") if part]
    if not parts:
        return Search("", False, _name_filter(""))
    if "/" not in target.file.removeprefix("./"):
        return Search("", False, _name_filter(parts[-1]))
    wild = next((index for index, part in enumerate(parts) if _WILD.search(part)), len(parts))
    if wild == len(parts):
        return Search(posixpath.join(*parts), True, _name_filter(parts[-1]))
    return Search("/".join(parts[: min(wild, len(parts) - 1)]), False, _name_filter(parts[-1]))


def anything(data: bytes) -> bool:
    """Accept every file: whether a target has a value in it shows when it is parsed."""
    return True


@lru_cache(maxsize=256)
def _name_filter(last: str) -> Callable[[str], bool]:
    return translate_name(last)
