"""Plays a page from top to bottom: files are written, commands are run, answers are compared with what is shown."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from hack.pages.blocks import Block, Directive, read_page
from hack.pages.world import World

SHELL = ("sh", "bash")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page shows, and what was printed."""

    block: Block
    printed: str
    """With the commands, in the form of the block."""


def is_played(block: Block) -> bool:
    """Return whether the player does something with a block: it is a file, a script or a dialogue."""
    return not block.reason and bool(block.file_name or block.language in SHELL or block.is_dialogue)


def play(page: str, world: World) -> Iterator[Answer]:
    """Play a page in a world; yield an answer for each dialogue. Scripts must end with 0."""
    for part in read_page(page):
        if isinstance(part, Directive):
            if part.words[0] == "as":  # the story begins where that page ends
                deque(play(part.words[1], world), maxlen=0)
            else:
                world.direct(part)
        elif part.reason:
            continue
        elif part.file_name:
            world.write_file(part)
        elif part.language in SHELL:
            world.run(part.body, status=0)
        elif part.is_dialogue:
            yield Answer(part, _hold_dialogue(part, world))


def _hold_dialogue(block: Block, world: World) -> str:
    """Run the commands behind `$ ` and return the block as it should be."""
    return "".join(f"$ {command}\n{world.run(command)}" for command in commands_of(block))


def commands_of(block: Block) -> list[str]:
    """Return the commands of a dialogue, continuation lines included."""
    return [found.removeprefix("$ ") for found in re.findall(r"^\$ (?:.*\\\n)*.*$", block.body, re.MULTILINE)]
