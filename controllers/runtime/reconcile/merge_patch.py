"""JSON merge patches (RFC 7386) between two encoded statuses: what one status PATCH has to carry.

Pure functions over JSON-like values. A list is replaced as a whole, as the standard says.
"""

from collections.abc import Mapping

Json = Mapping[str, object]


def diff(old: Json, new: Json) -> dict[str, object]:
    """Return the smallest merge patch that turns `old` into `new`; empty when they are equal.

    A merge patch cannot distinguish None from absence; neither side may contain None.
    """
    patch: dict[str, object] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            if inner := diff(before, value):
                patch[key] = inner
        elif key not in old or before != value:
            patch[key] = value
    return patch


def merge(document: Json, patch: Json) -> dict[str, object]:
    """Return `document` with the merge patch applied; the arguments stay as they are."""
    merged = dict(document)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            inner = merged.get(key)
            merged[key] = merge(inner if isinstance(inner, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged
