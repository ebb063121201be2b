"""`tagline bootstrap`: components and sync manifests into a Git repository, and from there into a cluster."""

from typing import Any, Final

from cli.bootstrap import flags as of_bootstrap
from cli.grammar.session import Session
from cli.grammar.tree import Command, Group

EXAMPLES: Final = """
# Flux and tagline, synced from a repository that is reached with a token
GIT_PASSWORD=… tagline bootstrap git --url=https://git.example.com/org/fleet --token-auth \\
  --path=clusters/my-cluster --components-extra=image-reflector-controller,image-automation-controller

# By SSH: a key is made and shown, for the deploy keys of the repository
tagline bootstrap git --url=ssh://git@git.example.com/org/fleet --path=clusters/my-cluster

# Tagline alone beside Argo CD
GIT_PASSWORD=… tagline bootstrap git --url=https://git.example.com/org/fleet --token-auth --path=clusters/my-cluster \\
  --engine=argocd

# Look first
tagline bootstrap git --url=https://git.example.com/org/fleet --token-auth --path=clusters/my-cluster --dry-run
"""


def run(session: Session, arguments: tuple[str, ...], **given: Any) -> None:
    """Check what was asked for, then do it, or show what would be done."""
    from cli.bootstrap import credentials, steps  # noqa: PLC0415
    from cli.bootstrap.options import check_components, wishes_of  # noqa: PLC0415

    steps.refuse_arguments(arguments)
    check_components(given)
    wishes = wishes_of(session, given, credentials.ask_password(session, given))
    if given["export"] or given["dry_run"]:
        from cli.bootstrap import preview  # noqa: PLC0415

        (preview.export if given["export"] else preview.dry_run)(session, wishes)
        return
    steps.bootstrap(session, wishes)


COMMAND: Final = Group(
    name="bootstrap",
    summary="install tagline, and who syncs, by way of a Git repository",
    description=(
        "Commit manifests to a Git repository, and have the cluster sync it. What is there already is kept, and what "
        "Flux's own bootstrap made gets tagline's part beside it. Where Flux is installed, --components-extra says "
        "which image components are, as with Flux; in every other case all of tagline's are where none is named."
    ),
    flags=of_bootstrap.SHARED,
    children=(
        Command(
            name="git",
            run=run,
            summary="bootstrap by any Git repository",
            description=(
                "Check access, commit the components' manifests and the sync manifests below PATH/NAMESPACE, push "
                "them, apply them, make the Secret with which the cluster logs in, and wait until all of it works. May "
                "be interrupted and repeated: what is done already is not done again."
            ),
            examples=EXAMPLES,
            flags=of_bootstrap.GIT,
        ),
    ),
)
