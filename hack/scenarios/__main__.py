"""`python -m hack.scenarios FOLDER [NAME...]`: plays scenarios on a local environment; shows differences.

The folder has `scenarios/*.yaml` and `golden/*.json`; a `play.py` in it is used in place of our player. Deliberate
differences are in `accepted.json` beside this file. Exit status 1 when anything else differs, or an object violates
`testing.invariants`.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hack.controllers import Kubectl, install_crds
from hack.env import environment, process
from testing.history import History
from testing.observer import administrators_observer

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def main() -> int:
    """Play and compare."""
    parser = argparse.ArgumentParser(prog="python -m hack.scenarios", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="only these scenarios")
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--out", type=Path, help="where the transcripts go (else a temporary folder, for differences)")
    args = parser.parse_args()
    folder = args.folder.resolve()
    player = [str(folder / "play.py")] if (folder / "play.py").exists() else ["-m", "hack.scenarios.player"]
    files = sorted((folder / "scenarios").glob("*.yaml"))
    chosen = [f for f in files if (not args.names or f.stem in args.names) and not _lacks_tool(f)]
    if not chosen:
        print(f"no scenarios in {folder / 'scenarios'}", file=sys.stderr)
        return 2
    work = Path(tempfile.mkdtemp(prefix="tagline-scenarios-"))
    out = args.out or work / "out"
    env = environment.up(work / "env")
    try:
        code, violations = _play(player, chosen, env=env, work=work, out=out, jobs=args.jobs)
    finally:
        environment.down(env)
        _stop_gpg_agents(work)
    compare = [sys.executable, *player, "diff", "--accepted", str(HERE / "accepted.json"), str(folder / "golden")]
    command = [*compare, str(out), *(f.stem for f in chosen)]
    different = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False).returncode
    if violations:
        print("objects violate rules:", *violations, sep="\n")
    if code or different or violations:
        print(f"transcripts: {out}; logs: {work / 'play'}")
    else:
        shutil.rmtree(work)
    return code or different or bool(violations)


def _lacks_tool(scenario: Path) -> bool:
    """Return True, and say so, where the program that checks a scenario's signatures is missing."""
    text = scenario.read_text()
    for tool, sign in (("gpg", "\n  openpgp: "), ("ssh-keygen", "\n  ssh: ")):
        if sign in text and shutil.which(tool) is None:
            print(f"{scenario.stem} is left out: it needs {tool}", file=sys.stderr)
            return True
    return False


def _stop_gpg_agents(work: Path) -> None:
    """End the agents that gpg started for the player, one for each home that checked a signature."""
    homes = (work / "play" / "home").glob("*") if shutil.which("gpgconf") else ()
    for home in homes:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], check=False, capture_output=True)


def _on_free_ports(work: Path) -> Path:
    """Copy `hack/controllers.json` with free ports, so that several plays can run side by side."""
    text = (ROOT / "hack" / "controllers.json").read_text()
    fixed = sorted(set(re.findall(r"127\.0\.0\.1:(\d+)", text)))
    for port, free in zip(fixed, process.free_ports(len(fixed)), strict=True):
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free}")
    path = work / "controllers.json"
    path.write_text(text)
    return path


def _play(
    player: list[str], files: list[Path], *, env: environment.Environment, work: Path, out: Path, jobs: int
) -> tuple[int, list[str]]:
    """Return the player's exit status, and what the objects violated."""
    # The player installs them, too, but fails at a CRD that has no status yet.
    install_crds(Kubectl(env.kubectl, env.kubeconfig))
    command = [
        sys.executable, *player, "--kubeconfig", env.kubeconfig, "--controllers", _on_free_ports(work),
        "--crds", ROOT / "manifests" / "crds", "--work", work / "play", "--out", out, "--jobs", jobs, *files,
    ]  # fmt: skip
    path = f"{env.kubectl.parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    history = History(lambda: administrators_observer(env.server, kubeconfig=env.kubeconfig, authority=env.authority))
    try:
        code = subprocess.run([str(x) for x in command], env=variables, check=False).returncode
        violations = history.check()
    finally:
        history.close()
    print(f"{history.judged} versions of objects judged")
    return code, violations


if __name__ == "__main__":
    sys.exit(main())
