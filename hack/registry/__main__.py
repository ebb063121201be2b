"""`python -m hack.registry [--port N] [--htpasswd FILE] [--login basic|token]`: serve until interrupted."""

import argparse
import sys
from pathlib import Path

from hack.registry.accounts import Accounts, read_htpasswd
from hack.registry.server import Registry


def main() -> int:
    """Serve on 127.0.0.1 and print the address; return 0 after an interrupt."""
    parser = argparse.ArgumentParser(prog="python -m hack.registry", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="a free one by default")
    parser.add_argument("--htpasswd", type=Path, help="accounts with bcrypt hashes; open to all without")
    parser.add_argument("--login", choices=("basic", "token"), default="basic", help="how clients of accounts log in")
    args = parser.parse_args()
    accounts = Accounts()
    if args.htpasswd:
        try:
            accounts = Accounts(args.login, read_htpasswd(args.htpasswd.read_text()))
        except (OSError, ValueError) as error:
            print(f"{args.htpasswd}: {error}", file=sys.stderr)
            return 2
    registry = Registry(accounts, port=args.port)
    print(registry.host, flush=True)
    try:
        registry.serve_forever()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
