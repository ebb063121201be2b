"""`python -m hack.release check | notes | build | dry-run`: the steps of a release that need no forge."""

import argparse
import subprocess
import sys
from pathlib import Path

from hack.env import process, tools
from hack.release import artifacts, dryrun, versions


def main(arguments: list[str] | None = None) -> int:
    """Run one step, and return 0 when it succeeded."""
    parser = argparse.ArgumentParser(prog="python -m hack.release", description=__doc__)
    parser.add_argument("step", choices=["check", "notes", "build", "dry-run"])
    parser.add_argument("--tag", default="", help="for check: the tag that is to be released, with its v")
    parser.add_argument("--out", type=Path, default=versions.ROOT / ".work" / "release", help="folder for the files")
    options = parser.parse_args(arguments)
    problems = versions.problems(tag=options.tag)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 1
    try:
        return _run(options.step, options.out.absolute())
    except (dryrun.Unusable, tools.BuildFailed, process.NotStarted) as error:
        print(error, file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"{error.cmd[0]} failed: {error.stderr or ''}", file=sys.stderr)
    return 1


def _run(step: str, folder: Path) -> int:
    match step:
        case "notes":
            print(versions.notes(), end="")
        case "build":
            for one in artifacts.build_all(folder):
                print(one)
        case "dry-run":
            dryrun.run(folder, print)
    return 0


if __name__ == "__main__":
    sys.exit(main())
