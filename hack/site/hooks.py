"""Hooks of mkdocs: pages from beside docs/, links that lead out of it, and a look for what is loaded from elsewhere.

Runs in the virtual environment of the site, where nothing of tagline's is installed, and is tested in that of tagline,
where mkdocs is not: it imports mkdocs only where a hook is called.
"""

import importlib
import logging
import posixpath
import re
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
BESIDE: Final = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Pages of the site that are not in docs/, where everybody looks for them."""

_CODE_OR_LINK: Final = re.compile(
    r"^```.*?^```$|`[^`\n]*`|\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)", re.MULTILINE | re.DOTALL
)
_LOADED: Final = re.compile(rb"""(?:<(?:script|img|iframe|source)\b[^>]*\bsrc|<link\b[^>]*\bhref)=["']?(https?:)?//""")
_LOADED_BY_STYLE: Final = re.compile(rb"""(?:url\(|@import\s*)["']?(?:https?:)?//""")

_log = logging.getLogger("mkdocs.hooks.tagline")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are beside docs/."""
    file = importlib.import_module("mkdocs.structure.files").File
    for name, page in BESIDE.items():
        files.append(file.generated(config, page, content=(ROOT / name).read_text()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the page with links that work on the site."""
    return unescape_pipes(rewrite_links(markdown, page.file.src_uri))


def on_post_build(config: Any) -> None:
    """Warn, which fails a strict build, of each page that would load something from another host."""
    for path in find_foreign_loads(Path(config["site_dir"])):
        _log.warning("%s loads something from another host", path)


def rewrite_links(markdown: str, page: str) -> str:
    """Return the text of a page with links as the site needs them. page: its path below docs/, or of one beside it.

    What is in the repository but not on the site is named, without a link.
    """
    beside = {target: source for source, target in BESIDE.items()}
    place = posixpath.dirname(posixpath.join("docs", page)) if page not in beside else ""

    def replace(found: re.Match[str]) -> str:
        title, target, anchor = found[1], found[2], found[3] or ""
        if target is None or re.match(r"[a-z]+:", target):
            return found[0]
        path = posixpath.normpath(posixpath.join(place, target))
        wanted = BESIDE.get(path, "index.md" if path == "README.md" else "")
        if path.startswith("docs/"):
            wanted = path.removeprefix("docs/")
        if not wanted:
            return title if (ROOT / path).exists() else found[0]  # mkdocs reports a dead link
        return f"[{title}]({posixpath.relpath(wanted, posixpath.dirname(page) or '.')}{anchor})"

    return _CODE_OR_LINK.sub(replace, markdown)


def unescape_pipes(markdown: str) -> str:
    """Return a page without backslashes before pipes in the code of tables.

    Git hosts want them there. Python-Markdown takes no pipe in code for the end of a cell, and shows the backslash.
    """
    rows = re.compile(r"^\|.*\|$", re.MULTILINE)
    return rows.sub(lambda row: re.sub(r"`[^`]*`", lambda code: code[0].replace("\\|", "|"), row[0]), markdown)


def find_foreign_loads(folder: Path) -> list[str]:
    """Return the built files that load a script, style, font or picture from another host, relative to the folder."""
    pages = [(path, _LOADED) for path in sorted(folder.rglob("*.html"))]
    styles = [(path, _LOADED_BY_STYLE) for path in sorted(folder.rglob("*.css"))]
    return [path.relative_to(folder).as_posix() for path, what in pages + styles if what.search(path.read_bytes())]
