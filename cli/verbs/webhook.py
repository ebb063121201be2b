"""`tagline webhook test`: what a recorded webhook would wake, and why not, without a cluster."""

from collections.abc import Iterator
from typing import Any, Final

from cli.grammar.flags import repeated, text, texts
from cli.grammar.session import Failed, Session
from cli.grammar.tree import Command, Group

OUTPUTS: Final = ("text", "json")
USAGE: Final = "tagline webhook test TYPE FILE"


def _test(session: Session, arguments: tuple[str, ...], **flags: Any) -> int:
    from cli.hooks import inputs, trial  # noqa: PLC0415 -- not for help
    from controllers.webhooks.authentication import check_path  # noqa: PLC0415
    from controllers.webhooks.judge import judge  # noqa: PLC0415
    from controllers.webhooks.request import Request  # noqa: PLC0415

    if flags["output"] not in OUTPUTS:
        raise Failed(f"--output must be text or json, not {flags['output']}")
    sender = inputs.sender_of(arguments, usage=USAGE)
    if len(arguments) != 2:
        raise Failed(f"one file with the body is required, - is standard input: {USAGE}")
    secret = inputs.secret_of(flags["secret_file"], flags["token_env"], session.environ)
    now = inputs.moment_of(flags["now"])
    subjects = inputs.subjects_of(flags["image"])
    settings = _settings(sender.type, secret, flags)
    headers = inputs.headers_of(flags["header"])
    request = Request(arrived=now, body=inputs.read_body(arguments[1]), headers=headers, query=flags["query"])
    verifies = bool(settings.secrets or settings.keys) or sender.authenticate is check_path
    verdict = judge(request, settings, verifies=verifies)
    tried = trial.try_out(sender, verdict, subjects, registry=settings.registry, now=now)
    _print(tried, flags["output"])
    return tried.exit_status


def _settings(type: str, secret: Any, flags: dict[str, Any]) -> Any:
    from cli.hooks import inputs  # noqa: PLC0415
    from controllers.webhooks.identity_tokens import GOOGLE  # noqa: PLC0415
    from controllers.webhooks.settings import DEFAULT_AUDIENCE, Provider, Settings, Validation  # noqa: PLC0415

    given = {key: flags[key].encode() for key in ("email", "audience") if flags[key]}
    keys, issuer = inputs.keys_of(flags["jwks"]), flags["issuer"] or GOOGLE
    validations = tuple(Validation(expression) for expression in flags["validation"])
    return Settings(
        type=type,
        secrets=({**secret, **given},) if secret or given else (),
        events=flags["event"],
        registry=flags["registry"],
        repository=flags["repository"],
        keys={issuer: keys} if keys is not None else {},
        providers=(Provider(issuer, validations, flags["audience"] or DEFAULT_AUDIENCE),) if keys is not None else (),
        filter=flags["filter"],
        image_expression=flags["image_expression"],
        tag_expression=flags["tag_expression"],
    )


def _print(tried: Any, output: str) -> None:
    from cli.hooks import trial  # noqa: PLC0415
    from cli.output import encode_json, encode_text, one_line, write_output  # noqa: PLC0415

    if output == "json":
        import json  # noqa: PLC0415

        write_output([encode_json(json.dumps(trial.as_json(tried), indent=2) + "\n")])
    else:
        write_output([encode_text(one_line(line) + "\n") for line in trial.as_lines(tried)])


def _complete_types(_: Session, arguments: tuple[str, ...]) -> Iterator[str]:
    """Yield the types of senders, each with its title."""
    from controllers.webhooks.senders.table import SENDERS  # noqa: PLC0415 -- not for the grammar

    yield from (f"{sender.type}\t{sender.title}" for sender in SENDERS if not arguments)


COMMAND = Group(
    name="webhook",
    summary="try webhooks of registries without a cluster",
    children=(
        Command(
            name="test",
            run=_test,
            summary="say what a recorded webhook would wake, and why not",
            description="Reads the body of a webhook from a file, or standard input with -, and says who sent it as "
            "far as that can be verified, which images it would wake, and its answer. Without --image it "
            "names the images of the events. Without a secret nothing is verified. Exit status 0: something would "
            "wake; 1: nothing would, or the command cannot be carried out; 2: the request is refused.",
            arguments="[type] [file]",
            complete=_complete_types,
            examples="tagline webhook test github --header 'X-GitHub-Event: package' --header 'X-Hub-Signature-256: "
            "sha256=...' --token-env WEBHOOK_TOKEN --image ghcr.io/org/app body.json\n"
            "tagline webhook test generic --image-expression 'req.repo' --tag-expression 'req.version' -\n",
            flags=(
                repeated("--header", help="a header of the request, `Name: value`; may be repeated"),
                text("--query", help="the query of the request, such as token=..."),
                text("--secret-file", help="a file with the receiver's token, or a folder with the keys of its Secret"),
                text("--token-env", help="the environment variable that holds the receiver's token"),
                texts("--image", help="images of ImageRepositories in scope; may be repeated"),
                text("--registry", help="the host of the images, where the sender names another or none"),
                text("--repository", help="the first part of the images' path, where the sender names another (jfrog)"),
                texts("--event", help="the events that count, as in spec.events"),
                text("--filter", help="CEL of generic types: whether the request counts"),
                text("--image-expression", help="CEL of generic types: the image, or a list of them"),
                text("--tag-expression", help="CEL of generic types: the tag, or a list of them"),
                text("--jwks", help="a file with the JSON Web Key Set of the tokens' issuer (gcr, generic-oidc)"),
                text("--issuer", help="the issuer of the tokens, by default Google"),
                text("--audience", help="the audience that tokens must be for"),
                text("--email", help="the e-mail address that tokens must be of (gcr)"),
                repeated("--validation", help="CEL over `claims` that must be true (generic-oidc); may be repeated"),
                text("--now", help="the time at which the request arrives, as in RFC 3339; by default the present one"),
                text("-o", "--output", default="text", values=OUTPUTS, help="text or json"),
            ),
        ),
    ),
)
