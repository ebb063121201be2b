"""`create receiver`."""

from typing import Any, Final

from cli.creation import checks
from cli.creation.command import Order, Spec, create_command, reference, without_unset
from cli.creation.names import parse_labels
from cli.grammar.flags import Words, duration, repeated, switch, text, texts
from cli.grammar.session import Failed
from cli.grammar.spelling import did_you_mean
from cli.kinds.receiver import RECEIVER, describe
from controllers.golang.duration import MINUTE, format_nanoseconds

_TYPES: Final = (
    "generic", "generic-hmac", "generic-oidc", "github", "gitlab", "bitbucket", "harbor", "dockerhub", "quay", "gcr",
    "nexus", "acr", "cdevents", "ghcr", "ecr", "gitea", "forgejo", "distribution", "jfrog", "aliyun",
)  # fmt: skip
_GENERIC: Final = "generic"
_OIDC: Final = "generic-oidc"
_KINDS: Final = (
    "Bucket", "GitRepository", "Kustomization", "HelmRelease", "HelmChart", "HelmRepository", "ImageRepository",
    "ImagePolicy", "ImageUpdateAutomation", "OCIRepository", "ArtifactGenerator", "ExternalArtifact",
)  # fmt: skip
_OURS: Final = ("ImageRepository", "ImageUpdateAutomation")

_FLAGS: Final = (
    text(
        "--type",
        help="who sends",
        type=Words(("", *_TYPES), "receiver type '{value}' is not supported, must be one of: " + ", ".join(_TYPES)),
    ),
    texts("--event", help="the sender's words for events that count (default: all); may be repeated"),
    text("--secret-ref", help="Secret with the token; not of generic-oidc"),
    texts(
        "--resource",
        help="what may be woken: ImageRepository/name, or ImageRepository/namespace/name, or ImageUpdateAutomation; "
        "the name * means all of the namespace; may be repeated",
    ),
    repeated("--resource-label", help="labels, key=value[,key=value], that objects of a --resource with * must have"),
    text("--resource-filter", help="CEL over req, res and claims that must be true for an object to be woken"),
    text("--registry", help="host of the images, where the sender names another or none"),
    text("--repository", help="first part of the images' path, where the sender names another (jfrog)"),
    text("--filter", help="CEL of generic types: whether a request counts"),
    text("--image-expression", help="CEL of generic types: the image, or a list of them"),
    text("--tag-expression", help="CEL of generic types: the tag, or a list of them"),
    duration("--secret-overlap", help="how long a token is accepted after it was replaced (default: not at all)"),
    text("--oidc-issuer", help="of generic-oidc: URL of the issuer of tokens"),
    text("--oidc-audience", help="of generic-oidc: audience of the tokens (default: notification-controller)"),
    repeated("--oidc-validation", help="of generic-oidc: CEL over claims that must be true; may be repeated"),
    switch("--suspend", help="answer hooks with 503 until `resume`"),
)

_EXAMPLES: Final = """
# Harbor wakes all images of the namespace that it announces
tagline create receiver harbor --type=harbor --secret-ref=webhook-token --resource='ImageRepository/*'

# GitHub wakes an automation when its pull requests are merged, closed or pushed to
tagline create receiver forge --type=github --secret-ref=webhook-token --event=pull_request,push \\
  --resource=ImageUpdateAutomation/fleet

# a job of GitHub Actions wakes one image
tagline create receiver ci --type=generic-oidc --resource=ImageRepository/app \\
  --oidc-issuer=https://token.actions.githubusercontent.com --oidc-validation="claims.repository_owner == 'org'"
"""


def _build(order: Order) -> Spec:
    flags = order.flags
    if not flags.type:
        raise Failed("Receiver type is required")
    _check_secret(flags)
    if not flags.resource:
        raise Failed("at least one resource is required, such as --resource ImageRepository/app")
    checks.check_interval("--interval", flags.interval, order.warn)
    _check_expressions(flags)
    labels = _labels(flags.resource_label)
    resources = [_resource(order, word, labels) for word in flags.resource]
    if labels and not any("matchLabels" in resource for resource in resources):
        raise Failed("--resource-label is for a --resource with the name *")
    return without_unset(
        {
            "type": flags.type,
            "interval": format_nanoseconds(flags.interval) if flags.interval != MINUTE else "",
            "events": list(flags.event),
            "resources": resources,
            "resourceFilter": flags.resource_filter,
            "secretRef": reference(flags.secret_ref),
            "secretOverlap": _overlap(flags.secret_overlap),
            "oidcProviders": _providers(flags),
            "registry": flags.registry,
            "repository": flags.repository,
            "filter": flags.filter,
            "image": flags.image_expression,
            "tag": flags.tag_expression,
            "suspend": flags.suspend,
        }
    )


def _check_secret(flags: Any) -> None:
    if flags.type == _OIDC:
        if flags.secret_ref:
            raise Failed("--secret-ref cannot be given for generic-oidc, which has no Secret")
        if not flags.oidc_issuer or not flags.oidc_validation:
            raise Failed(
                "generic-oidc needs --oidc-issuer and --oidc-validation: a valid token alone authorizes nobody"
            )
        return
    if not flags.secret_ref:
        raise Failed("secret ref is required")
    for flag in ("oidc_issuer", "oidc_audience", "oidc_validation"):
        if getattr(flags, flag):
            raise Failed(f"--{flag.replace('_', '-')} is for --type=generic-oidc")


def _check_expressions(flags: Any) -> None:
    given = {
        "--filter": flags.filter,
        "--image-expression": flags.image_expression,
        "--tag-expression": flags.tag_expression,
    }
    for flag, expression in given.items():
        if expression and not flags.type.startswith(_GENERIC):
            raise Failed(f"{flag} is for generic types; what {flags.type} sends is understood as it is")
    given["--resource-filter"] = flags.resource_filter
    for flag, expressions in (
        *((flag, (one,)) for flag, one in given.items()),
        ("--oidc-validation", flags.oidc_validation),
    ):
        for expression in filter(None, expressions):
            _check_expression(flag, expression)


def _check_expression(flag: str, expression: str) -> None:
    from controllers.webhooks.expressions import check_expression  # noqa: PLC0415 -- loads the engine of CEL
    from controllers.webhooks.verdict import Refusal  # noqa: PLC0415

    try:
        check_expression(expression)
    except Refusal as refusal:
        raise Failed(f"{flag}: {refusal}") from None


def _labels(selectors: tuple[str, ...]) -> dict[str, str]:
    try:
        return parse_labels([pair for selector in selectors for pair in selector.split(",")])
    except Failed as error:
        raise Failed(f"--resource-label: {error}") from None


def _resource(order: Order, word: str, labels: dict[str, str]) -> Spec:
    kind, _, rest = word.partition("/")
    namespace, slash, name = rest.rpartition("/")
    if not kind or not name or (slash and not namespace) or "/" in namespace:
        raise Failed(f"invalid resource '{word}', must be in format <kind>/<name> or <kind>/<namespace>/<name>")
    if kind not in _KINDS:
        raise Failed(f"--resource '{word}': no Receiver wakes objects of the kind {kind}{did_you_mean(kind, _KINDS)}")
    if kind not in _OURS:
        order.warn(
            f"{word}: tagline's receiver wakes ImageRepositories and, with the component receiver-automations, "
            "ImageUpdateAutomations; others are for Flux's"
        )
    chosen = labels if name == "*" else {}
    return without_unset({"kind": kind, "name": name, "namespace": namespace, "matchLabels": chosen})


def _overlap(nanoseconds: int) -> str:
    if not nanoseconds:
        return ""
    checks.check_age("--secret-overlap", nanoseconds)
    return format_nanoseconds(nanoseconds)


def _providers(flags: Any) -> list[Spec]:
    if flags.type != _OIDC:
        return []
    validations = [{"expression": one, "message": f"{one} is false"} for one in flags.oidc_validation]
    provider = {"issuerURL": flags.oidc_issuer, "audience": flags.oidc_audience, "validations": validations}
    return [without_unset(provider)]


COMMAND: Final = create_command(
    RECEIVER,
    flags=_FLAGS,
    build=_build,
    describe=describe,
    examples=_EXAMPLES,
    versions=("v1",),
    description="Creates a Receiver, which registries call when something was pushed, or changes it, and waits until "
    "its hook has a path. With --export it is printed instead. What to enter at the registry is printed by `tagline "
    "receiver setup`.",
)
