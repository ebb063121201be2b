"""ImagePolicy on the command line."""

from typing import Any, Final

from api.names import IMAGE_POLICIES
from cli.kinds.kind import CliKind, Column, Creation, Object, status


def _image(obj: Object) -> str:
    return str((status(obj).get("latestRef") or {}).get("name", ""))


def _tag(obj: Object) -> str:
    return str((status(obj).get("latestRef") or {}).get("tag", ""))


def _summarize(obj: Object) -> str:
    ref = status(obj).get("latestRef") or {}
    digest = f"@{ref['digest']}" if ref.get("digest") else ""
    return f"selected ref {ref.get('name', '')}:{ref.get('tag', '')}{digest}"


def _complete(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a spec whose filter has an extract, which the API server refuses beside policy.keys only."""
    tag_filter, choice = spec.get("filterTags"), spec.get("policy") or {}
    if not tag_filter or choice.get("keys"):
        return spec
    return {**spec, "filterTags": {"extract": "", **tag_filter}}


POLICY: Final = CliKind(
    resource=IMAGE_POLICIES,
    group="image",
    group_plural="images",
    word="policy",
    human="image policy",
    columns=(Column("Image", _image), Column("Tag", _tag)),
    summarize=_summarize,
    creation=Creation(module="cli.creation.policy", summary="create or change an ImagePolicy"),
    complete=_complete,
)
