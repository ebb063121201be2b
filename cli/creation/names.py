"""Names and labels, checked before anything is printed or sent. The texts are those of `flux`, which scripts may know.

Rules: https://kubernetes.io/docs/concepts/overview/working-with-objects/
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from cli.grammar.session import Failed

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,61}[a-z0-9]")
_LABEL_NAME: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MAX_PREFIX: Final = 253
_MAX_LABEL: Final = 63

_EXAMPLES: Final = (
    f"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_LABEL_NAME.pattern}')"
)
_NAME_RULE: Final = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)


def require_name(arguments: Sequence[str]) -> str:
    """Return the first argument. Raises Failed where there is none, or where no object of ours can be called that."""
    if not arguments:
        raise Failed("name is required")
    name = arguments[0]
    if not _NAME.fullmatch(name):
        raise Failed(
            f"name '{name}' is invalid, it should adhere to standard defined in RFC 1123, the name can only contain "
            "alphanumeric characters or '-'"
        )
    return name


def parse_labels(pairs: Sequence[str]) -> dict[str, str]:
    """Return labels from `key=value` texts; the last of a key wins. Raises Failed."""
    labels = {}
    for pair in pairs:
        parts = pair.split("=")
        if len(parts) != 2:
            raise Failed(f"invalid label format '{pair}', must be key=value")
        key, value = parts
        if wrong := " ".join(_faults_of_key(key)):
            raise Failed(f"invalid label '{key}': [{wrong}]")
        if wrong := " ".join(_faults_of_value(value)):
            raise Failed(f"invalid label value '{value}': [{wrong}]")
        labels[key] = value
    return labels


def metadata_of(name: str, namespace: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the metadata of an object; without a namespace or labels where there are none."""
    found: dict[str, Any] = {"name": name, "namespace": namespace, "labels": dict(labels)}
    return {field: value for field, value in found.items() if value}


def parse_pairs(flag: str, pairs: Sequence[str]) -> dict[str, str]:
    """Return a mapping from `key=value` texts; a value may contain further equals signs. Raises Failed."""
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise Failed(f"{flag} '{pair}' must be of the form key=value")
        found[key] = value
    return found


def _faults_of_key(key: str) -> Iterator[str]:
    parts = key.split("/")
    if len(parts) > 2:
        yield (
            f"a valid label key {_NAME_RULE} {_EXAMPLES} with an optional DNS subdomain prefix and '/' "
            "(e.g. 'example.com/MyName')"
        )
        return
    name = parts[-1]
    if len(parts) == 2:
        yield from _faults_of_prefix(parts[0])
    if not name:
        yield "name part must be non-empty"
    elif len(name.encode("utf-8", "surrogateescape")) > _MAX_LABEL:
        yield f"name part must be no more than {_MAX_LABEL} bytes"
    if not _LABEL_NAME.fullmatch(name):
        yield f"name part {_NAME_RULE} {_EXAMPLES}"


def _faults_of_prefix(prefix: str) -> Iterator[str]:
    if not prefix:
        yield "prefix part must be non-empty"
        return
    if len(prefix.encode("utf-8", "surrogateescape")) > _MAX_PREFIX:
        yield f"prefix part must be no more than {_MAX_PREFIX} bytes"
    if not _SUBDOMAIN.fullmatch(prefix):
        yield (
            "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
            "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation "
            f"is '{_SUBDOMAIN.pattern}')"
        )


def _faults_of_value(value: str) -> Iterator[str]:
    if len(value.encode("utf-8", "surrogateescape")) > _MAX_LABEL:
        yield f"must be no more than {_MAX_LABEL} bytes"
    if value and not _LABEL_NAME.fullmatch(value):
        yield (
            f"a valid label must be an empty string or {_NAME_RULE.removeprefix('must ')} (e.g. 'MyValue',  or "
            f"'my_value',  or '12345', regex used for validation is '({_LABEL_NAME.pattern})?')"
        )
