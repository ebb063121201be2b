"""What a marker says, `namespace:policy[:part]`: whose image a value is from, and which part of it the value is."""

from dataclasses import dataclass

from controllers.image.ref import ImageRef, split_image_ref

PARTS = (None, "name", "tag", "digest")


@dataclass(frozen=True, slots=True)
class Setter:
    """A marker's text in its parts."""

    namespace: str
    policy: str
    part: str | None = None
    """One of PARTS, unless the marker is wrong; None for the whole image."""

    @property
    def policy_key(self) -> str:
        """`namespace:policy`: the key by which images are looked up."""
        return policy_key(self.namespace, self.policy)

    def value(self, image: ImageRef) -> str:
        """Return what the marker writes of an image, "" for a digest that it lacks. Raises KeyError for a bad part."""
        return {None: str(image), "name": image.name, "tag": image.tag, "digest": image.digest}[self.part]

    def image(self, value: str) -> ImageRef | None:
        """Return what a marked value says of its image; None for a part that says nothing of the version."""
        match self.part:
            case None:
                return split_image_ref(value)
            case "tag":
                tag, _, digest = value.partition("@")
                return ImageRef(tag=tag, digest=digest)
            case "digest":
                return ImageRef(digest=value)
            case _:
                return None


def policy_key(namespace: str, policy: str) -> str:
    """Return the key of a policy's image: what a marker for the whole of it says."""
    return f"{namespace}:{policy}"


def parse_setter(text: str) -> Setter:
    """Return the parts of a marker's text; a text without colons has a namespace only."""
    namespace, _, rest = text.partition(":")
    policy, colon, part = rest.partition(":")
    return Setter(namespace, policy, part if colon else None)
