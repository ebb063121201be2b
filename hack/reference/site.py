"""Which files are generated, whole or in part, and what they should hold."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from api.kinds import EVERY_KIND
from hack.cligolden.accepted import DEFAULT, read_accepted
from hack.reference import commands, kinds
from hack.reference.flags import flag_table
from hack.reference.markdown import escape, join_names, replace_part
from hack.reference.reasons import kinds_by_reason, reasons_of
from hack.reference.senders import sender_sections

COMPATIBILITY = "docs/compatibility.md"
FLAGS, TROUBLESHOOTING, REFERENCE = "docs/flags.md", "docs/troubleshooting.md", "docs/reference.md"
RECEIVER = "docs/receiver.md"
API, COMMANDS = "docs/api", "docs/commands"
NAVIGATION: Final = "mkdocs.yml"
_NAVIGATION_BEGIN: Final = "  # pages that `python -m hack.reference` generates\n"
_NAVIGATION_END: Final = "  # end of these pages\n"


def pages(root: Path) -> dict[str, str]:
    """Return the content that each file should have, by its path from the root of the repository."""

    def present(name: str) -> str:
        return (root / name).read_text() if (root / name).exists() else ""

    found = {f"{API}/{kind.name}.md": kinds.page(kind, present(f"{API}/{kind.name}.md")) for kind in EVERY_KIND}
    found |= {f"{COMMANDS}/{name}": content for name, content in commands.pages().items()}
    found[FLAGS] = replace_part(present(FLAGS), "flags", "".join(flag_table()))
    found[TROUBLESHOOTING] = replace_part(present(TROUBLESHOOTING), "reasons", _reason_table())
    found[COMPATIBILITY] = replace_part(present(COMPATIBILITY), "recordings", _recording_table())
    found[RECEIVER] = replace_part(present(RECEIVER), "senders", "".join(sender_sections()))
    found[NAVIGATION] = _navigation(present(NAVIGATION))
    return found


def stale_pages(root: Path) -> list[str]:
    """Return the pages of verbs that are gone."""
    names = commands.pages().keys()
    return [f"{COMMANDS}/{path.name}" for path in sorted((root / COMMANDS).glob("*.md")) if path.name not in names]


def _reason_table() -> str:
    lines = ["| Reason | Kinds | Run again |\n|---|---|---|\n"]
    for name, having in kinds_by_reason().items():
        again = {reason.again for kind in having for reason in reasons_of(kind) if reason.name == name}
        named = ", ".join(f"[{kind.resource.kind}](api/{kind.name}.md)" for kind in having)
        again = again or {"with growing delays"}
        lines.append(f"| [`{name}`](#{name.lower()}) | {named} | {escape('; or '.join(sorted(again)))} |\n")
    return "".join(lines)


def _recording_table() -> str:
    """Return the recorded invocations that are answered otherwise, by the reason."""
    by_reason: dict[str, list[str]] = {}
    for entry in read_accepted(DEFAULT):
        by_reason.setdefault(entry.reason, []).append(entry.id)
    rows = [f"| {escape(reason)} | {join_names(ids)} |\n" for reason, ids in by_reason.items()]
    return f"| What is different, and why | Recordings |\n|---|---|\n{''.join(rows)}"


def _navigation(text: str) -> str:
    before, opening, rest = text.partition(_NAVIGATION_BEGIN)
    _, closing, after = rest.partition(_NAVIGATION_END)
    if not opening or not closing:
        raise ValueError(f"{NAVIGATION} lacks the lines around generated pages")
    lines = ["  - Kinds:\n", *(f"    - {kind.resource.kind}: api/{kind.name}.md\n" for kind in EVERY_KIND)]
    lines += ["  - Commands:\n"]
    for name in commands.pages():
        verb = name.removesuffix(".md")
        lines.append("    - commands/index.md\n" if verb == "index" else f"    - {verb}: commands/{name}\n")
    return f"{before}{opening}{''.join(lines)}{closing}{after}"
