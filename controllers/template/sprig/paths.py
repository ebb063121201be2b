"""Sprig's slash-separated paths, by the rules of Go's `path` (`path/filepath` has the same on Linux).

Reference: https://masterminds.github.io/sprig/paths.html.
"""

from controllers.template.eval.render_context import Library, RenderContext
from controllers.template.go.types import STRING

LIBRARY = Library()


def clean(path: str) -> str:
    """Return the shortest equivalent path, by text alone; `.` for an empty one."""
    rooted = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part == "..":
            parts += [] if rooted else [part]
        elif part not in ("", "."):
            parts.append(part)
    return "/" * rooted + "/".join(parts) or "."


@LIBRARY.add("clean osClean", STRING)
def _clean(run: RenderContext, path: str) -> str:
    run.budget.spend(path.count("/"))
    return clean(path)


@LIBRARY.add("base osBase", STRING)
def _base(run: RenderContext, path: str) -> str:
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


@LIBRARY.add("dir osDir", STRING)
def _dir(run: RenderContext, path: str) -> str:
    run.budget.spend(path.count("/"))
    head, slash, _ = path.rpartition("/")
    return clean(head + slash)


@LIBRARY.add("ext osExt", STRING)
def _ext(run: RenderContext, path: str) -> str:
    _, dot, tail = path.rpartition("/")[2].rpartition(".")
    return dot + tail if dot else ""


@LIBRARY.add("isAbs osIsAbs", STRING)
def _is_abs(run: RenderContext, path: str) -> bool:
    return path.startswith("/")
