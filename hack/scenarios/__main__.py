"""`python -m hack.scenarios FOLDER [NAME...]`: plays scenarios on a local environment; shows differences.

The folder has `scenarios/*.yaml` and `golden/*.json`; a `play.py` in it is used in place of ours. Deliberate
differences are in `accepted.json` beside this file. Exit status 1 when anything else differs.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from hack.env import environment, process

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def main() -> int:
    """Plays and compares."""
    parser = argparse.ArgumentParser(prog="python -m hack.scenarios", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="only these scenarios")
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--out", type=Path, help="where the transcripts go (default: a temporary folder)")
    args = parser.parse_args()
    folder = args.folder.resolve()
    player = folder / "play.py" if (folder / "play.py").exists() else HERE / "play.py"
    files = sorted((folder / "scenarios").glob("*.yaml"))
    chosen = [f for f in files if not args.names or f.stem in args.names]
    if not chosen:
        print(f"no scenarios in {folder / 'scenarios'}", file=sys.stderr)
        return 2
    work = Path(tempfile.mkdtemp(prefix="tagline-scenarios-"))
    out = args.out or work / "out"
    env = environment.up(work / "env")
    try:
        code = _play(player, chosen, env=env, work=work, out=out, jobs=args.jobs)
    finally:
        environment.down(env)
    compare = [sys.executable, str(player), "diff", "--accepted", str(HERE / "accepted.json"), str(folder / "golden")]
    different = subprocess.run([*compare, str(out), *args.names], check=False).returncode
    print(f"transcripts: {out}; logs: {work / 'play'}")
    return code or different


def _on_free_ports(work: Path) -> Path:
    """A copy of `hack/controllers.json` whose processes listen where nobody else does, so plays can be side by side."""
    text = (ROOT / "hack" / "controllers.json").read_text()
    fixed = sorted(set(re.findall(r"127\.0\.0\.1:(\d+)", text)))
    for port, free in zip(fixed, process.free_ports(len(fixed)), strict=True):
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free}")
    path = work / "controllers.json"
    path.write_text(text)
    return path


def _play(player: Path, files: list[Path], *, env: environment.Environment, work: Path, out: Path, jobs: int) -> int:
    command = [
        sys.executable, player, "--kubeconfig", env.kubeconfig, "--controllers", _on_free_ports(work),
        "--crds", ROOT / "manifests" / "crds", "--work", work / "play", "--out", out, "--jobs", jobs, *files,
    ]  # fmt: skip
    path = f"{env.kubectl.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run([str(x) for x in command], env={**os.environ, "PATH": path}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
