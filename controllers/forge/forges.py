"""From a location and a login to a forge."""

from controllers.forge.location import Location
from controllers.forge.model import Forge
from controllers.git.remote import Basic, Bearer, Remote
from controllers.net.destinations import Destinations


class Forges:
    """All forges that a process talks to: connections, listings that are asked for again, pauses."""

    def __init__(self, *, destinations: Destinations) -> None:
        """destinations: where APIs may be, besides on the host of the repository's own URL."""

    def connect(self, location: Location, login: Basic | Bearer | None, via: Remote) -> Forge:
        """Return a repository as one identity. Sends nothing.

        login: a token (`Bearer`), or user name and token (`Basic`), such as that of a GitHub App. via: the repository's
        remote, whose TLS material, proxy, tenant and timeout to use; its credentials are not used. Connections, what is
        known from earlier listings, and pauses are shared by those who agree in all of that.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close all connections."""
