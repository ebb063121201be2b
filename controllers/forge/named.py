"""Lists of names of which a forge refuses all because of one."""

from collections.abc import Awaitable, Callable, Sequence

from controllers.forge.errors import BadAnswer, Conflict, ForgeError, NotFound, Refused
from controllers.net.foreign_text import escape

ABOUT_A_NAME = (BadAnswer, Conflict, NotFound, Refused)
"""What may be about one of the names. Everything else is about the request, and would be for each name."""


async def add_each(names: Sequence[str], add: Callable[[Sequence[str]], Awaitable[None]]) -> Sequence[str]:
    """Add all names at once, and one by one if that is refused. Return what is wrong with those that are refused."""
    try:
        await add(names)
    except ABOUT_A_NAME as error:
        if len(names) == 1:
            return [describe_refusal(names[0], error)]
    else:
        return ()
    refused: list[str] = []
    for name in names:
        try:
            await add([name])
        except ABOUT_A_NAME as error:
            refused.append(describe_refusal(name, error))
    return refused


def describe_refusal(name: str, error: ForgeError) -> str:
    """Return what is wrong with a name."""
    return f"{escape(name)} is not accepted: {error.reason}"
