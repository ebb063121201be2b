"""Specs to go from and to: A is one that works, B is A with one field edited. Pure."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hack.specedits.fields import Field, Json, list_fields, sample, spec_schema

BASE: Final[Mapping[str, Json]] = {
    "ImageRepository": {"image": "registry.test/org/app", "interval": "10m"},
    "ImagePolicy": {"imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": ">=1.0.0"}}},
    "ImageUpdateAutomation": {
        "interval": "10m",
        "sourceRef": {"kind": "GitRepository", "name": "fleet"},
        "git": {"commit": {"author": {"email": "bot@example.com"}, "messageTemplate": "Update"}},
    },
}
"""Objects that work."""

_KEYED: Final = {
    "policy": {"keys": [{"extract": "$minor", "type": "numerical"}]},
    "filterTags": {"pattern": r"^(?P<whole>1\.(?P<minor>[0-9]+)\..*)$"},
}
CONTEXTS: Final[Mapping[str, Mapping[str, Json]]] = {
    "ImagePolicy": {
        "policy.keys": _KEYED,
        "policy.newest": {"policy": {"newest": {"by": "FirstSeen"}}},
        "policy.alphabetical": {"policy": {"alphabetical": {"order": "asc"}}},
        "policy.numerical": {
            "policy": {"numerical": {"order": "asc"}},
            "filterTags": {"pattern": r"^1\.(?P<minor>[0-9]+)\.0$", "extract": "$minor"},
        },
        "policy.deny[].pattern": {"policy": {"semver": {"range": ">=1.0.0"}, "deny": [{"pattern": "beta"}]}},
        "filterTags.extract": {"filterTags": {"pattern": r"^(?P<whole>1\.(?P<minor>[0-9]+)\..*)$"}},
        "interval": {"digestReflectionPolicy": "Always", "interval": "1h"},
    },
    "ImageUpdateAutomation": {
        "git.pullRequest": {
            "git": {**BASE["ImageUpdateAutomation"]["git"], "pullRequest": {"forge": "gitea"}},
        },
    },
}
"""What a field needs around it to be taken, by the beginning of its path: replaces what A has there."""


@dataclass(frozen=True)
class Edit:
    """A way from A to B."""

    version: str
    field: Field
    what: str
    """set, changed, cleared, refused (by the schema), or meaningless (for the controllers)."""
    before: Json
    after: Json

    @property
    def is_refused(self) -> bool:
        """Whether the API server has to refuse it."""
        return self.what == "refused" or (self.what == "cleared" and self.field.is_required)

    @property
    def name(self) -> str:
        """Name the edit."""
        return f"{self.field.kind} {self.version} {self.field.name} {self.what}"


def list_edits(kind: str, version: str) -> Iterator[Edit]:
    """Yield every edit of a kind's spec in a version."""
    for field in list_fields(kind, version):
        yield from _edits_of(field, version)


def _edits_of(field: Field, version: str) -> Iterator[Edit]:
    a = _base(field)
    first = field.good[0]

    def edit(what: str, value: Any, before: Json = a) -> Edit:
        return Edit(version, field, what, before, _with(field, version, before, value))

    yield edit("set", first)
    held = _with(field, version, a, first)
    for value in field.good[1:]:
        yield edit("changed", value, held)
    yield Edit(version, field, "cleared", held, _without(field, held))
    for value in field.bad:
        yield edit("refused", value)
    for value in field.meaningless:
        yield edit("meaningless", value)


def _base(field: Field) -> Json:
    contexts = CONTEXTS.get(field.kind, {})
    fitting = [context for start, context in contexts.items() if _starts_with(field.name, start)]
    return copy.deepcopy({**BASE[field.kind], **(fitting[0] if fitting else {})})


def _starts_with(name: str, start: str) -> bool:
    return name == start or name.startswith((f"{start}.", f"{start}["))


def _with(field: Field, version: str, spec: Json, value: Any) -> Json:
    """Return a spec in which the field has a value; what is around it is made with all that it needs."""
    made: Any = copy.deepcopy(spec)
    schema, node = spec_schema(field.kind, version), made
    for depth, name in enumerate(field.path[:-1]):
        schema = schema["items"] if name == "[]" else schema["properties"][name]
        path = field.path[: depth + 1]
        if name == "[]":
            if not node:
                node.append(sample(field.kind, path, schema))
            node = node[0]
        else:
            fresh: Any = [] if schema["type"] == "array" else sample(field.kind, path, schema)
            node = node.setdefault(name, fresh)
    last = field.path[-1]
    if last == "[]":
        node[:] = [value]
    else:
        node[last] = value
    return made  # type: ignore[no-any-return]


def _without(field: Field, spec: Json) -> Json:
    """Return a spec without a field: a list loses its item."""
    made: Any = copy.deepcopy(spec)
    node = made
    for name in field.path[:-1]:
        node = node[0] if name == "[]" else node[name]
    if field.path[-1] == "[]":
        node.clear()
    else:
        node.pop(field.path[-1], None)
    return made  # type: ignore[no-any-return]
