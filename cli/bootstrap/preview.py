"""What a bootstrap would commit, shown without touching anything: all files, or the difference to the repository."""

from collections.abc import Mapping

from cli.bootstrap import credentials, steps, survey
from cli.bootstrap.argocd import ArgoPlace
from cli.bootstrap.choosing import parts_of
from cli.bootstrap.files import plan
from cli.bootstrap.wishes import Wishes
from cli.grammar.session import Failed, Session


def export(session: Session, wishes: Wishes) -> None:
    """Print all files of a bootstrap into an empty repository. Asks neither repository nor cluster. Raises Failed."""
    engine = wishes.engine or "flux"
    found = survey.Survey(engine, ArgoPlace() if engine == "argocd" else None, None, sources_are_of_flux=False)
    _print(_render(plan(wishes, parts_of(session, wishes, found, {}), {}).all))


def dry_run(session: Session, wishes: Wishes) -> None:
    """Print how the repository would change, as a diff. Reads repository and cluster. Raises Failed, ApiError."""
    from cli.bootstrap.repository import Repository  # noqa: PLC0415
    from cli.diffs import diff_of  # noqa: PLC0415

    found = survey.look(session, wishes)
    survey.check_path(found, wishes)
    survey.check_source(found, wishes)
    source = None
    if wishes.scheme == "ssh":
        source = _ssh_key(session, wishes)
    remote = credentials.remote_of(wishes, source, seconds=steps.git_seconds(session))
    with Repository(remote, wishes, session.report, sleep=session.deadline.sleep) as repository:
        steps.clone(session, wishes, repository)
        repository.check_push()
        existing = repository.read(wishes.places.all)
        planned = plan(wishes, parts_of(session, wishes, found, existing), existing)
    wanted = planned.all
    changed = [path for path in sorted(wanted) if existing.get(path) != wanted[path]]
    for path in changed:
        session.report.action(f"{'changes' if path in existing else 'adds'} {path}")
    if not changed:
        session.report.success("the repository is up to date")
    _print(diff_of({path: existing.get(path, b"") for path in wanted}, wanted))


def _ssh_key(session: Session, wishes: Wishes) -> credentials.SourceSecret:
    """Return the key for reading a repository by SSH: none is made, for nobody could give it access. Raises Failed."""
    existing = credentials.read_secret(session, wishes)
    if not wishes.key_was_given and not (existing and existing.get("identity")):
        raise Failed(
            "--dry-run has no key to read the repository with: give one with --private-key-file, or see the files "
            "with --export"
        )
    return credentials.for_ssh(wishes, existing, timeout=steps.git_seconds(session))


def _render(files: Mapping[str, bytes]) -> bytes:
    """Return files one after another, each behind its path."""
    return b"".join(f"# {path}\n".encode() + files[path] for path in sorted(files))


def _print(data: bytes) -> None:
    from cli.output import write_output  # noqa: PLC0415

    write_output([data])
