"""From a kind and its flags to the command `create <group> <word>`."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final, TypeAlias

from cli.creation.names import metadata_of, parse_labels, require_name
from cli.grammar.flags import text
from cli.grammar.session import Failed, Session
from cli.grammar.tree import Command, Flags
from cli.kinds.kind import CliKind, Object

Spec: TypeAlias = dict[str, Any]
Build: TypeAlias = Callable[["Order"], Spec]
"""Returns the spec; raises Failed for flags that can never work together."""

_API_VERSION: Final = "--api-version"


class Order:
    """What `create` is asked for."""

    def __init__(self, session: Session, *, name: str, namespace: str, version: str, flags: dict[str, Any]) -> None:
        self.session = session
        self.name = name
        self.namespace = namespace
        self.version = version
        """Of the API, `v1`."""
        self.flags = SimpleNamespace(**flags)
        """The value of each flag, by its name with underscores."""
        self.is_exported: bool = flags["export"]

    def warn(self, text: str) -> None:
        """Say what to know about an order that is carried out all the same."""
        self.session.report.warning(text)


Prepare: TypeAlias = Callable[[Order, Spec], None]
"""Done before the object is applied; may complete its spec."""


def create_command(
    kind: CliKind,
    *,
    flags: Flags,
    build: Build,
    examples: str,
    versions: tuple[str, ...],
    description: str,
    prepare: Prepare | None = None,
    describe: Callable[[Object], str] | None = None,
) -> Command:
    """Return the command that makes objects of a kind.

    versions: of the API that are served, the default first. describe: returns a last line about a ready object.
    """
    version_flag = text(_API_VERSION, help=f"version of the API for the object: {', '.join(versions)}")

    def run(session: Session, arguments: tuple[str, ...], **values: Any) -> None:
        name = require_name(arguments)
        version = _version(values.pop("api_version"), kind, versions)
        namespace = session.exported_namespace if values["export"] else session.namespace
        order = Order(session, name=name, namespace=namespace, version=version, flags=values)
        spec = build(order)
        obj = _object(kind, order, spec)
        if order.is_exported:
            from cli.output import write_output  # noqa: PLC0415
            from cli.yaml_text import to_documents  # noqa: PLC0415

            write_output([to_documents([obj]).encode()])
            return
        from cli.applying import apply_and_wait  # noqa: PLC0415

        apply_and_wait(
            session, kind, obj, prepare=(lambda: prepare(order, spec)) if prepare else None, describe=describe
        )

    return Command(
        name=kind.word,
        run=run,
        summary=kind.creation.summary,
        description=description,
        examples=examples,
        arguments="[name]",
        flags=(*flags, version_flag),
    )


def reference(name: str) -> dict[str, str] | None:
    """Return a reference to an object, None where no name was given."""
    return {"name": name} if name else None


def without_unset(spec: Spec) -> Spec:
    """Return a spec without the fields that nobody set."""
    return {key: value for key, value in spec.items() if value not in (None, "", False, [], {}, ())}


def _object(kind: CliKind, order: Order, spec: Spec) -> dict[str, Any]:
    metadata = metadata_of(order.name, order.namespace, parse_labels(order.flags.label))
    return {
        "apiVersion": f"{kind.resource.group}/{order.version}",
        "kind": kind.kind,
        "metadata": metadata,
        "spec": spec,
    }


def _version(text: str, kind: CliKind, versions: tuple[str, ...]) -> str:
    """Return the version that was asked for, with or without the group. Raises Failed."""
    version = text.removeprefix(f"{kind.resource.group}/") or versions[0]
    if version not in versions:
        raise Failed(f"{_API_VERSION} '{text}' is not served for {kind.kind}; use one of: {', '.join(versions)}")
    return version
