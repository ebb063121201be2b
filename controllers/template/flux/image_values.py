"""Image references as values of the old data model: Flux's `imageRef` over go-containerregistry's types.

Fields whose names begin with a small letter are printed, but a template cannot reach them, as in Go.
"""

from collections.abc import Callable, Mapping
from typing import cast

from controllers.template.eval.render_context import RenderContext
from controllers.template.flux.images import ImageName, add_default_namespace, parse_image
from controllers.template.go.types import STRING, Function, Kind, Type
from controllers.template.go.values import Struct

Getter = Callable[[Struct], object]


def getters(**getters: Getter) -> Mapping[str, Function]:
    """Return methods without arguments."""

    def method(name: str, get: Getter) -> Function:
        return Function(name, (), lambda _run, receiver: get(receiver))

    return {name: method(name, get) for name, get in getters.items()}


def _host(registry: object) -> str:
    return str(cast(Struct, registry).values[1])


def _path(repository: object) -> str:
    registry, path = cast(Struct, repository).values
    return add_default_namespace(_host(registry), str(path))


def _context(repository: object) -> str:
    return f"{_host(cast(Struct, repository).values[0])}/{_path(repository)}"


def _scope(_run: RenderContext, repository: Struct, action: str) -> str:
    return f"repository:{_path(repository)}:{action}"


def _original(reference: object) -> str:
    return str(cast(Struct, reference).values[2])


def _image(reference: object) -> ImageName:
    return parse_image(_original(reference))


REGISTRY = Type(
    "name.Registry",
    Kind.STRUCT,
    fields=("insecure", "registry"),
    methods=getters(Name=_host, RegistryStr=_host, String=_host),
    text=_host,
    json=_host,
)
REPOSITORY = Type(
    "name.Repository",
    Kind.STRUCT,
    fields=("Registry", "repository"),
    embedded=frozenset({"Registry"}),
    methods={
        **getters(
            Name=_context, RegistryStr=lambda value: _host(value.values[0]), RepositoryStr=_path, String=_context
        ),
        "Scope": Function("Scope", (STRING,), _scope),
    },
    text=_context,
    json=_context,
)
_REFERENCE_METHODS = {
    **getters(
        Context=lambda value: value.values[0],
        Identifier=lambda value: value.values[1],
        Name=lambda value: _image(value).full_name,
        String=_original,
    ),
    "Scope": Function("Scope", (STRING,), lambda run, value, action: _scope(run, value.values[0], action)),
}


def _reference(name: str, identifier: str, own_getter: str) -> Type:
    """Return the type of references by tag, or by digest."""
    return Type(
        name,
        Kind.STRUCT,
        fields=("Repository", identifier, "original"),
        embedded=frozenset({"Repository"}),
        promoted={"Registry": ("Repository", "Registry")},
        methods={
            **_REFERENCE_METHODS,
            **getters(
                RegistryStr=lambda value: _image(value).registry,
                RepositoryStr=lambda value: _image(value).repository,
                **{own_getter: lambda value: value.values[1]},
            ),
        },
        text=_original,
        json=_original,
        reported_name="name.Reference",
    )


TAG = _reference("name.Tag", "tag", "TagStr")
DIGEST = _reference("name.Digest", "digest", "DigestStr")


def _delegate(method: str) -> Function:
    """Return a method that calls the method of the image's reference."""
    inner = _REFERENCE_METHODS[method]
    return Function(method, inner.params, lambda run, value, *arguments: inner.call(run, value.values[0], *arguments))


IMAGE = Type(
    "update.imageRef",
    Kind.STRUCT,
    fields=("Reference", "policy"),
    reported_name="update.ImageRef",
    methods={
        **{method: _delegate(method) for method in _REFERENCE_METHODS},
        **getters(
            Repository=lambda value: _image(value.values[0]).repository,
            Registry=lambda value: _image(value.values[0]).registry,
            Policy=lambda value: value.values[1],
        ),
    },
    text=lambda value: _original(cast(Struct, value).values[0]),
)


def image_value(text: str, policy: Struct) -> Struct:
    """Return the image that `text`, which a policy chose, names."""
    image = parse_image(text)
    registry = Struct(REGISTRY, (False, image.registry))
    kind = DIGEST if image.is_digest else TAG
    reference = Struct(kind, (Struct(REPOSITORY, (registry, image.path)), image.identifier, text))
    return Struct(IMAGE, (reference, policy))
