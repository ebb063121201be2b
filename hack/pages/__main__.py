"""`python -m hack.pages`: prints what is done with the blocks of all pages, and why some are not executed."""

import sys

from hack.pages.judge import judge_all


def main() -> int:
    """Print the table; return 1 when a block is wrong."""
    fates, wrong = judge_all()
    for fate, count in sorted(fates.items()):
        sys.stdout.write(f"{count:5}  {fate}\n")
    sys.stdout.writelines(f"{line}\n" for line in wrong)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
