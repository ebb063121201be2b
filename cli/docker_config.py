"""The logins that Docker keeps for the user."""

import os
from collections.abc import Mapping
from pathlib import Path


def read_docker_config(environment: Mapping[str, str]) -> bytes:
    """Return Docker's configuration file of the user, nothing where there is none."""
    folder = environment.get("DOCKER_CONFIG") or os.path.join(os.path.expanduser("~"), ".docker")
    try:
        return (Path(folder) / "config.json").read_bytes()
    except OSError:
        return b""
