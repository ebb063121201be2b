"""`python -m hack.model`: the model beside the controllers in this process."""

import sys
from contextlib import nullcontext

from hack.model.command import run
from hack.model.embedded import embedded_world

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], lambda: nullcontext(embedded_world), has_own_clock=True, steps=3000))
