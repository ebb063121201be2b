"""Where servers of tests listen, and where those who are tested find them.

That is loopback, unless E2E_HOST names another address of this machine: pods of a cluster do not reach its loopback.
"""

import os
from typing import Final

LOOPBACK: Final = "127.0.0.1"
HOST: Final = os.environ.get("E2E_HOST") or LOOPBACK
"""One IPv4 address, without a port."""
