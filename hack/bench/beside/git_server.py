"""`python -m hack.bench.beside.git_server PORT FOLDER`: Git's own server for the repositories of a folder.

A process of its own, so that its work is not in the way of the one that measures.
"""

import signal
import sys
from pathlib import Path

from hack.githttp import GitHttpServer

if __name__ == "__main__":
    with GitHttpServer(Path(sys.argv[2]), port=int(sys.argv[1])):
        signal.pause()
