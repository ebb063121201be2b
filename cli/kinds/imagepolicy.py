"""ImagePolicy on the command line."""

from typing import Any, Final

from api.names import IMAGE_POLICIES, IMAGE_REPOSITORIES
from cli.kinds.kind import CliKind, Column, Creation, Link, Object, status


def _image(obj: Object) -> str:
    return str((status(obj).get("latestRef") or {}).get("name", ""))


def _tag(obj: Object) -> str:
    return str((status(obj).get("latestRef") or {}).get("tag", ""))


def _repository(obj: Object) -> str:
    ref = (obj.get("spec") or {}).get("imageRepositoryRef") or {}
    return "/".join(ref[key] for key in ("namespace", "name") if ref.get(key))


def _policy(obj: Object) -> str:
    policy = (obj.get("spec") or {}).get("policy") or {}
    return ", ".join(f"{name} {' '.join(map(str, (rule or {}).values()))}".strip() for name, rule in policy.items())


def _filter(obj: Object) -> str:
    tags = (obj.get("spec") or {}).get("filterTags") or {}
    return " → ".join(str(tags[key]) for key in ("pattern", "extract") if tags.get(key))


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
    wide_columns=(Column("Repository", _repository), Column("Policy", _policy), Column("Filter", _filter)),
    links=(Link("imageRepositoryRef", IMAGE_REPOSITORIES),),
    tells_of_links=True,
    summarize=_summarize,
    creation=Creation(module="cli.creation.policy", summary="create or change an ImagePolicy"),
    complete=_complete,
)
