"""The command line: exit status 0 when every answer is the recorded one, 1 when not, 2 when the question is wrong."""

import sys
from pathlib import Path

from hack.conformance.runner import RECORDED, families, run_cases

USAGE = "usage: python -m hack.conformance FAMILY FILE\n       python -m hack.conformance all DIR"
MAX_SHOWN = 10


def run_family(family: str, path: Path) -> bool:
    """Print the first differences and the sum of a file; return True when no case failed."""
    result = run_cases(family, path)
    for line in result.differences[:MAX_SHOWN]:
        print(line)
    print(f"{family}: {result.passed} passed, {len(result.differences)} failed")
    return not result.differences


def run_all(folder: Path) -> bool:
    """Return True when every file of the folder has a family, its recorded number of cases, and no case that failed."""
    well = True
    for path in sorted(folder.glob("*.jsonl")):
        if path.stem not in families():
            print(f"{path.stem}: no such family")
            well = False
            continue
        well &= run_family(path.stem, path)
        with path.open(encoding="utf-8") as lines:
            cases = sum(1 for line in lines if line.strip())
        if cases != RECORDED.get(path.stem, cases):
            print(f"{path.stem}: {cases} cases, recorded are {RECORDED[path.stem]}")
            well = False
    return well


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(USAGE, file=sys.stderr)
        return 2
    family, path = arguments[0], Path(arguments[1])
    if family == "all" and path.is_dir():
        return 0 if run_all(path) else 1
    if family not in families():
        print(f"no family {family!r}; there are: {', '.join(families())}", file=sys.stderr)
        return 2
    if not path.is_file():
        print(f"no file {path}", file=sys.stderr)
        return 2
    return 0 if run_family(family, path) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
