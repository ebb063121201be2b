"""`python -m hack.scenarios.player`: see `main`."""

import sys

from hack.scenarios.player.main import main

if __name__ == "__main__":
    sys.exit(main())
