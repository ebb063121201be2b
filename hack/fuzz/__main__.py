"""Run all targets, each for as long as given: `python -m hack.fuzz --seconds 60`. Another seed each time."""

import argparse
import importlib
import pkgutil
import random
import sys

from hack import fuzz


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m hack.fuzz")
    parser.add_argument("--seconds", type=float, default=60, help="of each target")
    options = parser.parse_args(arguments)
    seed = str(random.SystemRandom().randrange(1 << 31))
    names = [module.name for module in pkgutil.iter_modules(fuzz.__path__)]
    targets = [name for name in names if not name.startswith("_") and not name.endswith("_test")]
    found = 0
    for name in targets:
        found |= int(
            importlib.import_module(f"hack.fuzz.{name}").main(["--seconds", str(options.seconds), "--seed", seed])
        )
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
