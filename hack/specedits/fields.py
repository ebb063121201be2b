"""The fields of a spec by its schema, with values for each: good ones, and ones that the schema does not allow. Pure.

A schema does not know what a text means. The few fields whose meaning matters have their values in `MEANINGFUL`, and
texts that only the controllers can refuse are in `MEANINGLESS`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # comes without type hints

Json = dict[str, Any]
ROOT: Final = Path(__file__).resolve().parents[2]
KINDS: Final = ("ImageRepository", "ImagePolicy", "ImageUpdateAutomation")
VERSIONS: Final = ("v1beta1", "v1beta2", "v1")
_PLURALS: Final = {"ImageRepository": "imagerepositories", "ImagePolicy": "imagepolicies"}

MEANINGFUL: Final[Mapping[str, tuple[Any, Any]]] = {
    "ImageRepository image": ("registry.test/org/app", "registry.test/org/other"),
    "ImageRepository exclusionList[]": ("^0", "rc"),
    "ImagePolicy imageRepositoryRef.name": ("app", "other"),
    "ImagePolicy imageRepositoryRef.namespace": ("apps", "elsewhere"),
    "ImagePolicy policy.semver.range": (">=1.0.0", "1.0.x"),
    "ImagePolicy policy.keys[].extract": ("$whole", "$minor"),
    "ImagePolicy filterTags.pattern": (r"^(?P<whole>1\.(?P<minor>[0-9]+)\..*)$", r"^(?P<whole>.*(?P<minor>[0-9]+))$"),
    "ImagePolicy digestReflectionPolicy": ("IfNotPresent", "Never"),  # `interval` is edited beside Always
    "ImagePolicy filterTags.extract": ("$whole", "1.0.$minor"),
    "ImageUpdateAutomation sourceRef.apiVersion": (
        "source.toolkit.fluxcd.io/v1",
        "source.toolkit.fluxcd.io/v1beta2",
    ),
    "ImageUpdateAutomation sourceRef.name": ("fleet", "other"),
    "ImageUpdateAutomation sourceRef.namespace": ("apps", "elsewhere"),
    "ImageUpdateAutomation git.checkout.ref.branch": ("main", "next"),
    "ImageUpdateAutomation git.checkout.ref.semver": (">=1.0.0", "2.x"),
    "ImageUpdateAutomation git.checkout.ref.name": ("refs/heads/main", "refs/heads/next"),
    "ImageUpdateAutomation git.checkout.ref.commit": ("0" * 40, "1" * 40),
    "ImageUpdateAutomation git.commit.author.email": ("bot@example.com", "robot@example.com"),
    "ImageUpdateAutomation git.commit.messageTemplate": ("Update", "Update {{ .AutomationObject }}"),
    "ImageUpdateAutomation git.push.branch": ("next", "main"),
    "ImageUpdateAutomation git.push.refspec": ("refs/heads/main:refs/heads/a", "refs/heads/main:refs/heads/b"),
    "ImageUpdateAutomation git.pullRequest.branch": ("up/{{ .Policy }}", "update/{{ .Policy }}"),
    "ImageUpdateAutomation git.pullRequest.api": ("https://git.example/api/v1", "https://git.example/api"),
    "ImageUpdateAutomation policySelector.matchExpressions[].operator": ("In", "NotIn"),
    "ImageUpdateAutomation update.path": ("./a", "./b"),
    "ImageUpdateAutomation update.files[]": ("*.tf", "**/*.env"),
    "ImageUpdateAutomation update.targets[].file": ("values.json", "a/*.json"),
    "ImageUpdateAutomation update.targets[].path": ("/image", "$.image"),
    "ImageUpdateAutomation update.targets[].policy": ("app", "apps:other"),
}
"""Two good values each, the first of which goes together with those of other fields."""

MEANINGLESS: Final[Mapping[str, tuple[Any, ...]]] = {
    "ImageRepository image": ("https://registry.test/org/app", "registry.test/Org/App", ""),
    "ImageRepository interval": ("0s", "99999999999h"),
    "ImageRepository timeout": ("99999999999m",),
    "ImageRepository exclusionList[]": ("(",),
    "ImagePolicy policy.semver.range": ("one or two", ">=1.0.0 <"),
    "ImagePolicy policy.keys[].extract": ("$unheard",),
    "ImagePolicy policy.minAge": ("99999999999h",),
    "ImagePolicy policy.deny[].pattern": ("(",),
    "ImagePolicy filterTags.pattern": ("(", "[z-a]"),
    "ImagePolicy interval": ("0s", "99999999999h"),
    "ImageUpdateAutomation interval": ("0s", "99999999999h"),
    "ImageUpdateAutomation policyChangeDelay": ("99999999999h",),
    "ImageUpdateAutomation git.checkout.ref.semver": ("one or two",),
    "ImageUpdateAutomation git.push.refspec": ("refs/heads/a:b:c",),
    "ImageUpdateAutomation git.pullRequest.branch": ("{{",),
    "ImageUpdateAutomation git.pullRequest.titleTemplate": ("{{",),
    "ImageUpdateAutomation git.pullRequest.bodyTemplate": ("{{ unheard }}",),
    "ImageUpdateAutomation git.commit.messageTemplate": ("{{", "{{ unheard }}"),
    "ImageUpdateAutomation policySelector.matchExpressions[].key": ("~",),
    "ImageUpdateAutomation policySelector.matchExpressions[].operator": ("Like",),
    "ImageUpdateAutomation update.path": ("../up", "/etc/../.."),
    "ImageUpdateAutomation update.targets[].path": ("$.image[",),
}
"""Texts that a schema lets through and no controller can work with: the object has to say so."""

_BY_PATTERN: Final[Mapping[str, tuple[str, str]]] = {
    r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$": ("10m", "1h30m"),
    r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$": ("30s", "1m30s"),
    r"^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?$": ("linux/amd64", "linux/arm64/v8"),
}


@dataclass(frozen=True)
class Field:
    """One field of a spec."""

    kind: str
    path: tuple[str, ...]
    """Names from the spec down; `[]` is the only item of a list."""
    good: tuple[Any, ...]
    """In each of them the object may be ready or not; the schema allows them."""
    bad: tuple[Any, ...]
    """What the schema does not allow."""
    is_required: bool
    """Whether it cannot be cleared."""

    @property
    def name(self) -> str:
        return join(self.path)

    @property
    def meaningless(self) -> tuple[Any, ...]:
        return MEANINGLESS.get(f"{self.kind} {self.name}", ())


def join(path: tuple[str, ...]) -> str:
    """Return a path as one text: `policy.keys[].extract`."""
    return ".".join(path).replace(".[]", "[]")


@cache
def spec_schema(kind: str, version: str) -> Json:
    """Return the schema of a kind's spec."""
    plural = _PLURALS.get(kind, "imageupdateautomations")
    crd = yaml.safe_load((ROOT / "manifests/crds" / f"image.toolkit.fluxcd.io_{plural}.yaml").read_text())
    (served,) = (one for one in crd["spec"]["versions"] if one["name"] == version)
    schema: Json = served["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return schema


def list_fields(kind: str, version: str) -> list[Field]:
    """Return every field of a spec that holds a value, and every list."""
    return list(_walk(kind, (), spec_schema(kind, version), is_required=True))


def _walk(kind: str, path: tuple[str, ...], schema: Json, *, is_required: bool) -> Iterator[Field]:
    if "properties" in schema:
        for name, child in schema["properties"].items():
            yield from _walk(
                kind, (*path, name), child, is_required=name in schema.get("required", ()) and "default" not in child
            )
        return
    needed = is_required or (kind, join(path)) in _REQUIRED_BY_RULES
    yield Field(kind, path, _good(kind, path, schema), tuple(_bad(kind, path, schema)), needed)
    if schema["type"] == "array":
        yield from _walk(kind, (*path, "[]"), schema["items"], is_required=False)


def sample(kind: str, path: tuple[str, ...], schema: Json) -> Any:
    """Return a value with what it needs."""
    if "properties" in schema:
        return {
            name: sample(kind, (*path, name), child)
            for name, child in schema["properties"].items()
            if name in schema.get("required", ()) or (join(path), name) in _NEEDED
        }
    return _good(kind, path, schema)[0]


_REQUIRED_BY_RULES: Final = {
    ("ImagePolicy", "policy.deny[].tag"),
    ("ImagePolicy", "policy.deny[].pattern"),
    ("ImagePolicy", "interval"),
}
_NEEDED: Final = {("policy.deny[]", "tag"), ("accessFrom.namespaceSelectors[]", "matchLabels")}
"""What is no requirement of a schema, and needed all the same."""


def _good(kind: str, path: tuple[str, ...], schema: Json) -> tuple[Any, ...]:
    if known := MEANINGFUL.get(f"{kind} {join(path)}"):
        return known
    if "enum" in schema:
        return tuple(schema["enum"])
    match schema["type"]:
        case "boolean":
            return True, False
        case "integer":
            return schema.get("minimum", 1), schema.get("maximum", 2)
        case "array":
            item = sample(kind, (*path, "[]"), schema["items"])
            return [item], []
        case "object":
            return {"team": "a"}, {"team": "b", "tier": "c"}
        case _:
            return _BY_PATTERN.get(schema.get("pattern", ""), ("one", "two"))


def _bad(kind: str, path: tuple[str, ...], schema: Json) -> Iterator[Any]:
    yield 7 if schema["type"] in ("string", "boolean", "array", "object") else "seven"
    if "enum" in schema:
        yield "unheard-of"
    if "pattern" in schema:
        yield "~~~"
    if schema.get("minLength"):
        yield "x" * (schema["minLength"] - 1)
    if "maxLength" in schema:
        yield "x" * (schema["maxLength"] + 1)
    if "minimum" in schema:
        yield schema["minimum"] - 1
    if "maximum" in schema:
        yield schema["maximum"] + 1
    if "maxItems" in schema:
        yield [sample(kind, (*path, "[]"), schema["items"])] * (schema["maxItems"] + 1)
