"""The scanner's view of chunks in tests: an informer that hears of others' changes only when told to catch up."""

from random import Random

from api.imagetaglist import IMAGE_TAG_LISTS
from controllers.runtime.cache.informer import Informer
from controllers.taglist.resources import BY_REPOSITORY, ChunkHeader, repository_key
from testing.clock import VirtualClock
from testing.kube import FakeKube


class FakeHeaders(Informer[ChunkHeader]):
    """FakeHeaders of what a FakeKube holds; own writes enter at once, by `record_write`."""

    def __init__(self, kube: FakeKube) -> None:
        super().__init__(
            kube,
            IMAGE_TAG_LISTS,
            into=ChunkHeader,
            clock=VirtualClock(),
            rng=Random(1),  # noqa: S311 - the test's own
            indexers={BY_REPOSITORY: lambda header: [str(repository_key(header))]},
        )
        self._kube = kube
        self.catch_up()

    def catch_up(self) -> None:
        """Become equal to the server, as after a list."""
        self._store.begin_list()
        self._notify_handlers(
            self._store.replace(self._kube.all(IMAGE_TAG_LISTS.plural, ChunkHeader), self._kube.version)
        )
