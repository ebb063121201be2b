"""`tagline completion`: a script by which a shell completes commands, flags, and names of the cluster's objects."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from cli.grammar.session import Session
from cli.grammar.tree import Command, Group

PROGRAM: Final = "tagline"
EXAMPLES: Final[Mapping[str, str]] = {
    "bash": "source <(tagline completion bash)    # in ~/.bashrc\n",
    "zsh": "source <(tagline completion zsh)    # in ~/.zshrc, after compinit\n",
    "fish": "tagline completion fish > ~/.config/fish/completions/tagline.fish\n",
    "powershell": "tagline completion powershell | Out-String | Invoke-Expression    # in $PROFILE\n",
}


def _run(shell: str, session: Session, arguments: tuple[str, ...]) -> None:
    from cli.completing.scripts import script  # noqa: PLC0415 -- not for help
    from cli.output import write_output  # noqa: PLC0415

    write_output([script(shell, PROGRAM).encode()])


COMMAND = Group(
    name="completion",
    summary="print a shell's completion script",
    children=tuple(
        Command(name=shell, run=partial(_run, shell), summary=f"Print the script for {shell}", examples=example)
        for shell, example in EXAMPLES.items()
    ),
)
