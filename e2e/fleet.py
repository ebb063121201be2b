"""A Git repository, an image and a policy that has chosen: what most tests of automations start from."""

from dataclasses import dataclass

from e2e.cluster import Space, eventually
from hack.githost import Repository
from hack.oci import Pusher


@dataclass(frozen=True, slots=True)
class Fleet:
    """A Git repository with a marker, an image with tags, a policy that chose 1.0.1, a GitRepository `fleet`."""

    space: Space
    repository: Repository
    image: str
    pusher: Pusher

    @property
    def marker(self) -> str:
        """The marker of the policy."""
        return f"{self.space.name}:app"

    def push_tag(self, tag: str) -> None:
        """Push a new tag and ask for a scan."""
        self.pusher.push(f"{self.space.name}/app", tag)
        self.space.request("ImageRepository", "app")

    def wait_commits(self, count: int, branch: str = "main") -> list[str]:
        """Return the messages of a branch, newest first, once it has so many commits."""

        def probe() -> list[str]:
            messages = self.repository.messages(branch) if self.repository.head(branch) else []
            return messages if len(messages) >= count else []

        messages = eventually(probe, what=f"{count} commits on {branch}")
        assert len(messages) == count
        return messages
