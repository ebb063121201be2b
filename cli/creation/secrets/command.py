"""From flags to the commands `create secret …`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, TypeAlias

from cli.creation.names import metadata_of, parse_labels, require_name
from cli.grammar.session import Session
from cli.grammar.tree import Command, Flags


@dataclass(frozen=True, slots=True)
class Content:
    """What a Secret holds. type: empty for the server's default. Its text is kept out of representations."""

    data: Mapping[str, str] = field(repr=False)
    type: str = ""
    ends_with_blank_line: bool = True
    """Whether the printed Secret is followed by one, as the reference does for most kinds."""


Make: TypeAlias = Callable[[Session, Any], Content]
"""Called with the session and the flags; raises Failed."""


def secret_command(
    name: str,
    *,
    flags: Flags,
    make: Make,
    summary: str,
    description: str,
    examples: str,
    takes_labels: bool = True,
    announce: Callable[[Session, Content], None] | None = None,
) -> Command:
    """Return the command that makes one kind of Secret. announce: says what a user must know when it is not printed."""

    def run(session: Session, arguments: tuple[str, ...], **values: Any) -> None:
        secret = require_name(arguments)
        labels = parse_labels(values["label"]) if takes_labels else {}
        content = make(session, SimpleNamespace(**values))
        if values["export"]:
            _print(secret_object(secret, session.exported_namespace, content, labels), content)
            return
        from cli.applying import apply_secret  # noqa: PLC0415

        if announce:
            announce(session, content)
        apply_secret(session, secret_object(secret, session.namespace, content, labels))
        session.report.action(f"{name} secret '{secret}' created in '{session.namespace}' namespace")

    return Command(
        name=name,
        run=run,
        summary=summary,
        description=description,
        examples=examples,
        arguments="[name]",
        flags=flags,
    )


def secret_object(name: str, namespace: str, content: Content, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the Secret."""
    metadata = metadata_of(name, namespace, labels)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(content.data)}
    return secret | {"type": content.type} if content.type else secret


def _print(secret: Mapping[str, Any], content: Content) -> None:
    from cli.output import write_output  # noqa: PLC0415
    from cli.yaml_text import to_documents  # noqa: PLC0415

    end = "\n" if content.ends_with_blank_line else ""
    write_output([f"{to_documents([secret])}{end}".encode()])
