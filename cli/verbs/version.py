"""`tagline version`: of the command line, and of what a cluster runs."""

from api.version import VERSION
from cli.grammar.flags import switch
from cli.grammar.session import Session
from cli.grammar.tree import Command
from cli.output import write


def print_version(session: Session, arguments: tuple[str, ...], *, client: bool) -> None:
    """Print the version."""
    write(f"tagline: v{VERSION}\n")


COMMAND = Command(
    flags=(switch("--client", help="print only the version of the command line"),),
    name="version",
    run=print_version,
    summary="print the versions of the command line and of what a cluster runs",
)
