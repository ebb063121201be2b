"""The kinds that the command line creates, shows and changes. A new kind is a module here and a line in EVERY_KIND."""

from typing import Final

from cli.kinds.gitrepository import GIT
from cli.kinds.imagepolicy import POLICY
from cli.kinds.imagerepository import REPOSITORY
from cli.kinds.imageupdateautomation import UPDATE
from cli.kinds.other import OTHER_KINDS
from cli.kinds.receiver import RECEIVER

KINDS: Final = (REPOSITORY, POLICY, UPDATE, GIT)
"""In the order in which data flows through them."""
IMAGE_KINDS: Final = tuple(kind for kind in KINDS if kind.group == "image")
SOURCE_KINDS: Final = tuple(kind for kind in KINDS if kind.group == "source")
EVERY_KIND: Final = (*KINDS, RECEIVER)
"""Those that verbs name without a group, too: beside the flow of data, and not in every cluster."""
LONE_KINDS: Final = tuple(kind for kind in EVERY_KIND if not kind.group)
FLUX_KINDS: Final = (*(kind.kind for kind in KINDS), *(resource.kind for resource in OTHER_KINDS))
"""The names of all of Flux's kinds."""
