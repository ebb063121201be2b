"""The steps of `tagline automate`: read manifests, bring the state up to date, host the kinds, report."""

import argparse
import asyncio
import hashlib
import logging
import os
import signal
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta
from functools import partial
from pathlib import Path

from api.kinds import KINDS
from api.names import IMAGE_REPOSITORIES, IMAGE_UPDATE_AUTOMATIONS
from cli import report, sync
from cli.dockerlogin import config_file, with_docker_login
from cli.following import Fingerprint, Follower, fingerprint
from cli.git_login import GitLogins, ReportingGit, with_git_login
from cli.hosting import QUIET, SCANNERS, WRITERS, Host, writer_with
from cli.local import watching
from cli.objects import BadInput, Manifests, read_manifests
from cli.output import OutputFailed, encode_json, write_error, write_output
from cli.progress import Progress, waiting
from cli.pushed_repository import (
    NAME,
    find_checkout,
    is_repository_url,
    needs_automation,
    split_login,
    with_automation,
)
from cli.remote import RemoteSources
from cli.report import RunReport
from cli.secrets import read_variable, with_secrets
from cli.source_options import refuse
from controllers.clock import SYSTEM_CLOCK
from controllers.forge.model import Forge
from controllers.gitaccess.git import Git
from controllers.gitaccess.recording import RecordingGit
from controllers.pullrequests.recording import RecordedOffer, RecordingForge
from controllers.runtime.embedded.api import EmbeddedApi
from controllers.runtime.embedded.errors import StateError
from controllers.runtime.key import Key
from controllers.runtime.kube.errors import ApiError
from controllers.runtime.log import configure
from controllers.runtime.process.allocator import configure_malloc
from controllers.runtime.process.descriptors import raise_descriptor_limit
from controllers.runtime.process.flags import BadFlag
from controllers.runtime.process.main import schedule_exit
from controllers.runtime.process.process import CannotStart

TIMEOUT = timedelta(minutes=10)
"""Of one run, unless it is said."""
MANIFESTS_INTERVAL = timedelta(minutes=1)
"""Between two looks at a repository with manifests, unless it is said."""
METRICS_ADDRESS, HEALTH_ADDRESS = ":8080", ":9440"
DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def run_automate(options: argparse.Namespace) -> int:
    """Run once, or until a signal comes; return the exit status."""
    if options.dry_run and not options.once:
        return _refuse("--dry-run needs --once")
    if "-" in options.sources and not options.once:
        return _refuse("manifests from standard input need --once: there is no second look at them")
    if useless := _find_useless(options):
        return _refuse(useless)
    _configure_logging(options)
    try:
        # What changes while the manifests are read is seen later.
        seen = {} if options.once else fingerprint(_paths(options))
        folder = _first_folder(options.sources)
        logins = GitLogins(folder, environ=os.environ, is_enabled=not options.no_git_login)
        remotes = _remote_sources(options, logins)
        manifests = _read(options, logins, remotes)
        path = options.state or default_state_file(options.sources)
        with EmbeddedApi.open(
            path, KINDS, clock=SYSTEM_CLOCK, check_machine=not options.shared_state, read_only=options.dry_run
        ) as api:
            for notice in (*manifests.notices, *api.notices):
                write_error(notice)
            run = _once if options.once else partial(_stay, seen=seen, remotes=remotes)
            return asyncio.run(run(options, api, manifests, logins))
    except (BadInput, StateError, BadFlag, CannotStart) as error:
        return _refuse(str(error))
    except ApiError as error:  # the state cannot be written
        write_error(error)
        return FAILED
    except KeyboardInterrupt:
        write_error("interrupted; what was done is recorded")
        return INTERRUPTED


def default_state_file(sources: list[str]) -> Path:
    """Return where the state of these sources is kept: each set of them has a file of its own.

    A login in a URL does not count: tokens change. Raises BadInput where the user has no home folder.
    """
    places = "\n".join(sorted(map(_place, sources)))
    base = os.path.expanduser(os.environ.get("XDG_STATE_HOME") or "~/.local/state")
    if base.startswith("~"):
        raise BadInput(f"there is no home folder for {base}, where the state would be kept: name a file with --state")
    folder = Path(base) / "tagline"
    return folder / f"automate-{hashlib.sha256(places.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.db"


def _place(source: str) -> str:
    if is_repository_url(source):
        return split_login(source)[0]
    return source if source == "-" else str(Path(source).resolve())


def _find_useless(options: argparse.Namespace) -> str:
    """Return a sentence on an option that would be without effect, empty if there is none."""
    of_url = {"manifests_interval": "--manifests-interval"}
    if options.once:
        served = {"metrics_addr": "--metrics-addr", "health_addr": "--health-addr"}
        return refuse(options, {**of_url, **served}, "without --once")
    if len(_paths(options)) == len(options.sources) and (useless := refuse(options, of_url, "with a repository's URL")):
        return useless
    return refuse(options, {"output": "--output", "timeout": "--timeout"}, "with --once")


def _remote_sources(options: argparse.Namespace, logins: GitLogins) -> RemoteSources:
    """Return the sources that are repositories; they are read as whom the automation that is made writes.

    Raises BadInput where the environment does not have the login.
    """
    login = {
        value.key: read_variable(value, os.environ).encode()
        for value in options.secret_from_env
        if value.secret == Key(options.namespace, NAME)
    }
    return RemoteSources(filter(is_repository_url, options.sources), login, logins)


def _paths(options: argparse.Namespace) -> list[str]:
    return [source for source in options.sources if not is_repository_url(source)]


def _first_folder(sources: Sequence[str]) -> Path:
    """Return the folder whose configuration of Git counts."""
    folders = (source if os.path.isdir(source) else os.path.dirname(source) for source in sources)
    return next((Path(folder) for folder in folders if os.path.isdir(folder)), Path())


def _read(options: argparse.Namespace, logins: GitLogins, sources: RemoteSources) -> Manifests:
    """Return all objects: of the sources, and what is made for them. Raises BadInput."""
    logins.begin()
    paths = _paths(options)
    with waiting("reading manifests") if options.once else nullcontext():
        remotes = asyncio.run(sources.fetch()) if sources else []
    files = [file for remote in remotes for file in remote.files]
    manifests = read_manifests(paths, namespace=options.namespace, environ=os.environ, more=files)
    if not any(manifests.of(resource.kind) for resource in sync.RECONCILED):
        kinds = ", ".join(resource.kind for resource in sync.RECONCILED)
        raise BadInput(f"{', '.join(paths) or 'the repository'}: no manifest of {kinds}")
    if needs_automation(manifests):
        found = [*map(find_checkout, paths), *(remote.checkout for remote in remotes)]
        checkouts = [logins.complete(checkout) if checkout else None for checkout in found]
        secrets = {value.secret for value in options.secret_from_env}
        manifests = with_automation(manifests, checkouts, secrets)
    manifests = with_secrets(manifests, options.secret_from_env, os.environ)
    manifests = with_git_login(manifests, logins)
    return manifests if options.no_docker_login else with_docker_login(manifests, config_file(os.environ))


async def _once(options: argparse.Namespace, api: EmbeddedApi, manifests: Manifests, logins: GitLogins) -> int:
    """Scan and choose until nothing moves, then write; print the report."""
    client = api.connect()
    before = await sync.read_choices(client)
    await sync.apply(client, manifests.manifests, request_at=SYSTEM_CLOCK.now())
    recorders: list[RecordingGit] = []
    offers: list[RecordedOffer] = []

    def record(git: Git) -> RecordingGit:
        recorders.append(RecordingGit(ReportingGit(git, logins), is_dry_run=options.dry_run))
        return recorders[-1]

    def record_offers(forge: Forge) -> Forge:
        return RecordingForge(forge, offers, is_dry_run=options.dry_run)

    argv = (*QUIET, f"--concurrent={options.concurrent}")
    unfinished = ""
    try:
        async with asyncio.timeout((TIMEOUT if options.timeout is None else options.timeout).total_seconds()):
            for kinds, text, of in (
                (SCANNERS, "waiting for registries", IMAGE_REPOSITORIES),
                (WRITERS, "waiting for Git", IMAGE_UPDATE_AUTOMATIONS),
            ):
                with Progress(text) as progress:
                    async with (
                        Host(api, kinds, argv=argv, build=writer_with(record, record_offers)) as host,
                        watching(client, SYSTEM_CLOCK, progress.show, of=of),
                    ):
                        if not await host.settle():
                            unfinished = "it could not go on; --verbose says why"
    except TimeoutError:
        unfinished = "the time was over before everything was done"
    result = RunReport(
        objects=await sync.read_states(client),
        before=before,
        choices=await sync.read_choices(client),
        commits=[commit for recorder in recorders for commit in recorder.commits],
        is_dry_run=options.dry_run,
        unfinished=unfinished,
        offers=offers,
    )
    status = DONE if result.is_fine else FAILED
    try:
        write_output([encode_json(report.to_json(result))] if options.output == "json" else report.to_text(result))
    except OutputFailed:
        schedule_exit(FAILED)
        raise
    schedule_exit(status)
    return status


async def _stay(
    options: argparse.Namespace,
    api: EmbeddedApi,
    manifests: Manifests,
    logins: GitLogins,
    *,
    seen: Fingerprint,
    remotes: RemoteSources,
) -> int:
    """Run all kinds until a signal comes, and follow changes of the manifests. When either ends, both do."""
    client = api.connect()
    await sync.apply(client, manifests.manifests)
    argv = (
        f"--metrics-addr={_address(options.metrics_addr, METRICS_ADDRESS)}",
        f"--health-addr={_address(options.health_addr, HEALTH_ADDRESS)}",
        f"--concurrent={options.concurrent}",
    )
    build = writer_with(lambda git: ReportingGit(git, logins))
    host = Host(api, (*SCANNERS, *WRITERS), argv=argv, build=build)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, host.process.stop)
    follower = Follower(
        _paths(options),
        client,
        seen=seen,
        read=lambda: _read(options, logins, remotes),
        applied=manifests.manifests,
        remotes=remotes if remotes else None,
        interval=options.manifests_interval or MANIFESTS_INTERVAL,
        has_borrowed_logins=lambda: logins.is_asked,
    )
    host.process.add_background(follower)
    status = await host.run()
    schedule_exit(status)
    return status


def _address(given: str | None, default: str) -> str:
    return default if given is None else given


def _configure_logging(options: argparse.Namespace) -> None:
    configure_malloc()
    raise_descriptor_limit()
    configure("info" if options.verbose or not options.once else "error", options.log_encoding)
    if options.once and not options.verbose:
        logging.disable(logging.CRITICAL)  # what has failed is in the report


def _refuse(text: str) -> int:
    write_error(text)
    return BAD_INPUT
