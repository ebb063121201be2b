"""Image references, taken apart far enough to print them in messages of the old data model.

Not `image.reference`, which refuses invalid references and drops the original spelling: this prints whatever a policy
chose, as it was written.
"""

from dataclasses import dataclass

DEFAULT_REGISTRY = "index.docker.io"


@dataclass(frozen=True, slots=True)
class ImageName:
    """A reference taken apart, with Docker Hub's defaults filled in."""

    original: str
    registry: str
    path: str
    """The path in the registry, as written."""
    identifier: str
    """Tag or digest."""
    is_digest: bool

    @property
    def repository(self) -> str:
        """The path with Docker Hub's default filled in."""
        return add_default_namespace(self.registry, self.path)

    @property
    def context(self) -> str:
        """Registry and repository."""
        return f"{self.registry}/{self.repository}"

    @property
    def full_name(self) -> str:
        """`index.docker.io/library/nginx:1.25`."""
        return f"{self.context}{'@' if self.is_digest else ':'}{self.identifier}"


def add_default_namespace(registry: str, path: str) -> str:
    """Return the path that Docker Hub means by the path of an official image."""
    return f"library/{path}" if registry == DEFAULT_REGISTRY and "/" not in path else path


def parse_image(text: str) -> ImageName:
    """Return the parts of `name[:tag][@digest]`; a digest hides the tag, no tag means `latest`."""
    name, at, digest = text.partition("@")
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    name = head + slash + last
    first, slash, rest = name.partition("/")
    is_registry = bool(slash) and ("." in first or ":" in first)
    registry, path = (first, rest) if is_registry else (DEFAULT_REGISTRY, name)
    registry = DEFAULT_REGISTRY if registry == "docker.io" else registry
    return ImageName(text, registry, path, digest if at else tag or "latest", bool(at))
