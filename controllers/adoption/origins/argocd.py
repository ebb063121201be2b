"""Argo CD Image Updater: annotations of Applications, and ImageUpdater objects.

https://argocd-image-updater.readthedocs.io/en/stable/configuration/images/ (objects),
https://argocd-image-updater.readthedocs.io/en/release-0.16/configuration/images/ (annotations).
"""

from __future__ import annotations

from collections.abc import Mapping as Settings
from dataclasses import dataclass

from api.imagepolicy import ALWAYS, ASCENDING
from controllers.adoption.instructions import Extras, Instruction
from controllers.adoption.origins.carrying import Carried, glob_to_regexp, split_list
from controllers.adoption.schemes import Scheme, escape
from controllers.documents.nodes import Mapping, load, mappings, pairs, resolve_alias, to_value
from controllers.image.ref import split_image_ref
from controllers.policy import Alphabetical, Filter, Newest, NewestBy, Policy, Semver

PREFIX = "argocd-image-updater.argoproj.io/"
NAME = "Argo CD Image Updater"
ANY_VERSION = ">=0.0.0"
_STRATEGIES: Settings[str, Policy] = {
    "newest-build": Newest(NewestBy.BUILD_DATE),
    "latest": Newest(NewestBy.BUILD_DATE),
    "alphabetical": Alphabetical(ASCENDING),
    "name": Alphabetical(ASCENDING),
}
_LEFT_OUT = {
    "write-back-method": "tagline always commits to Git",
    "write-back-target": "markers say where values are",
    "git-branch": "name the branch of the automation with --branch",
    "git-repository": "name the GitRepository with --source",
    "force-update": "tagline never asks what runs in the cluster",
    "helm": "values are found by their shape, and markers say where they are",
    "kustomize": "images are found by their shape, and markers say where they are",
}


def may_concern(path: str, data: bytes) -> bool:
    """Return False for a file without a word of the tool's."""
    return path.endswith((".yaml", ".yml", ".json")) and PREFIX.encode() in data


def read(path: str, data: bytes, carried: Carried) -> None:
    """Add what a file says. Raises Unparsable."""
    for root in load(data):
        if isinstance(root, Mapping):
            if root.text("apiVersion").startswith(PREFIX):
                _read_object(path, root, carried)
            else:
                _read_annotations(path, root, carried)


@dataclass(slots=True)
class _Image:
    """One image as both forms configure it."""

    file: str
    line: int
    spec: str
    """`name[:constraint]`."""
    strategy: str = ""
    allow_tags: str = ""
    ignore_tags: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    pull_secret: str = ""


def _read_annotations(path: str, root: Mapping, carried: Carried) -> None:
    metadata = resolve_alias(root.get("metadata"))
    annotations = resolve_alias(metadata.get("annotations")) if isinstance(metadata, Mapping) else None
    texts: dict[str, tuple[str, int]] = {}
    for key, value in pairs(annotations):
        if key.value.startswith(PREFIX):
            texts[key.value.removeprefix(PREFIX)] = (str(to_value(value) or ""), key.line)
    images, line = texts.pop("image-list", ("", 0))
    for entry in split_list(images):
        alias, equals, spec = entry.partition("=")
        if not equals:
            alias, spec = "", entry
        settings = {name: text for name in _SETTINGS if (text := _pop(texts, alias, name))}
        _carry(
            _Image(
                path,
                line,
                spec,
                settings.get("update-strategy", ""),
                settings.get("allow-tags", ""),
                tuple(split_list(settings.get("ignore-tags", ""))),
                tuple(split_list(settings.get("platforms", ""))),
                settings.get("pull-secret", ""),
            ),
            carried,
        )
    for name, (_, at) in texts.items():
        _leave_out(path, at, name, carried)


_SETTINGS = ("update-strategy", "allow-tags", "ignore-tags", "platforms", "pull-secret")


def _pop(texts: dict[str, tuple[str, int]], alias: str, name: str) -> str:
    """Return a setting of an image, else that of all images."""
    own = texts.pop(f"{alias}.{name}", None) if alias else None
    return (own or texts.get(name) or ("", 0))[0]


def _leave_out(path: str, line: int, name: str, carried: Carried) -> None:
    word = name.partition(".")[2] or name
    if word in _SETTINGS:
        return  # for all images, or of an alias that is not in the list
    why = next((why for left_out, why in _LEFT_OUT.items() if word.startswith(left_out)), "tagline has nothing like it")
    carried.note(path, line, name, why)


def _read_object(path: str, root: Mapping, carried: Carried) -> None:
    spec = resolve_alias(root.get("spec"))
    if not isinstance(spec, Mapping):
        return
    if spec.get("writeBackConfig") is not None:
        carried.note(path, spec.line, "writeBackConfig", "tagline always commits to Git; see --branch and --source")
    for reference in mappings(spec.get("applicationRefs")):
        for image in mappings(reference.get("images")):
            levels = [_settings(node) for node in (spec, reference, image)]
            settings = levels[0] | levels[1] | levels[2]
            _carry(
                _Image(
                    path,
                    image.line,
                    image.text("imageName"),
                    str(settings.get("updateStrategy") or ""),
                    str(settings.get("allowTags") or ""),
                    tuple(map(str, _as_list(settings.get("ignoreTags")))),
                    tuple(map(str, _as_list(settings.get("platforms")))),
                    str(settings.get("pullSecret") or ""),
                ),
                carried,
            )


def _settings(node: Mapping) -> dict[str, object]:
    value = to_value(node.get("commonUpdateSettings"))
    return value if isinstance(value, dict) else {}


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _carry(image: _Image, carried: Carried) -> None:
    ref = split_image_ref(image.spec)
    origin = f"{NAME}, {image.file}:{image.line}"
    tag_filter = _filter(image, carried)
    scheme: Scheme | None = None
    if image.strategy in {"", "semver"}:
        scheme = Scheme(Semver(ref.tag or ANY_VERSION), tag_filter)
    elif image.strategy == "digest":
        scheme = Scheme(Alphabetical(ASCENDING), Filter(f"^{escape(ref.tag)}$") if ref.tag else None, ALWAYS)
    elif policy := _STRATEGIES.get(image.strategy):
        scheme = Scheme(policy, tag_filter)
    else:
        carried.note(image.file, image.line, f"the strategy {image.strategy!r}", "tagline has nothing like it")
    kind, _, secret = image.pull_secret.partition(":")
    if image.pull_secret and kind != "pullsecret":
        carried.note(image.file, image.line, f"pull-secret {kind}:…", "name a Secret of Docker's type in secretRef")
        secret = ""
    extras = Extras(
        denied_patterns=tuple(glob_to_regexp(glob) for glob in image.ignore_tags),
        platforms=image.platforms,
        secret=secret.rpartition("/")[2],
    )
    carried.instructions.append(Instruction(ref.name, origin, scheme=scheme, extras=extras))


def _filter(image: _Image, carried: Carried) -> Filter | None:
    kind, _, pattern = image.allow_tags.partition(":")
    if kind == "regexp":
        return Filter(pattern)
    if kind not in {"", "any"}:
        carried.note(image.file, image.line, f"allow-tags {kind}", "only regexp is known")
    return None
