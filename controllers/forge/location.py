"""Which forge a repository is at, and what the forge calls it: from the URL that Git uses. Pure."""

from dataclasses import dataclass

from controllers.forge.model import ForgeKind


@dataclass(frozen=True, slots=True)
class Location:
    """A repository at a forge."""

    kind: ForgeKind
    host: str
    """With port, as messages name it."""
    api: str
    """Address of the API, without a slash at the end."""
    owner: str
    """GitLab: all groups; Azure DevOps: organisation (or collection) and project, with a slash between them."""
    name: str


def detect(url: str, *, provider: str = "") -> ForgeKind | None:
    """Return the forge that a host's name or the provider of a GitRepository (`github`, `azure`) gives away, or None."""
    raise NotImplementedError


def locate(kind: ForgeKind, url: str, *, api: str = "") -> Location:
    """Return the repository that a URL for Git names. Raises BadLocation.

    url: for HTTP or SSH. api: address of the API, where it is not at its usual place.
    """
    raise NotImplementedError
