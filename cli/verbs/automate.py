"""`tagline automate PATH...`: the whole job without a cluster: scan, choose, commit, once or for good.

The objects come from manifests, the reconcilers are those of the controllers, and what they know is kept in one state
file. `--once` is for cron and CI: it asks every object for a run, scans first and writes then, so that all that is new
goes into one commit for each automation, and ends. Without it the process stays, as the controllers do.
"""

import argparse
import importlib
from datetime import timedelta
from pathlib import Path
from typing import Any

MIN_INTERVAL, MAX_INTERVAL = timedelta(seconds=5), timedelta(hours=24)


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the grammar of the verb."""
    parser.description = (
        "Scan registries, choose tags and commit them, without a cluster: the reconcilers of the controllers on the "
        "ImageRepositories, ImagePolicies, ImageUpdateAutomations, GitRepositories and Secrets of manifests."
    )
    parser.epilog = (
        "Exit status of --once: 0 when there was nothing to do or all is done, 1 when something failed, 2 when the "
        "input is wrong."
    )
    parser.add_argument(
        "sources", nargs="+", metavar="PATH|URL", help="file, folder or Git repository; - is standard input"
    )
    parser.add_argument("--once", action="store_true", help="ask every object for a run, wait for the end, and exit")
    parser.add_argument("--dry-run", action="store_true", help="with --once: stop before the push and print the diff")
    parser.add_argument("--state", type=Path, metavar="FILE", help="default: a file in $XDG_STATE_HOME/tagline")
    parser.add_argument(
        "--shared-state", action="store_true", help="the state file moves between machines, as a cache of a CI does"
    )
    parser.add_argument(
        "--secret-from-env", action="append", default=[], type=_secret_values, metavar="NS/NAME:KEY=VARIABLE",
        help="a value of a Secret from the environment; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--no-docker-login", action="store_true", help="do not use what docker login has stored in its config.json"
    )
    parser.add_argument(
        "--no-git-login", action="store_true", help="do not ask Git's credential helpers for logins to repositories"
    )
    parser.add_argument("-n", "--namespace", default="default", help="of objects that name none (default: default)")
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="", help="form of the report of --once (text)"
    )
    parser.add_argument("--timeout", type=_duration, metavar="TIME", help="longest time of --once (10m)")
    parser.add_argument(
        "--manifests-interval", type=_interval, metavar="TIME",
        help="without --once: how often to look for new commits in a repository with manifests, 5s to 24h (1m)",
    )  # fmt: skip
    parser.add_argument("--verbose", action="store_true", help="log what is done, and tracebacks")
    parser.add_argument("--log-encoding", choices=("json", "console"), default="console", help="form of log lines")
    parser.add_argument("--metrics-addr", help="without --once; empty: none (default :8080)")
    parser.add_argument("--health-addr", help="without --once; empty: none (default :9440)")
    parser.add_argument("--concurrent", default="4", help="objects of a kind reconciled at the same time (default 4)")
    parser.set_defaults(command=automate)


def automate(options: argparse.Namespace) -> int:
    """Run once, or until a signal comes; return the exit status."""
    status: int = importlib.import_module("cli.automate_run").run_automate(options)
    return status


def _secret_values(text: str) -> Any:
    return importlib.import_module("cli.secrets").parse_secret_values(text)


def _duration(text: str) -> timedelta:
    try:
        duration: timedelta = importlib.import_module("controllers.golang.duration").parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return duration


def _interval(text: str) -> timedelta:
    interval = _duration(text)
    if not MIN_INTERVAL <= interval <= MAX_INTERVAL:
        raise argparse.ArgumentTypeError(f"{text} is not between 5s and 24h")
    return interval
