"""`tagline trigger receiver`: calls a Receiver's hook as its sender would."""

from typing import Any, Final

from cli.grammar.flags import INT, Flag, duration, text
from cli.grammar.session import Failed, Session
from cli.grammar.tree import Command, Group
from controllers.golang.duration import SECOND

_PROVIDERS: Final = ("github", "forgejo")


def _trigger(session: Session, arguments: tuple[str, ...], **flags: Any) -> None:
    from cli.hooks import sending, triggering  # noqa: PLC0415 -- not for help
    from cli.hooks.order import Order  # noqa: PLC0415

    if len(arguments) != 1:
        raise Failed("the name of one Receiver is required: tagline trigger receiver NAME")
    order = Order(name=arguments[0], **flags)
    hook, namespace = triggering.make_hook(session, order)
    if not order.url:
        from cli.output import encode_text, write_output  # noqa: PLC0415

        lines = sending.as_curl(hook, token=triggering.TOKEN_IN_CURL)
        write_output([encode_text(f"{line}\n") for line in lines])
        return
    which = f"Receiver {'/'.join(filter(None, (namespace, order.name)))}"
    session.report.action(f"triggering {which}")
    sending.send(hook, session.deadline, session.report, retries=order.retries, delay=order.retry_delay / SECOND)
    session.report.success(f"{which} triggered")


COMMAND: Final = Group(
    name="trigger",
    summary="call hooks as their senders would",
    children=(
        Command(
            name="receiver",
            run=_trigger,
            summary="call a Receiver's hook as its sender would",
            description="Sends what the sender of the Receiver's type sends when an image is pushed, signed as it "
            "signs. With the token, no cluster is needed; without it, type, path and Secret are read from the cluster. "
            "Without --url a command of curl is printed instead.",
            arguments="[name]",
            examples="tagline trigger receiver harbor --image registry.example.com/org/app --tag 1.2.3 "
            "--url https://hooks.example.com\n"
            "tagline trigger receiver ci --type generic-hmac --token-env WEBHOOK_TOKEN --payload '{\"app\": \"web\"}' "
            "--url https://hooks.example.com\n"
            "tagline trigger receiver ci --type generic-oidc --oidc-provider github --url https://hooks.example.com\n",
            flags=(
                text("--url", help="base URL under which the receiver is reached; none: print a command of curl"),
                text("--type", help="the Receiver's type (default: that in the cluster, or generic with a token)"),
                text("--token", help="the Receiver's token; others on this machine can see it: prefer --token-env"),
                text("--token-env", help="the environment variable that holds the Receiver's token"),
                text("--secret-file", help="a file with the Receiver's token, or a folder with the keys of its Secret"),
                text("--image", help="the image that was pushed, with its host; without one, a forge says that a pull "
                     "request was merged"),
                text("--tag", help="the tag that was pushed"),
                text("--digest", help="the digest that was pushed"),
                text("--payload", help="the body to send instead of a sample"),
                text("--oidc-token", help="the identity token (gcr, generic-oidc); default: that in the environment "
                     "variable FLUX_TRIGGER_RECEIVER_OIDC_TOKEN"),
                text("--oidc-provider", values=_PROVIDERS,
                     help="whom to ask for the identity token in a job of its Actions: github or forgejo"),
                text("--oidc-audience", help="the audience of the token to ask for (default: notification-controller)"),
                Flag("--retries", type=INT, default=10,
                     help="how often to try again when there is no answer, or 404, 408, 429 or 5xx"),
                duration("--retry-delay", default=10 * SECOND, help="the time between attempts"),
            ),
        ),
    ),
)  # fmt: skip
