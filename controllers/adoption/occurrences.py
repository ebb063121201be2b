"""Where a file names an image, and what stands there."""

from __future__ import annotations

from dataclasses import dataclass

from controllers.documents.nodes import Alias, Node, Scalar
from controllers.image.ref import split_image_ref
from controllers.image.reference import SHA256, TAG, BadReference, parse_reference

TEMPLATE = "a Helm template fills this in: adopt the values that it reads instead"
VARIABLE = "a variable fills this in: adopt the place that sets it instead"
ENCRYPTED = "the file is encrypted by SOPS: a changed value breaks its checksum, so keep images in a file of their own"
MULTILINE = "the value goes over several lines: write it on one"
BLOCK = "the value is a block scalar: write it on the key's own line"
NO_TAG = "no tag is set here, so whoever fills it in decides: set one"
NO_NAME = "a tag without an image: the chart's own image is meant; set its repository beside the tag"
DIGEST_IN_TAG = (
    "tag and digest are one value, and no marker writes both there: `:tag` would drop the digest; give the digest a "
    "key of its own, or write the whole image as one value"
)
FIXED_TAG = (
    "the tag never changes, only what it means does, and there is no place for a digest: set a version or a digest"
)
RENAMED = "the text has two names in it: use `images` of a kustomization with newName and newTag"
NOT_AN_IMAGE = "this is not a valid image reference"

_FILES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".ico", ".img", ".iso", ".qcow2", ".raw", ".vmdk")


@dataclass(frozen=True, slots=True)
class Slot:
    """A value that a marker can stand behind, or that a target can name."""

    start: int
    """In code points, as in `documents.nodes`."""
    end: int
    line: int
    column: int
    part: str | None
    """Of `image.setter.PARTS`: what of the image the value is."""
    in_flow: bool = False
    """Inside brackets or braces."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One image that a file names."""

    file: str
    line: int
    column: int
    form: str
    """What it is part of, for people: `Deployment/web`, `Helm values`."""
    image: str
    """As the file spells it, without tag and digest; empty where the file leaves it to others."""
    tag: str
    digest: str
    slots: tuple[Slot, ...] = ()
    obstacle: str = ""
    """Why no marker can stand here; empty when one can."""
    targets: tuple[str, ...] = ()
    """Paths that name the slots in `spec.update.targets`, where the file loses comments."""

    @property
    def is_whole(self) -> bool:
        """Whether one value is the whole image, so that the policy's spelling of the name must be the file's."""
        return any(slot.part is None for slot in self.slots)


def slot(scalar: Scalar, part: str | None) -> Slot:
    """Return the slot of a scalar."""
    return Slot(scalar.start, scalar.end, scalar.line, scalar.column, part, scalar.in_flow)


def find_obstacle(node: Node | None) -> str:
    """Return why no marker can stand behind a value, whatever it says; "" when one may."""
    if isinstance(node, Alias):
        where = f" (line {node.target.line})" if node.target else ""
        return f"an alias: it follows the value of its anchor &{node.anchor}{where}"
    if not isinstance(node, Scalar):
        return "not a text"
    if node.is_block:
        return BLOCK
    if "{{" in node.value:
        return TEMPLATE
    if "${" in node.value or "$(" in node.value:
        return VARIABLE
    if node.value.startswith("ENC["):
        return ENCRYPTED
    return MULTILINE if node.line != node.end_line else ""


def is_reference(text: str, *, untagged: bool) -> bool:
    """Return True when a text is an image reference, as far as texts of unknown meaning can be.

    untagged: where images are certain to stand; elsewhere a text without tag must at least name a registry's host.
    """
    if "://" in text or text.lower().endswith(_FILES):
        return False
    try:
        parse_reference(text)
    except BadReference:
        return False
    ref = split_image_ref(text)
    host = ref.name.partition("/")[0]
    return bool(ref.tag or ref.digest) or untagged or ("/" in ref.name and "." in host.strip("."))


def is_name(text: str) -> bool:
    """Return True when a text can be the name of an image, without tag or digest."""
    ref = split_image_ref(text)
    return not ref.tag and not ref.digest and is_reference(text, untagged=True)


def is_tag(text: str) -> bool:
    """Return True for a valid tag."""
    return TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Return True for a digest that references may have."""
    return text.startswith("sha256:") and SHA256.fullmatch(text.removeprefix("sha256:")) is not None
