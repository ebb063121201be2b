"""`create image repository`."""

from typing import Final

from cli.creation import checks
from cli.creation.command import Order, Spec, create_command, reference, without_unset
from cli.creation.selectors import parse_namespaces
from cli.grammar.flags import INT, Flag, Words, duration, repeated, switch, text
from cli.grammar.session import Failed
from cli.kinds.imagerepository import REPOSITORY
from controllers.golang.duration import format_nanoseconds

_PROVIDERS: Final = ("generic", "aws", "azure", "gcp")
_ORDERS: Final = ("alphabetical", "semver", "firstSeen")
_MAX_EXCLUSIONS: Final = 25
_MAX_LATEST: Final = 100

_FLAGS: Final = (
    text("--image", help="address of the image without scheme and tag, e.g. ghcr.io/org/app"),
    text("--secret-ref", help="Secret of type kubernetes.io/dockerconfigjson with the registry's credentials"),
    text("--cert-ref", help="Secret with a CA certificate (ca.crt), a client certificate (tls.crt, tls.key), or both"),
    text("--cert-secret-ref", help="the same as --cert-ref", hidden=True),
    text("--proxy-secret-ref", help="Secret with the proxy to use: address, and optionally username and password"),
    text("--service-account", help="ServiceAccount whose pull secrets, or with --provider whose identity, are used"),
    text(
        "--provider",
        help="cloud whose identity is used to log in",
        type=Words(_PROVIDERS, "provider '{value}' is not supported, must be one of: {words}"),
        default="generic",
    ),
    switch("--insecure", help="allow plain HTTP to the registry"),
    duration("--scan-timeout", help="longest time a scan may take, up to 10m (default: the interval)"),
    repeated("--exclusion", help="regular expression of tags to leave out; may be repeated"),
    repeated(
        "--access-from",
        help="labels, key=value[,key=value], of namespaces whose policies may use the repository, * for all; "
        "may be repeated",
    ),
    Flag("--latest-tags-count", type=INT, default=0, help="how many tags the status shows, from 1 to 100 (default 10)"),
    text(
        "--latest-tags-order",
        help="which tags the status shows",
        type=Words(("", *_ORDERS), "order '{value}' is not known, must be one of: alphabetical, semver, firstSeen"),
    ),
    switch("--suspend", help="do not scan until `resume`"),
)

_EXAMPLES: Final = """
# scan a public image every five minutes
tagline create image repository app --image=ghcr.io/org/app --interval=5m

# print a repository whose registry wants a login, for every namespace of team a
tagline create image repository app --image=registry.example.com/app --secret-ref=regcred \\
  --access-from=team=a --export
"""


def _build(order: Order) -> Spec:
    flags = order.flags
    if not flags.image:
        raise Failed("an image repository (--image) is required")
    checks.check_image("--image", flags.image)
    checks.check_interval("--interval", flags.interval, order.warn)
    checks.check_timeout("--scan-timeout", flags.scan_timeout, order.warn)
    for pattern in flags.exclusion:
        checks.check_pattern("--exclusion", pattern)
    if len(flags.exclusion) > _MAX_EXCLUSIONS:
        raise Failed(f"--exclusion can be given {_MAX_EXCLUSIONS} times at most; join patterns with |")
    if flags.cert_ref and flags.cert_secret_ref:
        raise Failed("--cert-ref and --cert-secret-ref are the same; give one of them")
    return without_unset(
        {
            "image": flags.image,
            "interval": format_nanoseconds(flags.interval),
            "secretRef": reference(flags.secret_ref),
            "certSecretRef": reference(flags.cert_ref or flags.cert_secret_ref),
            "proxySecretRef": reference(flags.proxy_secret_ref),
            "serviceAccountName": flags.service_account,
            "provider": "" if flags.provider == "generic" else flags.provider,
            "insecure": flags.insecure,
            "timeout": format_nanoseconds(flags.scan_timeout) if flags.scan_timeout else "",
            "exclusionList": list(flags.exclusion),
            "accessFrom": parse_namespaces("--access-from", flags.access_from),
            "latestTags": _latest_tags(flags.latest_tags_count, flags.latest_tags_order),
            "suspend": flags.suspend,
        }
    )


def _latest_tags(count: int, order: str) -> Spec | None:
    if count and not 1 <= count <= _MAX_LATEST:
        raise Failed(f"--latest-tags-count {count} is out of range; it can be from 1 to {_MAX_LATEST}")
    return without_unset({"count": count or None, "order": order}) or None


COMMAND: Final = create_command(
    REPOSITORY,
    flags=_FLAGS,
    build=_build,
    examples=_EXAMPLES,
    versions=("v1", "v1beta2", "v1beta1"),
    description="Creates an ImageRepository, which scans the tags of an image, or changes it, and waits until it is "
    "ready. With --export it is printed instead.",
)
