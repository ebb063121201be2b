"""The objects of a large cluster: a hundred images a namespace, and an automation for ten of them. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from hack.demo.manifests import AUTHOR, IMAGE, MESSAGE, SOURCE

IMAGES_A_NAMESPACE: Final = 100
IMAGES_AN_AUTOMATION: Final = 10
FLEET_LABEL: Final = "fleet"
SHARD_LABEL: Final = "sharding.fluxcd.io/key"
OLDEST: Final = "1.0.0"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Size:
    """How many objects there are, and how long they rest between two runs."""

    images: int
    """So many ImageRepositories and as many ImagePolicies; a tenth as many automations with a Git repository each."""
    tags: int
    """Of each image, before any is added."""
    interval: str = "1h"
    shards: int = 1

    @property
    def newest(self) -> str:
        """The tag that every policy chooses at first."""
        return f"1.0.{self.tags - 1}"

    def namespaces(self) -> list[str]:
        """Return the names of the namespaces."""
        return [f"team-{number}" for number in range(-(-self.images // IMAGES_A_NAMESPACE))]

    def image_names(self) -> Iterator[tuple[str, str]]:
        """Yield namespace and name of each ImageRepository and its policy."""
        for number in range(self.images):
            yield f"team-{number // IMAGES_A_NAMESPACE}", f"app-{number % IMAGES_A_NAMESPACE}"

    def fleets(self) -> Iterator[tuple[str, str, list[str]]]:
        """Yield namespace, name and images of each automation."""
        names = list(self.image_names())
        for first in range(0, len(names), IMAGES_AN_AUTOMATION):
            namespace, _ = names[first]
            number = first % IMAGES_A_NAMESPACE // IMAGES_AN_AUTOMATION
            yield namespace, f"fleet-{number}", [name for _, name in names[first : first + IMAGES_AN_AUTOMATION]]

    def shard(self, name: str) -> str:
        """Return the shard of an image or automation; empty where there is one for all."""
        return "" if self.shards == 1 else f"shard{int(name.rpartition('-')[2]) % self.shards + 1}"


def repository(size: Size, registry: str, namespace: str, name: str) -> Json:
    """Return an ImageRepository."""
    spec = {"image": f"{registry}/{namespace}/{name}", "interval": size.interval, "insecure": True}
    return _object((IMAGE, "ImageRepository"), {"namespace": namespace, "name": name}, spec, shard=size.shard(name))


def policy(size: Size, namespace: str, name: str, fleet: str) -> Json:
    """Return the policy of an image, which one automation selects."""
    spec = {"imageRepositoryRef": {"name": name}, "policy": {"semver": {"range": ">=1.0.0"}}}
    metadata = {"namespace": namespace, "name": name, "labels": {FLEET_LABEL: fleet}}
    return _object((IMAGE, "ImagePolicy"), metadata, spec, shard=size.shard(name))


def automation(size: Size, namespace: str, name: str) -> Json:
    """Return an automation for the policies that bear its label."""
    spec = {
        "interval": size.interval,
        "sourceRef": {"kind": "GitRepository", "name": name},
        "git": {"commit": {"author": AUTHOR, "messageTemplate": MESSAGE}},
        "policySelector": {"matchLabels": {FLEET_LABEL: name}},
        "update": {"path": ".", "strategy": "Setters"},
    }
    metadata = {"namespace": namespace, "name": name}
    return _object((IMAGE, "ImageUpdateAutomation"), metadata, spec, shard=size.shard(name))


def source(namespace: str, name: str, url: str) -> Json:
    """Return the GitRepository of an automation."""
    spec = {"url": url, "interval": "1h", "ref": {"branch": "main"}}
    return _object((SOURCE, "GitRepository"), {"namespace": namespace, "name": name}, spec, shard="")


def files(registry: str, namespace: str, images: list[str]) -> Iterator[tuple[str, str]]:
    """Yield path and content of an automation's files, one an image; each names the oldest tag."""
    for name in images:
        marker = f'{{"$imagepolicy": "{namespace}:{name}"}}'
        image = f"{registry}/{namespace}/{name}:{OLDEST}"
        yield f"{name}.yaml", f"spec:\n  template:\n    spec:\n      containers:\n        - image: {image} # {marker}\n"


def fast_import(contents: Iterator[tuple[str, str]]) -> bytes:
    """Return what `git fast-import` makes a first commit of."""
    lines = [b"commit refs/heads/main\ncommitter t <t@example.com> 1700000000 +0000\ndata 6\nStart\n"]
    for path, text in contents:
        data = text.encode()
        lines.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))
    return b"".join(lines)


def _object(type_: tuple[str, str], metadata: Json, spec: Json, *, shard: str) -> Json:
    version, kind = type_
    labels = {**metadata.get("labels", {}), **({SHARD_LABEL: shard} if shard else {})}
    return {"apiVersion": version, "kind": kind, "metadata": {**metadata, "labels": labels}, "spec": spec}
