"""The tools that people come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from controllers.adoption.instructions import Instruction
from controllers.adoption.origins import argocd, keel, renovate
from controllers.adoption.origins.carrying import Carried, Note
from controllers.policy import Rules, Semver
from controllers.policy.errors import InvalidPolicy
from controllers.policy.rules import check
from controllers.setters import Unparsable


@dataclass(frozen=True, slots=True)
class Tool:
    """Where another tool keeps what it was told."""

    may_concern: Callable[[str, bytes], bool]
    read: Callable[[str, bytes, Carried], None]
    is_opt_in: bool
    """Whether it leaves images alone that it was not told about."""


TOOLS: Final = {
    "argocd-image-updater": Tool(argocd.may_concern, argocd.read, is_opt_in=True),
    "keel": Tool(keel.may_concern, keel.read, is_opt_in=True),
    "renovate": Tool(renovate.may_concern, renovate.read, is_opt_in=False),
}


def read_tool(name: str, files: Iterable[tuple[str, bytes]]) -> Carried:
    """Return what a tool was told in the files of a repository; name: of TOOLS. A file that is not YAML is noted."""
    tool, carried = TOOLS[name], Carried()
    for path, data in files:
        if tool.may_concern(path, data):
            try:
                tool.read(path, data, carried)
            except Unparsable as error:
                carried.notes.append(Note(path, error.line, f"left out, for it cannot be read: {error}"))
    carried.instructions = [one for one in carried.instructions if _is_valid(one, carried)]
    if tool.is_opt_in:
        carried.instructions.append(Instruction("*", name, skip=True))
        carried.notes.append(Note("", 0, f"images that {name} was not told about are left out; --policy adds some"))
    return carried


def _is_valid(instruction: Instruction, carried: Carried) -> bool:
    """Return True for an instruction that makes a valid policy; note any other."""
    scheme, extras = instruction.scheme, instruction.extras
    try:
        check(
            Rules(
                scheme.policy if scheme else Semver("*"),
                scheme.tag_filter if scheme else None,
                denied_patterns=extras.denied_patterns,
                platforms=extras.platforms,
            )
        )
    except InvalidPolicy as error:
        carried.notes.append(Note("", 0, f"{instruction.images}, {instruction.origin}: not carried over: {error}"))
        return False
    return True
