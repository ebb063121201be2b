"""Flux's command line: the same flags with the same names, defaults and forms.

Go's forms are accepted: one or two dashes, `--flag=value` or `--flag value`, `--switch` and `--switch=false`.
A flag is a value of its own, so `options[CONCURRENT]` is an int without casts, and a kind adds flags by naming them.
Flags whose subject does not exist here (client-side rate limits, a local tag database) are accepted, so that
manifests written for Flux start, and a warning says that they do nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, Generic, TypeVar, cast
from urllib.parse import urlsplit

from controllers.golang.duration import format_duration, parse_duration
from controllers.net.destinations import Network, parse_networks
from controllers.runtime.process.httpserver import parse_address

V = TypeVar("V")


class BadFlag(Exception):
    """The command line cannot be used; the text says what to change."""


@dataclass(frozen=True, slots=True)
class Flag(Generic[V]):
    """One flag. `parse` turns its text into a value or raises ValueError."""

    name: str
    default: V
    parse: Callable[[str], V]
    help: str
    no_effect: bool = False
    """Accepted for compatibility; setting it gives a warning."""


def parse_bool(text: str) -> bool:
    """Parse a truth value as Go's ParseBool does."""
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise ValueError("want true or false")


def at_least(minimum: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from `minimum` up."""

    def parse(text: str) -> int:
        number = int(text)
        if number < minimum:
            raise ValueError(f"want at least {minimum}")
        return number

    return parse


def positive_duration(text: str) -> timedelta:
    """Return a duration that is longer than nothing. Raises ValueError."""
    duration = parse_duration(text)
    if duration <= timedelta():
        raise ValueError("want more than 0s")
    return duration


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser of a word from a list."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"want one of {', '.join(choices)}")
        return text

    return parse


def parse_strings(text: str) -> tuple[str, ...]:
    """Parse comma-separated texts; drop empty ones."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _networks(text: str) -> tuple[Network, ...]:
    return parse_networks(parse_strings(text))


def parse_feature_gates(text: str) -> Mapping[str, bool]:
    """Parse `Name=true,Other=false`."""
    parsed = {}
    for part in parse_strings(text):
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"missing bool value for {name!r}, want {name}=true")
        parsed[name] = parse_bool(value)
    return parsed


def _jitter(text: str) -> int:
    percentage = at_least(0)(text)
    if percentage >= 100:
        raise ValueError("want less than 100")
    return percentage


def _otlp_endpoint(text: str) -> str:
    """Return the URL of a collector: scheme, host and perhaps port and path, and nothing that could be a secret."""
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "@" in parts.netloc):
        raise ValueError("want http://host:port or https://host:port, without credentials")
    return text


def _loopback(text: str) -> str:
    """Return an address of this machine's loopback interface."""
    if text:
        host, _ = parse_address(text)
        if host is None or not _is_loopback(host):
            raise ValueError("want a loopback address such as 127.0.0.1:6060")
    return text


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


METRICS_ADDR = Flag("metrics-addr", ":8080", str, "address of the metrics endpoint; empty: none")
HEALTH_ADDR = Flag("health-addr", ":9440", str, "address of the probes; empty: none")
EVENTS_ADDR = Flag("events-addr", "", str, "URL of the events receiver")
CONCURRENT = Flag("concurrent", 4, at_least(1), "objects reconciled at the same time")
WATCH_ALL_NAMESPACES = Flag(
    "watch-all-namespaces", True, parse_bool, "false: only the namespace in the variable RUNTIME_NAMESPACE"
)
WATCH_LABEL_SELECTOR = Flag("watch-label-selector", "", str, "only objects with these labels")
NO_CROSS_NAMESPACE_REFS = Flag("no-cross-namespace-refs", False, parse_bool, "refuse references to other namespaces")
LOG_ENCODING = Flag("log-encoding", "json", one_of("json", "console"), "form of log lines: json or console")
LOG_LEVEL = Flag("log-level", "info", one_of("trace", "debug", "info", "error"), "trace, debug, info or error")
OTLP_ENDPOINT = Flag(
    "otlp-endpoint", "", _otlp_endpoint, "URL of a collector that takes traces as OTLP over HTTP; empty: none"
)
DEBUG_ADDR = Flag("debug-addr", "", _loopback, "address of the debug pages, on loopback; empty: none")
ENABLE_LEADER_ELECTION = Flag("enable-leader-election", False, parse_bool, "let one of several replicas act")
RELEASE_ON_CANCEL = Flag("leader-election-release-on-cancel", True, parse_bool, "hand leadership over at shutdown")
LEASE_DURATION = Flag(
    "leader-election-lease-duration", timedelta(seconds=35), parse_duration, "how long others wait for a silent leader"
)
RENEW_DEADLINE = Flag(
    "leader-election-renew-deadline", timedelta(seconds=30), parse_duration, "how long a leader tries to renew"
)
RETRY_PERIOD = Flag("leader-election-retry-period", timedelta(seconds=5), parse_duration, "time between two tries")
MIN_RETRY_DELAY = Flag("min-retry-delay", timedelta(milliseconds=750), parse_duration, "wait after a first failure")
MAX_RETRY_DELAY = Flag("max-retry-delay", timedelta(minutes=15), parse_duration, "longest wait after failures")
GRACE_PERIOD = Flag("grace-period", timedelta(seconds=8), parse_duration, "how long runs may finish at shutdown")
FEATURE_GATES: Flag[Mapping[str, bool]] = Flag(
    "feature-gates", {}, parse_feature_gates, "features to switch: Name=true,Other=false"
)
TOKEN_CACHE_MAX_SIZE = Flag("token-cache-max-size", 100, at_least(0), "cloud credentials kept; 0: none")
TOKEN_CACHE_MAX_DURATION = Flag(
    "token-cache-max-duration", timedelta(hours=1), parse_duration, "longest time cloud credentials are kept"
)
DEFAULT_SERVICE_ACCOUNT = Flag("default-service-account", "", str, "identity of objects that name none")
INTERVAL_JITTER = Flag("interval-jitter-percentage", 0, _jitter, "spread of intervals, in percent")
REQUEUE_DEPENDENCY = Flag(
    "requeue-dependency", timedelta(seconds=30), positive_duration, "wait for a dependency that is not ready"
)
DENIED_NETWORKS: Flag[tuple[Network, ...]] = Flag(
    "denied-networks",
    (),
    _networks,
    "networks (CIDR) that no URL of a tenant or a server may lead to, besides this machine and link-local addresses; "
    "empty: the cluster's service network, as far as KUBERNETES_SERVICE_HOST tells it",
)
ALLOWED_NETWORKS: Flag[tuple[Network, ...]] = Flag(
    "allowed-networks", (), _networks, "networks (CIDR) that URLs may lead to all the same; all: everywhere"
)

COMMON_FLAGS: tuple[Flag[Any], ...] = (
    METRICS_ADDR,
    HEALTH_ADDR,
    EVENTS_ADDR,
    CONCURRENT,
    WATCH_ALL_NAMESPACES,
    WATCH_LABEL_SELECTOR,
    NO_CROSS_NAMESPACE_REFS,
    LOG_ENCODING,
    LOG_LEVEL,
    OTLP_ENDPOINT,
    DEBUG_ADDR,
    ENABLE_LEADER_ELECTION,
    RELEASE_ON_CANCEL,
    LEASE_DURATION,
    RENEW_DEADLINE,
    RETRY_PERIOD,
    MIN_RETRY_DELAY,
    MAX_RETRY_DELAY,
    GRACE_PERIOD,
    FEATURE_GATES,
    TOKEN_CACHE_MAX_SIZE,
    TOKEN_CACHE_MAX_DURATION,
    DEFAULT_SERVICE_ACCOUNT,
    INTERVAL_JITTER,
    REQUEUE_DEPENDENCY,
    DENIED_NETWORKS,
    ALLOWED_NETWORKS,
    Flag("kube-api-qps", 50.0, float, "the API server limits requests itself", no_effect=True),
    Flag("kube-api-burst", 300, int, "the API server limits requests itself", no_effect=True),
    Flag("watch-configs-label-selector", "", str, "ConfigMaps and Secrets are not watched", no_effect=True),
    Flag("storage-path", "", str, "nothing is stored on disk", no_effect=True),
    Flag("storage-adv-addr", "", str, "nothing is served from disk", no_effect=True),
    Flag("storage-value-log-file-size", 0, int, "nothing is stored on disk", no_effect=True),
    Flag("storage-compression-threshold", 0, int, "tag lists are always compressed", no_effect=True),
    Flag("gc-interval", 0, int, "nothing is stored on disk", no_effect=True),
    Flag("aws-autologin-for-ecr", False, parse_bool, "use spec.provider", no_effect=True),
    Flag("azure-autologin-for-acr", False, parse_bool, "use spec.provider", no_effect=True),
    Flag("gcp-autologin-for-gcr", False, parse_bool, "use spec.provider", no_effect=True),
)
COMMON_FEATURE_GATES: Mapping[str, bool] = {
    "CacheSecretsAndConfigMaps": False,
    # Flux 2.10 has no such gate any more; ours can still be switched off. The right to have tokens issued decides.
    "ObjectLevelWorkloadIdentity": True,
}


class Options:
    """A parsed command line: `options[FLAG]` is a flag's value, `options.is_feature_enabled(name)` a feature gate's."""

    def __init__(
        self, values: Mapping[str, object], *, feature_gates: Mapping[str, bool], warnings: Sequence[str] = ()
    ) -> None:
        self._values = values
        self._feature_gates = feature_gates
        self.warnings = tuple(warnings)
        """Flags that were set and do nothing; logged once logging works."""

    def __getitem__(self, flag: Flag[V]) -> V:
        return cast(V, self._values.get(flag.name, flag.default))

    def is_feature_enabled(self, name: str) -> bool:
        """Return whether the feature is on; KeyError for one that this process does not have."""
        return self._feature_gates[name]


def parse(
    argv: Iterable[str], *, flags: Sequence[Flag[Any]] = (), feature_gates: Mapping[str, bool] | None = None
) -> Options:
    """Parse a command line of the common flags and those of the kind.

    feature_gates: those of the kind and their defaults, besides the common ones
    Raises BadFlag.
    """
    by_name = {flag.name: flag for flag in (*COMMON_FLAGS, *flags)}
    values: dict[str, object] = {}
    rest = list(argv)[::-1]
    while rest:
        argument = rest.pop()
        if argument in ("-", "--") or not argument.startswith("-"):
            raise BadFlag(f"unexpected argument {argument!r}: everything is a flag here, see --help")
        name, equals, text = argument.lstrip("-").partition("=")
        flag = by_name.get(name)
        if flag is None:
            raise BadFlag(f"unknown flag: --{name}, see --help")
        if not equals and isinstance(flag.default, bool):
            text = "true"
        elif not equals:
            if not rest:
                raise BadFlag(f"flag needs an argument: --{name}")
            text = rest.pop()
        try:
            values[name] = flag.parse(text)
        except ValueError as error:
            raise BadFlag(f"invalid value {text!r} for flag --{name}: {error}") from error
    return _validate(values, {**COMMON_FEATURE_GATES, **(feature_gates or {})}, by_name)


def _validate(values: dict[str, object], feature_gates: dict[str, bool], by_name: Mapping[str, Flag[Any]]) -> Options:
    """Apply the rules that concern several flags."""
    options = Options(values, feature_gates=feature_gates, warnings=[f for f in values if by_name[f].no_effect])
    for name, on in options[FEATURE_GATES].items():
        if name not in feature_gates:
            raise BadFlag(f"feature-gate '{name}' not supported")
        feature_gates[name] = on
    if options[DEFAULT_SERVICE_ACCOUNT] and not options.is_feature_enabled("ObjectLevelWorkloadIdentity"):
        raise BadFlag(
            "cannot set default service accounts when the feature gate ObjectLevelWorkloadIdentity is switched off"
        )
    if options[MIN_RETRY_DELAY] > options[MAX_RETRY_DELAY]:
        raise BadFlag("--min-retry-delay is longer than --max-retry-delay")
    return options


def format_usage(program: str, *, flags: Sequence[Flag[Any]] = ()) -> str:
    """Return the help text."""
    lines = [f"Usage: {program} [--flag=value ...]", ""]
    for flag in sorted((*COMMON_FLAGS, *flags), key=lambda flag: flag.name):
        default = format_duration(flag.default) if isinstance(flag.default, timedelta) else flag.default
        default_note = "" if default in ("", {}, ()) else f" (default {str(default).lower()})"
        note = "no effect: " if flag.no_effect else ""
        lines.append(f"  --{flag.name}\n      {note}{flag.help}{'' if flag.no_effect else default_note}")
    return "\n".join(lines) + "\n"
