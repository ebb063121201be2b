"""`python -m hack.reference`: writes what is generated in docs/, or checks that it is fresh."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from hack.reference.site import pages, stale_pages

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Write or check, and return the exit status: 1 when --check finds a page stale, else 0."""
    parser = argparse.ArgumentParser(prog="python -m hack.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; print a diff and exit 1 when stale")
    check = parser.parse_args(arguments).check
    stale = False
    for name, wanted in pages(ROOT).items():
        path = ROOT / name
        present = path.read_text() if path.exists() else ""
        stale |= present != wanted
        if check:
            before, after = present.splitlines(keepends=True), wanted.splitlines(keepends=True)
            sys.stdout.writelines(difflib.unified_diff(before, after, name, f"{name} (generated)"))
        elif present != wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted)
    for name in stale_pages(ROOT):
        stale = True
        if check:
            sys.stdout.write(f"{name}: nothing generates it any more\n")
        else:
            (ROOT / name).unlink()
    return int(check and stale)


if __name__ == "__main__":
    sys.exit(main())
