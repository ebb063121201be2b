"""Renovate: what a repository's configuration says about container images.

https://docs.renovatebot.com/configuration-options/#packagerules. Presets (`extends`) are not read: they live elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from controllers.adoption.instructions import Extras, Instruction
from controllers.adoption.origins.carrying import Carried
from controllers.adoption.schemes import Level, Scheme
from controllers.documents.nodes import Mapping, load_text, mappings, to_value
from controllers.policy import Filter, Semver

NAME = "Renovate"
FILES = frozenset(
    f"{folder}{name}"
    for folder in ("", ".github/", ".gitlab/")
    for name in ("renovate.json", "renovate.json5", ".renovaterc", ".renovaterc.json", ".renovaterc.json5")
)
_OURS = frozenset({"docker"})
_MANAGERS = frozenset(
    {"kubernetes", "helm-values", "kustomize", "docker-compose", "flux", "argocd", "dockerfile", "helmv3", "helmfile"}
)
_MATCHERS = ("matchPackageNames", "matchPackagePatterns", "matchPackagePrefixes", "matchDepNames")
_HOURS = {"hour": 1, "day": 24, "week": 7 * 24, "month": 30 * 24, "year": 365 * 24}
_NAMED_GROUP = re.compile(r"\(\?<(?=[A-Za-z])")
_AGE = re.compile(r"(?P<number>[0-9]{1,4}) (?P<unit>minute|hour|day|week|month|year)s?")
_UNDERSTOOD = frozenset(
    {
        *_MATCHERS, "matchDatasources", "matchManagers", "matchUpdateTypes", "enabled", "allowedVersions", "versioning",
        "minimumReleaseAge", "description",
    }
)  # fmt: skip
_WHY = {
    "schedule": "tagline knows intervals, no calendar",
    "automerge": "tagline commits to the branch that the automation names",
    "groupName": "an automation commits all updates together",
    "pinDigests": "adopt an image that has a digest, and it is kept",
    "matchUpdateTypes": "only with `enabled: false` it says how far versions may go",
    "matchCurrentVersion": "tagline looks at tags, not at what is in use",
    "matchFileNames": "adopt parts of the repository by PATH",
}


def may_concern(path: str, data: bytes) -> bool:
    """Return True for the names that Renovate reads."""
    return path in FILES or (path == "package.json" and b'"renovate"' in data)


def read(path: str, data: bytes, carried: Carried) -> None:
    """Add what a file says. Raises Unparsable."""
    roots = load_text(_strip_comments(data.decode("utf-8", "replace")))
    root = roots[0] if roots else None
    if isinstance(root, Mapping) and path == "package.json":
        inner = root.get("renovate")
        root = inner if isinstance(inner, Mapping) else None
    if not isinstance(root, Mapping):
        return
    for dependency in _texts(to_value(root.get("ignoreDeps"))):
        carried.instructions.append(Instruction(dependency, f"{NAME}, {path}", skip=True))
    rules = [(rule.line, to_value(rule)) for rule in mappings(root.get("packageRules"))]
    for line, rule in reversed(rules):  # the last rule that fits counts, and of ours the first
        _carry(path, line, rule, carried)
    if root.get("extends") is not None:
        carried.note(path, root.line, "extends", "presets live elsewhere; write the rules you want into this file")


def _carry(path: str, line: int, rule: dict[str, Any], carried: Carried) -> None:
    datasources, managers = _texts(rule.get("matchDatasources")), _texts(rule.get("matchManagers"))
    if (datasources and _OURS.isdisjoint(datasources)) or (managers and _MANAGERS.isdisjoint(managers)):
        return
    named = [image for image in map(_to_glob, _names(rule)) if image]
    if not named and not datasources and not managers:
        return  # a rule about everything, images among it: nothing in it is about tags
    origin = f"{NAME}, {path}:{line}"
    is_off = rule.get("enabled") is False
    for field in rule.keys() - _UNDERSTOOD:
        carried.note(path, line, field, _WHY.get(field, "tagline has nothing like it"))
    scheme = _scheme(path, line, rule, carried)
    level = _level(rule) if is_off and "matchUpdateTypes" in rule else None
    if not is_off and "matchUpdateTypes" in rule:
        carried.note(path, line, "matchUpdateTypes", _WHY["matchUpdateTypes"])
    extras = Extras(min_age=_age(path, line, rule, carried))
    skip = is_off and level is None
    if skip or scheme or level or extras != Extras():
        for image in named or ["*"]:
            carried.instructions.append(
                Instruction(image, origin, scheme=scheme, level=level, skip=skip, extras=extras, must_accept=True)
            )


def _names(rule: dict[str, Any]) -> Iterable[str]:
    yield from _texts(rule.get("matchPackageNames"))
    yield from _texts(rule.get("matchDepNames"))
    yield from (f"/{pattern}/" for pattern in _texts(rule.get("matchPackagePatterns")))
    yield from (f"{prefix}*" for prefix in _texts(rule.get("matchPackagePrefixes")))


def _to_glob(name: str) -> str:
    """Return a name, glob or `/pattern/`; "" for an exclusion, which has no counterpart."""
    return "" if name.startswith("!") else name.replace("**", "*")


def _level(rule: dict[str, Any]) -> Level | None:
    off = set(_texts(rule.get("matchUpdateTypes")))
    return Level.PATCH if "minor" in off else Level.MINOR if "major" in off else None


def _scheme(path: str, line: int, rule: dict[str, Any], carried: Carried) -> Scheme | None:
    allowed, versioning = str(rule.get("allowedVersions") or ""), str(rule.get("versioning") or "")
    tag_filter, range_ = None, allowed
    if len(allowed) > 1 and allowed.startswith("/") and allowed.endswith("/"):
        tag_filter, range_ = Filter(allowed[1:-1]), ">=0.0.0"
    if versioning.startswith("regex:"):
        pattern = _NAMED_GROUP.sub("(?P<", versioning.removeprefix("regex:"))
        groups = [name for name in ("major", "minor", "patch") if f"(?P<{name}>" in pattern]
        if groups and tag_filter is None:
            tag_filter = Filter(pattern, ".".join([*(f"${name}" for name in groups), "0", "0"][:3]))
            range_ = range_ or ">=0.0.0"
        else:
            carried.note(path, line, "versioning", "its pattern has none of the groups major, minor and patch")
    elif versioning not in {"", "docker", "semver", "semver-coerced", "loose", "kubernetes-api"}:
        carried.note(path, line, f"versioning {versioning!r}", "say how to choose with --policy")
    return Scheme(Semver(range_), tag_filter) if range_ else None


def _age(path: str, line: int, rule: dict[str, Any], carried: Carried) -> str:
    text = str(rule.get("minimumReleaseAge") or "")
    found = _AGE.fullmatch(text.strip())
    if not found:
        if text:
            carried.note(path, line, f"minimumReleaseAge {text!r}", "write it as a number and a unit")
        return ""
    if found["unit"] == "minute":
        return f"{found['number']}m"
    return f"{int(found['number']) * _HOURS[found['unit']]}h"


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _strip_comments(text: str) -> str:
    """Return JSON5 without its comments, line by line as it was; what is left is YAML in flow style."""
    return _COMMENT.sub(lambda found: found[0] if found[0][0] in "\"'" else "\n" * found[0].count("\n"), text)


_COMMENT = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|//[^\n]*|/\*.*?\*/", re.DOTALL)
