"""`python -m hack.image build | check | path | base`: the image from the command line; docs/image.md has the rest."""

import argparse
import sys

from hack.image import base, check, container
from hack.image.build import CLOUD, NO_CLOUD, Variant, build, is_current
from hack.image.programs import CannotBuild, ensure


def main() -> int:
    """Run one command and return 0 when it succeeded."""
    parser = argparse.ArgumentParser(prog="python -m hack.image", description=__doc__)
    parser.add_argument("command", choices=["build", "check", "path", "base"])
    parser.add_argument("--no-cloud", action="store_true", help="the image without the clouds' SDKs")
    parser.add_argument("--python-image", default="", help="a base in a registry, NAME@sha256:…, not one made here")
    parser.add_argument("--fresh", action="store_true", help="make the base anew, though there is one")
    parser.add_argument("--unless-current", action="store_true", help="for build: not if these sources are built")
    parser.add_argument("--write", action="store_true", help="for base: record its packages")
    args = parser.parse_args()
    variant = NO_CLOUD if args.no_cloud else CLOUD
    try:
        match args.command:
            case "path":
                print(variant.archive)
            case "base":
                _base(fresh=args.fresh, write=args.write)
            case "build" if args.unless_current and is_current(variant):
                print(f"{variant.archive} is of these sources", file=sys.stderr)
            case "build":
                build(variant, python_image=args.python_image, fresh=args.fresh)
                _check(variant)
            case "check":
                _check(variant)
    except (CannotBuild, check.CheckFailed) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _base(*, fresh: bool, write: bool) -> None:
    found = base.contents(base.ensure(ensure(), fresh=fresh))
    if write:
        base.write_list(found)
    for line in base.compare(found, base.recorded()):
        print(line)


def _check(variant: Variant) -> None:
    with container.unpacked(variant) as image:
        for line in check.check(image, variant):
            print(f"  {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
