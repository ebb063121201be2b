"""The forms in which a mapping names an image, by its keys alone.

`image: name:tag`; `repository` and `tag`, with `registry` and `digest`, together or below `image`; the same flat, with
any prefix (`imageRepository`, `proxy_image_tag`); kustomize's `images`. Each key counts whatever its case, dashes and
underscores. Marked are tags and digests, never names: they do not change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from controllers.adoption import occurrences
from controllers.adoption.occurrences import (
    Occurrence,
    Slot,
    find_obstacle,
    is_digest,
    is_name,
    is_reference,
    is_tag,
    slot,
)
from controllers.documents.nodes import Alias, Node, Scalar, resolve_alias
from controllers.image.ref import split_image_ref

Leaves = Mapping[str, Node]
"""Values by normalised key."""

NAME_KEYS: Final = ("repository", "repo")
_FLAT: Final = re.compile(r"(?P<prefix>.*image)(?P<leaf>repository|repo|name|tag|digest|registry|version)")
_PLAIN: Final = frozenset({"repository", "repo", "name", "tag", "digest", "registry", "version"})
_SEPARATORS: Final = str.maketrans("", "", "_-")


@dataclass(frozen=True, slots=True)
class Context:
    """What surrounds a mapping."""

    file: str
    form: str
    untagged: bool = False
    """Images without a tag are certain to be images here."""
    obstacle: str = ""
    """Why no marker can stand anywhere here."""
    line_offset: int = 0
    """To be added to lines: those of a text inside a block scalar begin with 1."""


@lru_cache(maxsize=4096)
def normalise(key: str) -> str:
    """Return a key without its case, dashes and underscores."""
    return key.lower().translate(_SEPARATORS)


@lru_cache(maxsize=4096)
def is_telling(key: str) -> bool:
    """Return True for a normalised key without which a mapping names no image."""
    return "image" in key or key in {"repository", "repo", "tag", "newtag", "newname", "digest"}


def group_leaves(leaves: Leaves) -> dict[str, dict[str, Node]]:
    """Return the values that belong together, by prefix: "" for plain keys, else what ends with `image`."""
    groups: dict[str, dict[str, Node]] = {}
    for key, value in leaves.items():
        if key.endswith("image"):
            groups.setdefault(key, {})["whole"] = value
        elif flat := _FLAT.fullmatch(key):
            groups.setdefault(flat["prefix"], {})[flat["leaf"]] = value
        elif key in _PLAIN:
            groups.setdefault("", {})[key] = value
    return groups


def match_mapping(leaves: Leaves, parent: str, context: Context) -> Iterator[Occurrence]:
    """Yield the images that a mapping names. parent: the normalised key that it is the value of."""
    groups = group_leaves(leaves)
    plain = groups.pop("", {})
    for prefix, group in groups.items():
        whole = group.pop("whole", None)
        if whole is not None:
            beside = {leaf: plain[leaf] for leaf in ("tag", "digest") if leaf in plain and prefix == "image"}
            yield from _whole(whole, beside | group, context)
        elif name := _first(group, (*NAME_KEYS, "name")):
            if "tag" in group or "digest" in group or "version" in group:
                yield from _split(name, group, context)
            elif "name" in group and split_image_ref(name.value).tag:
                yield from _whole(group["name"], {}, context)
        elif "tag" in group and prefix == "image":
            yield from _nameless(group["tag"], context)
    if "image" not in groups or "whole" in groups["image"]:
        yield from _plain(plain, parent, context)


def match_kustomize(leaves: Leaves, context: Context) -> Iterator[Occurrence]:
    """Yield the image of an entry of kustomize's `images`."""
    name = resolve_alias(leaves.get("newname") or leaves.get("name"))
    if isinstance(name, Scalar) and ("newtag" in leaves or "digest" in leaves):
        group = {"digest": leaves["digest"]} if "digest" in leaves else {"tag": leaves["newtag"]}
        yield from _split(name, group, context)


def match_text(node: Node, context: Context) -> Iterator[Occurrence]:
    """Yield the image of a text in a list of images; Argo CD also writes `old=new:tag` there."""
    text = resolve_alias(node)
    if not isinstance(text, Scalar):
        return
    _, equals, new = text.value.partition("=")
    if equals and is_reference(new, untagged=False):
        ref = split_image_ref(new)
        yield _occurrence(text, context, name=ref.name, tag=ref.tag, digest=ref.digest, obstacle=occurrences.RENAMED)
    else:
        yield from _whole(node, {}, context)


def _plain(plain: Leaves, parent: str, context: Context) -> Iterator[Occurrence]:
    of_image = parent.endswith(("image", "images"))
    name = _first(plain, (*NAME_KEYS, "name") if of_image else NAME_KEYS)
    if name is not None and ("tag" in plain or "digest" in plain or of_image):
        yield from _split(name, plain, context, version=of_image)
    elif name is None and of_image and "tag" in plain:
        yield from _nameless(plain["tag"], context)


def _first(group: Leaves, keys: tuple[str, ...]) -> Scalar | None:
    for key in keys:
        value = resolve_alias(group.get(key))
        if isinstance(value, Scalar) and not value.is_null:
            return value
    return None


def _whole(node: Node, group: Leaves, context: Context) -> Iterator[Occurrence]:
    scalar = resolve_alias(node)
    if not isinstance(scalar, Scalar) or scalar.is_null:
        return
    text = scalar.value.strip() if scalar.is_block else scalar.value
    if obstacle := find_obstacle(node):
        is_certain = obstacle in {occurrences.TEMPLATE, occurrences.VARIABLE, occurrences.ENCRYPTED}
        if is_certain or is_reference(text, untagged=context.untagged):
            ref = split_image_ref(text) if not is_certain else split_image_ref("")
            yield _occurrence(node, context, name=ref.name, tag=ref.tag, digest=ref.digest, obstacle=obstacle)
        return
    if group and is_name(text):
        yield from _split(scalar, group, context)
    elif is_reference(text, untagged=context.untagged):
        ref = split_image_ref(text)
        slots = (slot(scalar, None),)
        yield _occurrence(scalar, context, name=ref.name, tag=ref.tag, digest=ref.digest, slots=slots)


def _split(name: Scalar, group: Leaves, context: Context, *, version: bool = True) -> Iterator[Occurrence]:
    """Yield the image whose parts are values of their own."""
    obstacle = find_obstacle(name)
    registry = _first(group, ("registry",))
    image = f"{registry.value.rstrip('/')}/{name.value}" if registry else name.value
    tag_node = group.get("tag") or (group.get("version") if version else None)
    tag, digest = resolve_alias(tag_node), resolve_alias(group.get("digest"))
    tag_text = tag.value if isinstance(tag, Scalar) and not tag.is_null else ""
    digest_text = digest.value if isinstance(digest, Scalar) and not digest.is_null else ""
    if not obstacle and not is_name(image):
        return
    at: Node = name
    slots: list[Slot] = []
    if tag_text and tag_node is not None:
        at = tag_node
        slots.append(slot(tag, "tag"))  # type: ignore[arg-type]  # a text, so a scalar
        obstacle = obstacle or find_obstacle(tag_node) or _fault_of_tag(tag_text)
    if digest_text:
        at = at if tag_text else group["digest"]
        slots.append(slot(digest, "digest"))  # type: ignore[arg-type]
        obstacle = (
            obstacle or find_obstacle(group["digest"]) or ("" if is_digest(digest_text) else occurrences.NOT_AN_IMAGE)
        )
    if not slots:
        obstacle = obstacle or occurrences.NO_TAG
    if obstacle in {occurrences.TEMPLATE, occurrences.VARIABLE, occurrences.ENCRYPTED}:
        image, tag_text = ("" if find_obstacle(name) else image), ""
    yield _occurrence(at, context, name=image, tag=tag_text, digest=digest_text, slots=tuple(slots), obstacle=obstacle)


def _fault_of_tag(tag: str) -> str:
    if is_tag(tag):
        return ""
    return occurrences.DIGEST_IN_TAG if is_digest(tag.partition("@")[2]) else occurrences.NOT_AN_IMAGE


def _nameless(node: Node, context: Context) -> Iterator[Occurrence]:
    tag = resolve_alias(node)
    if isinstance(tag, Scalar) and not tag.is_null and is_tag(tag.value):
        yield _occurrence(
            node, context, name="", tag=tag.value, digest="", obstacle=find_obstacle(node) or occurrences.NO_NAME
        )


def _occurrence(
    at: Node, context: Context, *, name: str, tag: str, digest: str, slots: tuple[Slot, ...] = (), obstacle: str = ""
) -> Occurrence:
    assert isinstance(at, Scalar | Alias)
    reason = context.obstacle or obstacle
    return Occurrence(
        context.file,
        at.line + context.line_offset,
        at.column,
        context.form,
        name,
        tag,
        digest,
        () if reason else slots,
        reason,
    )
