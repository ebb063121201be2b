"""`tagline receiver setup`: what to enter at a sender of webhooks, so that a Receiver hears of its pushes."""

from collections.abc import Iterator
from typing import Any, Final

from cli.grammar.flags import text
from cli.grammar.session import Failed, Session
from cli.grammar.tree import Command, Group

OUTPUTS: Final = ("text", "json")
USAGE: Final = "tagline receiver setup TYPE"


def _setup(session: Session, arguments: tuple[str, ...], **flags: Any) -> None:
    from cli.hooks import inputs, instructions  # noqa: PLC0415 -- not for help
    from cli.output import encode_json, encode_text, one_line, write_output  # noqa: PLC0415

    output = flags["output"]
    if output not in OUTPUTS:
        raise Failed(f"--output must be text or json, not {output}")
    sender = inputs.sender_of(arguments, usage=USAGE)
    if len(arguments) > 1:
        raise Failed(f"one type is enough: {USAGE}")
    secret = inputs.secret_of(flags["secret_file"], flags["token_env"], session.environ)
    token = (secret.get("token") or None) if sender.needs_secret else b""
    namespace = session.exported_namespace if flags["name"] and token is not None else ""
    url = instructions.hook_url(flags["host"], token=token, name=flags["name"], namespace=namespace)
    if output == "json":
        import json  # noqa: PLC0415

        write_output([encode_json(json.dumps(instructions.as_json(sender, url), indent=2) + "\n")])
    else:
        write_output([encode_text(one_line(line) + "\n") for line in instructions.as_lines(sender, url)])


def _complete_types(_: Session, arguments: tuple[str, ...]) -> Iterator[str]:
    """Yield the types of senders, each with its title."""
    from controllers.webhooks.senders.table import SENDERS  # noqa: PLC0415 -- not for the grammar

    yield from (f"{sender.type}\t{sender.title}" for sender in SENDERS if not arguments)


COMMAND = Group(
    name="receiver",
    summary="set up senders of webhooks",
    children=(
        Command(
            name="setup",
            run=_setup,
            summary="print what to enter at the sender of a type",
            description="Prints where and what to enter: URL, secret and events, and what is verified. The "
            "path of the URL is computed where the Receiver's name and its token are given; it is a secret, too.",
            arguments="[type]",
            complete=_complete_types,
            examples="tagline receiver setup harbor --host hooks.example.com\n"
            "tagline receiver setup github --host hooks.example.com --name apps --token-env WEBHOOK_TOKEN\n",
            flags=(
                text("--host", default="HOST", help="the host under which the receiver is reached from outside"),
                text("--name", help="the Receiver's name, for the path"),
                text("--secret-file", help="a file with the receiver's token, or a folder with the keys of its Secret"),
                text("--token-env", help="the environment variable that holds the receiver's token"),
                text("-o", "--output", default="text", values=OUTPUTS, help="text or json"),
            ),
        ),
    ),
)
