"""Wishes for a bootstrap, made from flags as the command line parses them."""

from typing import Any

from cli.bootstrap.flags import GIT, SHARED
from cli.bootstrap.options import wishes_of
from cli.bootstrap.wishes import Wishes
from testing.cluster import FakeCluster, session_on

PASSWORD = "hunter2"  # noqa: S105 -- of tests
URL = "https://git.test/org/fleet"


def flags(**given: Any) -> dict[str, Any]:
    """Return the values of all flags: those given, the others' defaults."""
    defaults = {str(flag.name): flag.default for flag in (*SHARED, *GIT)}
    unknown = given.keys() - defaults.keys()
    assert not unknown
    return defaults | {"url": URL, "token_auth": True} | given


def wishes(*, password: str = PASSWORD, namespace: str = "flux-system", **given: Any) -> Wishes:
    """Return what these flags ask for. Raises Failed."""
    with session_on(FakeCluster(), namespace=namespace) as (session, _):
        return wishes_of(session, flags(**given), password)
