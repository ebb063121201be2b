"""Flux's Go data structures for templates, made from `model`.

Both data models share one shape. Members of the old one are methods here, so that `.` and `.Changed` print as in
current Flux; under CURRENT they refuse. Where Flux collects lists from maps, in random order, the order here is that of
the results.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

from controllers.image.setter import parse_setter
from controllers.template.errors import RemovedField
from controllers.template.flux.image_values import IMAGE, getters, image_value
from controllers.template.go.gotext import to_valid_utf8
from controllers.template.go.types import STRING, STRING_MAP, Kind, Type, map_of, slice_of
from controllers.template.go.values import Map, Slice, Struct
from controllers.template.model import Comparison, DataModel, ObjectRef, TemplateChange, TemplateData

_HELP = "See: https://fluxcd.io/flux/components/image/imageupdateautomations/#message-template"
_REMOVED_UPDATED = f"template uses removed '.Updated' field. Please use '.Changed' instead. {_HELP}"
_REMOVED_IMAGE_RESULT = (
    "template uses removed '.Changed.ImageResult' field. "
    f"Please use '.Changed.FileChanges' or '.Changed.Objects' instead. {_HELP}"
)


def _name_text(value: object) -> str:
    assert isinstance(value, Struct)
    return f"{value.values[0]}/{value.values[1]}"


NAMESPACED_NAME = Type(
    "types.NamespacedName",
    Kind.STRUCT,
    fields=("Namespace", "Name"),
    methods=getters(String=_name_text),
    text=_name_text,
)
_TYPE_META = Type(
    "yaml.TypeMeta",
    Kind.STRUCT,
    fields=("APIVersion", "Kind"),
    json_names={"APIVersion": "apiVersion", "Kind": "kind"},
)
_NAME_META = Type(
    "yaml.NameMeta",
    Kind.STRUCT,
    fields=("Name", "Namespace"),
    json_names={"Name": "name", "Namespace": "namespace"},
)
_IDENTITY_PATHS = {
    "APIVersion": ("TypeMeta", "APIVersion"),
    "Kind": ("TypeMeta", "Kind"),
    "Name": ("NameMeta", "Name"),
    "Namespace": ("NameMeta", "Namespace"),
}
_IDENTITY = Type(
    "yaml.ResourceIdentifier",
    Kind.STRUCT,
    fields=("TypeMeta", "NameMeta"),
    embedded=frozenset({"TypeMeta", "NameMeta"}),
    promoted=_IDENTITY_PATHS,
)
OBJECT = Type(
    "update.ObjectIdentifier",
    Kind.STRUCT,
    fields=("ResourceIdentifier",),
    embedded=frozenset({"ResourceIdentifier"}),
    promoted={
        "TypeMeta": ("ResourceIdentifier", "TypeMeta"),
        "NameMeta": ("ResourceIdentifier", "NameMeta"),
        **{name: ("ResourceIdentifier", *path) for name, path in _IDENTITY_PATHS.items()},
    },
)
CHANGE = Type("update.Change", Kind.STRUCT, fields=("OldValue", "NewValue", "Setter"))
CHANGES = slice_of(CHANGE)
OBJECT_CHANGES = map_of(OBJECT, CHANGES, name="update.ObjectChanges")
FILE_CHANGES = map_of(STRING, OBJECT_CHANGES)


_IMAGE_LIST = Type("[]update.ImageRef", Kind.SLICE, elem=IMAGE)
_OBJECT_IMAGES = Type("map[update.ObjectIdentifier][]update.ImageRef", Kind.MAP, key=OBJECT, elem=_IMAGE_LIST)
_FILE_RESULT_FIELDS = ("Objects",)
_EMPTY_FILE_RESULT = Type("update.FileResult", Kind.STRUCT, fields=_FILE_RESULT_FIELDS)
FILE_RESULT = Type(
    "update.FileResult",
    Kind.STRUCT,
    fields=_FILE_RESULT_FIELDS,
    zero=Struct(_EMPTY_FILE_RESULT, (Map(_OBJECT_IMAGES, {}, is_nil=True),)),
)


class _Source:
    """Collects the values of one render, each when a template first reads it; templates cannot change them."""

    def __init__(self, data: TemplateData) -> None:
        self._data = data
        self._entries = [
            (to_valid_utf8(result.file), _identity(result.object), result.changes) for result in data.results
        ]

    def automation(self) -> Struct:
        return Struct(NAMESPACED_NAME, (to_valid_utf8(self._data.namespace), to_valid_utf8(self._data.name)))

    def values(self) -> Map:
        values = self._data.values
        return Map(
            STRING_MAP, {to_valid_utf8(k): to_valid_utf8(v) for k, v in (values or {}).items()}, is_nil=values is None
        )

    def file_changes(self) -> Map:
        files: dict[object, object] = {}
        for file, identity, changes in self._entries:
            objects = files.setdefault(file, Map(OBJECT_CHANGES, {}))
            assert isinstance(objects, Map)
            _extend(objects, identity, CHANGES, [_change(change) for change in changes])
        return Map(FILE_CHANGES, files)

    @cached_property
    def objects(self) -> Map:
        found = Map(OBJECT_CHANGES, {})
        for _, identity, changes in self._entries:
            _extend(found, identity, CHANGES, [_change(change) for change in changes])
        return found

    @cached_property
    def changes(self) -> Slice:
        found = dict.fromkeys(_change(change) for _, _, changes in self._entries for change in changes)
        return Slice(CHANGES, list(found), is_nil=not found)

    # The old model

    @cached_property
    def files(self) -> Map:
        files: dict[object, object] = {}
        for file, identity, changes in self._entries:
            images = _images(changes)
            if images:
                result = files.setdefault(file, Struct(FILE_RESULT, (Map(_OBJECT_IMAGES, {}),)))
                assert isinstance(result, Struct)
                objects = result.values[0]
                assert isinstance(objects, Map)
                _extend(objects, identity, _IMAGE_LIST, images)
        return Map(map_of(STRING, FILE_RESULT), files)

    @cached_property
    def object_images(self) -> Map:
        found = Map(_OBJECT_IMAGES, {})
        for _, identity, changes in self._entries:
            images = _images(changes)
            if images:
                _extend(found, identity, _IMAGE_LIST, images)
        return found

    @cached_property
    def images(self) -> Slice:
        found = dict.fromkeys(image for _, _, changes in self._entries for image in _images(changes))
        return Slice(_IMAGE_LIST, list(found), is_nil=not found)


def _extend(target: Map, key: Struct, kind: Type, items: Sequence[object]) -> None:
    present = target.items.get(key)
    before = present.items if isinstance(present, Slice) else []
    target.items[key] = Slice(kind, [*before, *items])


def _identity(ref: ObjectRef) -> Struct:
    type_meta = Struct(_TYPE_META, (to_valid_utf8(ref.api_version), to_valid_utf8(ref.kind)))
    name_meta = Struct(_NAME_META, (to_valid_utf8(ref.name), to_valid_utf8(ref.namespace)))
    return Struct(OBJECT, (Struct(_IDENTITY, (type_meta, name_meta)),))


def _change(change: TemplateChange) -> Struct:
    return Struct(CHANGE, (to_valid_utf8(change.old), to_valid_utf8(change.new), to_valid_utf8(change.setter)))


def _images(changes: Sequence[TemplateChange]) -> list[object]:
    return [_image_value(change) for change in changes if change.image]


def _image_value(change: TemplateChange) -> Struct:
    setter = parse_setter(to_valid_utf8(change.setter))
    policy = Struct(NAMESPACED_NAME, (setter.namespace, setter.policy))
    return image_value(to_valid_utf8(change.image), policy)


def comparisons(data: TemplateData) -> dict[object, Comparison]:
    """Return the comparison of each change that has one, by the change as a template sees it."""
    changes = (change for result in data.results for change in result.changes)
    return {_change(change): change.comparison for change in changes if change.comparison is not None}


def template_data(data: TemplateData, model: DataModel) -> Struct:
    """Return the value of `.` for a render under `model`."""
    source = _Source(data)

    def updated() -> Struct:
        methods = getters(Images=lambda _: source.images, Objects=lambda _: source.object_images)
        kind = Type("update.Result", Kind.STRUCT, fields=("Files",), methods=methods)
        return Struct(kind, (source.files,))

    def old(message: str) -> Callable[[Struct], object]:
        def get(_receiver: Struct) -> Struct:
            if model is DataModel.CURRENT:
                raise RemovedField(message)
            return updated()

        return get

    changed = Type(
        "update.Result",
        Kind.STRUCT,
        fields=("FileChanges",),
        methods=getters(
            Objects=lambda _: source.objects,
            Changes=lambda _: source.changes,
            ImageResult=old(_REMOVED_IMAGE_RESULT),
        ),
    )
    root = Type(
        "source.TemplateData",
        Kind.STRUCT,
        fields=("AutomationObject", "Changed", "Values", *data.fields),
        methods=getters(Updated=old(_REMOVED_UPDATED)),
    )
    further = map(to_valid_utf8, data.fields.values())
    return Struct(root, (source.automation(), Struct(changed, (source.file_changes(),)), source.values(), *further))
