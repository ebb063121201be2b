"""`python -m hack.env up | down | status | build | path PROGRAM`: the local environment from the command line."""

import argparse
import shlex
import sys
import time
from pathlib import Path

from hack.env import environment, openssh, process, tools


def main() -> int:
    """Run one command and return 0 when it succeeded."""
    parser = argparse.ArgumentParser(prog="python -m hack.env", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "status", "build", "path"])
    parser.add_argument("program", nargs="?", default="kubectl", help="for path: whose path to print, built if needed")
    parser.add_argument("--dir", type=Path, default=environment.default_folder(), help="folder of the environment")
    args = parser.parse_args()
    try:
        if args.command == "path":
            print(tools.ensure(args.program)[args.program])
            return 0
        return {"up": _up, "down": _down, "status": _status, "build": _build}[args.command](args.dir.absolute())
    except (tools.BuildFailed, process.NotStarted) as error:
        print(error, file=sys.stderr)
        return 1


def _up(folder: Path) -> int:
    if (folder / environment.STATE).exists() and environment.is_up(environment.load(folder)):
        print(f"# already up in {folder}")
    else:
        started = time.monotonic()
        env = environment.up(folder)
        env.save()
        print(f"# up in {time.monotonic() - started:.1f} s; stop it with: make env-down")
    for name, value in environment.load(folder).variables().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _down(folder: Path) -> int:
    if not (folder / environment.STATE).exists():
        print(f"no environment in {folder}")
        return 0
    environment.down(environment.load(folder))
    print("stopped")
    return 0


def _status(folder: Path) -> int:
    if not (folder / environment.STATE).exists():
        print(f"no environment in {folder}")
        return 1
    env = environment.load(folder)
    for p in env.processes:
        print(f"{p.name:26} pid {p.pid:<8} {'running' if process.is_running(p) else 'gone':8} {p.log}")
    return 0 if environment.is_up(env) else 1


def _build(_folder: Path) -> int:
    for name, path in tools.ensure(*(p for m in tools.MODULES if not m.optional for p in m.programs)).items():
        print(f"{name:26} {path}")
    try:
        print(f"{'sshd':26} {openssh.ensure().sshd}")
    except openssh.OpenSshNotFound as error:  # only some tests need it
        print(error, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
