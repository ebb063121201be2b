"""The files that targets name and nothing else does: where to look, and which of what is found. Pure."""

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from controllers import setters
from controllers.git.objects.scan import File
from controllers.setters.targets import Search, search_of


def list_searches(targets: Iterable[setters.Target], path: str) -> Iterator[Search]:
    """Yield where to look for files of targets, each place once; path: `spec.update.path`, normalised."""
    searches = dict.fromkeys(search_of(target) for target in targets if not target.fault)
    return (replace(search, folder=posixpath.join(path, search.folder).rstrip("/")) for search in searches)


def add_files(files: Sequence[File], found: Iterable[File], targets: Sequence[setters.Target], path: str) -> list[File]:
    """Return files with those of `found` that a target means and that lie below the path, each once."""
    by_path = {file.path: file for file in files}
    for file in found:
        relative = setters.relative_to(file.path, path)
        is_inside = setters.relative_to(file.target, path) is not None
        if relative is not None and is_inside and any(target.means(relative) for target in targets):
            by_path.setdefault(file.path, file)
    return list(by_path.values())
