"""`python -m hack.env up | down | status | build | check | path PROGRAM`: the local environment, by hand."""

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import Final

from hack.env import argocd, debian, environment, openssh, process, tools
from hack.env.node import parts
from hack.env.node.check import NodeImpossible, missing

CANNOT: Final = 3
"""Exit status of `check` where a node cannot run; 1 is that of a check that failed itself."""


def main() -> int:
    """Run one command and return 0 when it succeeded."""
    parser = argparse.ArgumentParser(prog="python -m hack.env", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "status", "build", "check", "path"])
    parser.add_argument("program", nargs="?", default="kubectl", help="for path: whose path to print, built if needed")
    parser.add_argument("--dir", type=Path, default=environment.default_folder(), help="folder of the environment")
    parser.add_argument("--node", action="store_true", help="with a node, on which pods run (root on Debian)")
    parser.add_argument("--argocd", action="store_true", help="for build: Argo CD alone, with what it calls")
    args = parser.parse_args()
    folder = args.dir.absolute()
    try:
        if args.command == "path":
            print(tools.ensure(args.program)[args.program])
            return 0
        if args.command == "up":
            return _up(folder, node=args.node)
        if args.command == "build" and args.argocd:
            return _build_argocd()
        if args.command == "build":
            return _build(node=args.node)
        return {"down": _down, "status": _status, "check": _check}[args.command](folder)
    except (tools.BuildFailed, process.NotStarted, NodeImpossible, debian.NotUnpacked) as error:
        print(error, file=sys.stderr)
        return 1


def _up(folder: Path, *, node: bool) -> int:
    if (folder / environment.STATE).exists() and environment.is_up(environment.load(folder)):
        has_node = bool(environment.load(folder).node)
        print(f"# already up in {folder}, {'with' if has_node else 'without'} a node")
        if node and not has_node:
            print("make env-down stops it; then NODE=1 starts one with a node", file=sys.stderr)
            return 1
    else:
        started = time.monotonic()
        env = environment.up(folder, node=node)
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
    for p in [*env.processes, *(env.node.programs.values() if env.node else ())]:
        print(f"{p.name:26} pid {p.pid:<8} {'running' if process.is_running(p) else 'gone':8} {p.log}")
    return 0 if environment.is_up(env) else 1


def _check(folder: Path) -> int:
    reasons = missing(folder / "node")
    for reason in reasons:
        print(f"- {reason}")
    if not reasons:
        print("this machine can run a node")
    return CANNOT if reasons else 0


def _build_argocd() -> int:
    made = argocd.build()
    for path in (made.argocd, made.helm, made.kustomize, made.redis):
        print(f"{path.name:26} {path}")
    return 0


def _build(*, node: bool) -> int:
    for name, path in tools.ensure(*(p for m in tools.MODULES if not m.optional for p in m.programs)).items():
        print(f"{name:26} {path}")
    if node:
        found = parts.ensure()
        for name, path in (*found.tools.items(), ("containerd and others", found.packages)):
            print(f"{name:26} {path}")
    try:
        print(f"{'sshd':26} {openssh.ensure().sshd}")
    except openssh.OpenSshNotFound as error:  # only some tests need it
        print(error, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
