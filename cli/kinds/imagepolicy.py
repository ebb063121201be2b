"""ImagePolicy on the command line."""

from typing import Any, Final

from api.names import IMAGE_POLICIES, IMAGE_REPOSITORIES
from cli.fields import field, mapping, text
from cli.kinds.kind import CliKind, Column, Creation, Link, Object


def _image(obj: Object) -> str:
    return text(obj, "status", "latestRef", "name")


def _tag(obj: Object) -> str:
    return text(obj, "status", "latestRef", "tag")


def _repository(obj: Object) -> str:
    ref = mapping(obj, "spec", "imageRepositoryRef")
    return "/".join(part for part in (text(ref, "namespace"), text(ref, "name")) if part)


def _policy(obj: Object) -> str:
    policy = mapping(obj, "spec", "policy")
    return ", ".join(f"{name} {' '.join(map(str, mapping(policy, name).values()))}".strip() for name in policy)


def _filter(obj: Object) -> str:
    tags = mapping(obj, "spec", "filterTags")
    return " → ".join(part for part in (text(tags, "pattern"), text(tags, "extract")) if part)


def _summarize(obj: Object) -> str:
    digest = text(obj, "status", "latestRef", "digest")
    return f"selected ref {_image(obj)}:{_tag(obj)}" + (f"@{digest}" if digest else "")


def _complete(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a spec whose filter has an extract, which the API server refuses beside policy.keys only."""
    tag_filter = mapping(spec, "filterTags")
    if not tag_filter or field(spec, "policy", "keys"):
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
