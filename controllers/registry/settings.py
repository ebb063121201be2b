"""What the operator of a process decides about registries. Values only."""

from dataclasses import dataclass
from typing import Final

from controllers.net.destinations import Destinations
from controllers.registry.locations import PathPrefixes
from controllers.registry.realms import Relations
from controllers.registry.tags import MAX_TAGS

DEFAULT_DESTINATIONS: Final = Destinations()
DEFAULT_RELATIONS: Final = Relations()


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """The defaults are the safe ones."""

    max_tags: int = MAX_TAGS
    """Of one image, besides those that its exclusion list leaves out."""
    destinations: Destinations = DEFAULT_DESTINATIONS
    """Where requests may lead."""
    relations: Relations = DEFAULT_RELATIONS
    """Which token services get credentials."""
    path_prefixes: PathPrefixes = ()
    """Registries whose API is below a path."""
