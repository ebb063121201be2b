"""`create image policy`."""

import re
from collections.abc import Callable
from typing import Any, Final

from cli.creation import checks
from cli.creation.command import Order, Spec, create_command, without_unset
from cli.creation.selectors import parse_namespaces
from cli.grammar.flags import Flag, duration, repeated, switch, text, texts
from cli.grammar.session import Failed
from cli.kinds.imagepolicy import POLICY
from controllers.golang.duration import format_nanoseconds

_ORDERS: Final = ("asc", "desc")
_DIGESTS: Final = ("Never", "IfNotPresent", "Always")
_NEWEST: Final = ("FirstSeen", "BuildDate")
_KEY_TYPES: Final = ("alphabetical", "numerical", "semver")
_PLATFORM: Final = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?")
_MAX_KEYS: Final = 8
_MAX_PLATFORMS: Final = 8
_MAX_DENIED: Final = 64
_MAX_TAG: Final = 128
_MAX_PATTERN: Final = 512


def _allow_downgrade() -> Flag:
    flag = switch("--allow-downgrade", help="--allow-downgrade=false keeps a choice rather than going below it")
    flag.default = None  # not given is neither
    return flag


_FLAGS: Final = (
    text("--image-ref", help="ImageRepository whose tags are ranked"),
    text("--image-ref-namespace", help="namespace of the ImageRepository, which must allow it in accessFrom"),
    text("--select-semver", help="take the greatest version in this range, e.g. '>=1.0.0 <2.0.0'"),
    text("--select-alpha", help="take the last tag (asc) or the first (desc) in the order of bytes"),
    text("--select-numeric", help="take the greatest number (asc) or the smallest (desc)"),
    text("--newest", help="take the tag that came last: FirstSeen by a scan, or BuildDate of the image"),
    repeated(
        "--keys",
        help="rank by several keys, TEMPLATE[:alphabetical|numerical|semver[:asc|desc]] over --filter-regex each; "
        "may be repeated, the first counts most",
    ),
    text("--filter-regex", help="regular expression that tags must match"),
    text("--filter-extract", help="what is ranked in the tag's place, e.g. $ts of (?P<ts>…) in --filter-regex"),
    text("--reflect-digest", help="when the image's digest is read: Never, IfNotPresent or Always"),
    duration("--interval", help="time between two reads of the digest; only with --reflect-digest=Always"),
    duration("--min-age", help="how long ago a scan must have found a tag first, e.g. 72h"),
    repeated("--deny", help="tag that is never chosen; may be repeated"),
    repeated("--deny-pattern", help="regular expression of tags that are never chosen; may be repeated"),
    texts("--platform", help="platform that the image must be there for, e.g. linux/arm64; may be repeated"),
    _allow_downgrade(),
    repeated(
        "--access-from",
        help="labels of namespaces whose automations may write the choice, e.g. team=a; * is all; may be repeated",
    ),
    switch("--reflect-source", help="show in the status where chosen images were built from"),
    switch("--suspend", help="do not choose until `resume`"),
)

_EXAMPLES: Final = """
# choose the latest patch release
tagline create image policy app --image-ref=app --select-semver=1.0.x

# choose the latest build of main by the time in its tag
tagline create image policy app --image-ref=app --select-numeric=asc \\
  --filter-regex='^main-[a-f0-9]+-(?P<ts>[0-9]+)' --filter-extract='$ts'
"""


def _build(order: Order) -> Spec:
    flags = order.flags
    if not flags.image_ref:
        raise Failed("the name of an ImageRepository in the namespace is required (--image-ref)")
    ranking = _ranking(flags)
    checks.check_filter(flags.filter_regex, flags.filter_extract)
    _check_digest(flags, order)
    return without_unset(
        {
            "imageRepositoryRef": without_unset({"name": flags.image_ref, "namespace": flags.image_ref_namespace}),
            "filterTags": _filter(flags),
            "digestReflectionPolicy": flags.reflect_digest,
            "interval": format_nanoseconds(flags.interval) if flags.interval else "",
            "reflectSource": flags.reflect_source,
            "accessFrom": parse_namespaces("--access-from", flags.access_from),
            "suspend": flags.suspend,
        }
    ) | {"policy": ranking | _rules(flags)}


def _filter(flags: Any) -> Spec | None:
    if not flags.filter_regex:
        return None
    pattern = {"pattern": flags.filter_regex}
    # The API server refuses policy.keys beside any extract.
    return pattern if flags.keys else pattern | {"extract": flags.filter_extract}


_RANKINGS: Final[dict[str, Callable[[Any], Spec]]] = {
    "--select-semver": lambda flags: {"semver": {"range": _range(flags.select_semver)}},
    "--select-alpha": lambda flags: {"alphabetical": {"order": _order("--select-alpha", flags.select_alpha)}},
    "--select-numeric": lambda flags: {"numerical": {"order": _order("--select-numeric", flags.select_numeric)}},
    "--newest": lambda flags: {"newest": {"by": _newest(flags)}},
    "--keys": lambda flags: {"keys": _keys(flags)},
}
"""Each way to rank tags, by its flag."""


def _ranking(flags: Any) -> Spec:
    """Return the one way to rank tags that was asked for. Raises Failed for none and for several."""
    given = [name for name in _RANKINGS if getattr(flags, name[2:].replace("-", "_"))]
    if not given:
        raise Failed("a policy must be provided with either --select-semver or --select-alpha")
    if len(given) > 1:
        known = {"--select-semver", "--select-alpha", "--select-numeric"}
        if known.issuperset(given):
            raise Failed("only one of --select-semver, --select-alpha or --select-numeric can be specified")
        raise Failed(f"only one way to rank tags can be specified: leave out all but one of {', '.join(given)}")
    return _RANKINGS[given[0]](flags)


def _range(text: str) -> str:
    checks.check_range("--select-semver", text)
    return text


def _order(flag: str, order: str) -> str:
    if order not in _ORDERS:
        raise Failed(f'{flag} must be one of ["asc", "desc"]')
    return order


def _newest(flags: Any) -> str:
    by: str = flags.newest
    if by not in _NEWEST:
        raise Failed(f"--newest '{by}' is not known; use one of: {', '.join(_NEWEST)}")
    if flags.allow_downgrade is False:
        raise Failed("--allow-downgrade=false needs a policy that ranks values; --newest ranks times")
    return by


def _keys(flags: Any) -> list[Spec]:
    if not flags.filter_regex:
        raise Failed("--keys needs --filter-regex: each key is a part of the tag that it matches")
    if flags.filter_extract:
        raise Failed("--keys and --filter-extract cannot be used together: each key says what it extracts")
    if len(flags.keys) > _MAX_KEYS:
        raise Failed(f"--keys can be given {_MAX_KEYS} times at most")
    return [_key(text, flags.filter_regex) for text in flags.keys]


def _key(text: str, pattern: str) -> Spec:
    """Return a sort key from `TEMPLATE[:type[:order]]`."""
    template, order = text, ""
    head, _, tail = template.rpartition(":")
    if head and tail in _ORDERS:
        template, order = head, tail
    head, _, tail = template.rpartition(":")
    if head and tail in _KEY_TYPES:
        template, kind = head, tail
    elif order or (head and "$" not in tail):
        raise Failed(f"--keys '{text}' must be TEMPLATE[:TYPE[:asc|desc]], TYPE one of: {', '.join(_KEY_TYPES)}")
    else:
        kind = _KEY_TYPES[0]
    if not template:
        raise Failed(f"--keys '{text}' has no template; write it as '$build:numerical'")
    checks.check_key_template("--keys", template, pattern)
    return without_unset({"extract": template, "type": kind, "order": order})


def _rules(flags: Any) -> Spec:
    """Return what a tag must fulfil besides. Raises Failed."""
    checks.check_age("--min-age", flags.min_age)
    for tag in flags.deny:
        if not 1 <= len(tag) <= _MAX_TAG:
            raise Failed(f"--deny '{tag}' is not a tag, which has 1 to {_MAX_TAG} characters")
    for pattern in flags.deny_pattern:
        if not 1 <= len(pattern) <= _MAX_PATTERN:
            raise Failed(f"--deny-pattern must have 1 to {_MAX_PATTERN} characters")
        checks.check_pattern("--deny-pattern", pattern)
    for platform in flags.platform:
        if not _PLATFORM.fullmatch(platform):
            raise Failed(f"--platform '{platform}' is not of the form os/architecture[/variant], e.g. linux/arm64")
    if len(flags.platform) > _MAX_PLATFORMS or len(set(flags.platform)) < len(flags.platform):
        raise Failed(f"--platform can name each of {_MAX_PLATFORMS} platforms at most once")
    denied = [{"tag": tag} for tag in flags.deny] + [{"pattern": pattern} for pattern in flags.deny_pattern]
    if len(denied) > _MAX_DENIED:
        raise Failed(f"--deny and --deny-pattern can be given {_MAX_DENIED} times at most; join patterns with |")
    rules = without_unset(
        {
            "minAge": format_nanoseconds(flags.min_age) if flags.min_age else "",
            "deny": denied,
            "platforms": list(flags.platform),
        }
    )
    return rules if flags.allow_downgrade is None else rules | {"allowDowngrade": flags.allow_downgrade}


def _check_digest(flags: Any, order: Order) -> None:
    if flags.reflect_digest and flags.reflect_digest not in _DIGESTS:
        words = ", ".join(f"'{word}'" for word in _DIGESTS)
        raise Failed(f"invalid value for --reflect-digest, must be one of {words}")
    if not flags.interval:
        return
    if flags.reflect_digest != "Always":
        raise Failed(
            "the --interval flag can only be used with the 'Always' digest reflection policy, "
            "use --reflect-digest=Always"
        )
    checks.check_interval("--interval", flags.interval, order.warn)


COMMAND: Final = create_command(
    POLICY,
    flags=_FLAGS,
    build=_build,
    examples=_EXAMPLES,
    versions=("v1", "v1beta2", "v1beta1"),
    description="Creates an ImagePolicy, which chooses the latest of an image's tags, or changes it, and waits until "
    "it is ready. With --export it is printed instead.",
)
