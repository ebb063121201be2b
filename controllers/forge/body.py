"""The text that a pull request has unless a template says otherwise: a table of what changes, reasons, findings. Pure.

Everything in it that comes from files, registries or policies is foreign text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from controllers.forge.text import cell, code, link, prose

MAX_ROWS: Final = 200
MAX_FINDINGS: Final = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One image that changes."""

    image: str
    """Without tag and digest."""
    old: str
    """What was written before; empty: nothing."""
    new: str
    policy: str = ""
    """`namespace/name`."""
    reason: str = ""
    """Why the policy chose it, in one sentence."""
    link: str = ""
    """Address that shows what changed between the two; empty: unknown."""
    files: Sequence[str] = ()


def default_title(rows: Sequence[Row]) -> str:
    """Return a title that names the image and its new version, or how many images there are."""
    changes = list(dict.fromkeys((row.image, row.new) for row in rows))
    if len(changes) == 1:
        image, new = changes[0]
        return f"Update {image.rsplit('/', 1)[-1]} to {new}"
    images = {image for image, _ in changes}
    if len(images) == 1:
        return f"Update {next(iter(images)).rsplit('/', 1)[-1]}"
    return f"Update {len(images)} images"


def default_body(rows: Sequence[Row], *, automation: str, findings: Sequence[str] = ()) -> str:
    """Return a table old → new with links, the reasons, the files and the findings. The same for the same arguments."""
    shown = rows[:MAX_ROWS]
    parts = [_table(shown, left_out=len(rows) - len(shown)), _reasons(shown), _files(shown), _findings(findings)]
    end = (
        f"Made by the ImageUpdateAutomation {code(automation)}. It updates this pull request in place; commits of "
        "others on its branch make it leave the pull request alone."
    )
    return "\n\n".join([*(part for part in parts if part), end]) + "\n"


def _table(rows: Sequence[Row], *, left_out: int) -> str:
    lines = ["| Image | From | To | Changes |", "|---|---|---|---|"]
    for row in rows:
        cells = (code(row.image), code(row.old) if row.old else "", code(row.new), link("compare", row.link))
        lines.append("| " + " | ".join(cell(text) for text in cells) + " |")
    more = [f"\nand {left_out} more."] if left_out > 0 else []
    return "\n".join([*lines, *more])


def _reasons(rows: Sequence[Row]) -> str:
    given = dict.fromkeys((row.policy, row.reason) for row in rows if row.reason)
    return "\n".join(f"- {code(policy)}: {prose(reason)}" for policy, reason in given)


def _files(rows: Sequence[Row]) -> str:
    files = list(dict.fromkeys(file for row in rows for file in row.files))
    if not files:
        return ""
    more = f" and {len(files) - MAX_ROWS} more" if len(files) > MAX_ROWS else ""
    return "Files: " + ", ".join(code(file) for file in files[:MAX_ROWS]) + more


def _findings(findings: Sequence[str]) -> str:
    if not findings:
        return ""
    lines = [f"- {prose(finding)}" for finding in findings[:MAX_FINDINGS]]
    if len(findings) > MAX_FINDINGS:
        lines.append(f"- and {len(findings) - MAX_FINDINGS} more")
    return "Left alone:\n\n" + "\n".join(lines)
