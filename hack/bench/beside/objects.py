"""Objects and files of the scenarios. Pure: equal numbers give equal values."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from hack.bench import folder
from hack.demo.manifests import AUTHOR, IMAGE

NAMESPACE: Final = "bench"
INTERVAL: Final = "1h"
"""Longer than any trial, so that nothing runs unless it was asked for."""
SERVICES: Final = 50
"""Images of the large repository, each with a policy; the marked files share them."""
SMALL_FILES: Final = 20
FLEET_FILES: Final = 50
MARKED: Final = 10
"""Of so many files in a small repository one has a marker."""

Json = dict[str, Any]
Files = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is of everything; the flags have these names."""

    images: int = 1_000
    image_tags: int = 100
    large_images: int = 200
    large_tags: int = 5_000
    list_tags: int = 100_000
    policies: int = 200
    pushes: int = 15
    files: int = 10_000
    repositories: int = 50


def newest(tags: int) -> str:
    """Return the greatest version of a repository that has so many tags; the rest are below it."""
    return f"1.0.{tags - 1}"


def newer_than_all(number: int = 0) -> str:
    """Return a tag that every one of `mixed_rules` prefers to those that a repository begins with."""
    return f"1.0.999999{number or ''}"


def repository(name: str, image: str) -> Json:
    """Return an ImageRepository."""
    return _object("ImageRepository", name, {"image": image, "interval": INTERVAL, "insecure": True})


def policy(name: str, image_repository: str, rule: Json) -> Json:
    """Return an ImagePolicy. rule: what its spec has besides the repository."""
    return _object("ImagePolicy", name, {"imageRepositoryRef": {"name": image_repository}, **rule})


def semver(range_: str = ">=1.0.0") -> Json:
    """Return the rule that chooses the greatest version in a range."""
    return {"policy": {"semver": {"range": range_}}}


def automation(name: str, source: str) -> Json:
    """Return an ImageUpdateAutomation that commits to the main branch."""
    spec = {
        "interval": INTERVAL,
        "sourceRef": {"kind": "GitRepository", "name": source},
        "git": {"commit": {"author": AUTHOR, "messageTemplate": "Update images"}, "push": {"branch": "main"}},
        "update": {"path": "./", "strategy": "Setters"},
    }
    return _object("ImageUpdateAutomation", name, spec)


def _object(kind: str, name: str, spec: Json) -> Json:
    return {"apiVersion": IMAGE, "kind": kind, "metadata": {"namespace": NAMESPACE, "name": name}, "spec": spec}


def mixed_rules(policies: int, tags: int) -> Iterator[tuple[str, Json]]:
    """Yield name and rule of each policy on one list: of twenty, ten by version, seven by number, three by alphabet.

    No two are alike, so that no side gains by answering a question twice. All choose `newer_than_all` when it is there.
    """
    for number in range(policies):
        floor = number * tags // (2 * policies)  # below the newer half of the tags
        if number % 20 < 10:
            forms = (">=1.0.{}", "~1.0.{}", "^1.0.{}", ">=1.0.{} <2.0.0", "1.0.{} - 2.0.0")
            yield f"semver-{number}", semver(forms[number % len(forms)].format(floor))
        elif number % 20 < 17:
            yield (
                f"numerical-{number}",
                _filtered("numerical", rf"^1\.0\.(?P<patch{number}>[0-9]+)$", f"$patch{number}"),
            )
        else:
            yield f"alphabetical-{number}", _filtered("alphabetical", rf"^1\.(?P<rest{number}>.+)$", f"$rest{number}")


def _filtered(order_by: str, pattern: str, extract: str) -> Json:
    return {"policy": {order_by: {"order": "asc"}}, "filterTags": {"pattern": pattern, "extract": extract}}


def small_files(count: int, image: str, policy_name: str, salt: str = "") -> Files:
    """Yield path and content of a few files, of which every tenth has a marker. image: with its tag."""
    for number in range(count):
        marked = [(image, policy_name)] if number % MARKED == 0 else [(f"registry.example.com/other:1.0.{number}", "")]
        yield f"app-{number}.yaml", _deployment(f"app-{number}{salt}", marked)


def count_marked(count: int) -> int:
    """Return how many of so many small files have a marker."""
    return len(range(0, count, MARKED))


def large_files(count: int, registry: str, tag: str) -> Files:
    """Yield those of a large repository: one in twenty is marked, in two places, for two of the services."""
    marked = 0
    for path, text in folder.generate(count):
        if not is_marked(path):
            yield path, text
            continue
        images = [(f"{registry}/{name}:{tag}", name) for name in services_of(marked)]
        yield path, _deployment(f"marked-{marked}", images)
        marked += 1


def is_marked(path: str) -> bool:
    """Return whether a file of the large repository has markers."""
    return path.endswith("-marked.yaml")


def count_marked_by_service(count: int) -> Counter[str]:
    """Return how many lines of so many large files name each service."""
    marked = sum(is_marked(path) for path, _ in folder.generate(count))
    return Counter(name for number in range(marked) for name in services_of(number))


def services() -> list[str]:
    """Return the names of the large repository's images and policies."""
    return [f"service-{number}" for number in range(SERVICES)]


def services_of(marked: int) -> tuple[str, str]:
    """Return the services in a marked file; they differ."""
    return f"service-{marked % SERVICES}", f"service-{(3 * marked + 1) % SERVICES}"


def _deployment(name: str, images: list[tuple[str, str]]) -> str:
    lines = ["apiVersion: apps/v1", "kind: Deployment", "metadata:", f"  name: {name}", "spec:", "  replicas: 2"]
    lines += ["  selector:", "    matchLabels:", f"      app: {name}", "  template:", "    metadata:", "      labels:"]
    lines += [f"        app: {name}", "    spec:", "      containers:"]
    for number, (image, policy_name) in enumerate(images):
        marker = f' # {{"$imagepolicy": "{NAMESPACE}:{policy_name}"}}' if policy_name else ""
        lines += [f"      - name: container-{number}", f"        image: {image}{marker}", "        env:"]
        for variable in range(8):
            lines += [f"        - name: SETTING_{variable}", f'          value: "{name} {number} {variable}"']
        lines += ["        resources:", "          requests:", "            cpu: 100m", "            memory: 128Mi"]
    return "\n".join(lines) + "\n"
