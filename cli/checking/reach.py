"""Whether this machine reaches the registries and Git hosts that objects of the cluster name."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from api.names import GIT_REPOSITORIES, IMAGE_REPOSITORIES
from cli.grammar.session import Reporter

if TYPE_CHECKING:
    from cli.kube.client import Cluster

CONNECT_SECONDS: Final = 5.0
MAX_THREADS: Final = 16
_DEFAULT_PORTS: Final = {"https": 443, "http": 80, "ssh": 22}


class Endpoint(NamedTuple):
    """One place that controllers connect to."""

    scheme: str
    host: str
    port: int
    has_own_authority: bool
    """True: an object brings certificates, which are not looked at here."""

    def __str__(self) -> str:
        """Return `host:port`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def check(cluster: "Cluster", report: Reporter) -> bool:
    """Connect to each endpoint once, and say which answer. Raises ApiError."""
    users: dict[Endpoint, list[str]] = {}
    for endpoint, user in (*of_images(cluster), *of_sources(cluster)):
        users.setdefault(endpoint, []).append(user)
    with ThreadPoolExecutor(MAX_THREADS) as threads:
        answers = dict(zip(users, threads.map(probe, users), strict=True))
    for endpoint, problem in sorted(answers.items()):
        if problem:
            named = users[endpoint]
            more = f" and {len(named) - 1} more" if len(named) > 1 else ""
            report.failure(f"{endpoint}: {problem}; named by {named[0]}{more}")
        else:
            report.success(f"{endpoint}: reachable")
    return not any(answers.values())


def probe(endpoint: Endpoint) -> str:
    """Connect, and speak TLS where that is spoken; return what is wrong, empty for nothing."""
    from controllers.net.library_errors import describe  # noqa: PLC0415

    try:
        with socket.create_connection((endpoint.host, endpoint.port), timeout=CONNECT_SECONDS) as plain:
            if endpoint.scheme == "https":
                context = ssl.create_default_context()
                if endpoint.has_own_authority:
                    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                with context.wrap_socket(plain, server_hostname=endpoint.host):
                    pass
    except (OSError, UnicodeError) as error:
        return describe(error)
    return ""


def of_images(cluster: "Cluster") -> Iterator[tuple[Endpoint, str]]:
    """Yield the registry of each ImageRepository, and the object's name."""
    from controllers.image.reference import BadReference, allows_http, parse_image  # noqa: PLC0415

    for obj in _list(cluster, IMAGE_REPOSITORIES):
        spec = obj.get("spec") or {}
        try:
            image = parse_image(spec.get("image", ""))
        except BadReference:
            continue  # its status says so
        scheme = "http" if allows_http(image, bool(spec.get("insecure"))) else "https"
        yield _endpoint(f"{scheme}://{image.registry}", spec), _name(obj)


def of_sources(cluster: "Cluster") -> Iterator[tuple[Endpoint, str]]:
    """Yield the host of each GitRepository, and the object's name."""
    for obj in _list(cluster, GIT_REPOSITORIES):
        spec = obj.get("spec") or {}
        try:
            yield _endpoint(str(spec.get("url", "")), spec), _name(obj)
        except (ValueError, KeyError):
            continue  # its status says so


def _endpoint(url: str, spec: Mapping[str, Any]) -> Endpoint:
    parts = urlsplit(url)
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    if not parts.hostname:
        raise ValueError(url)
    return Endpoint(parts.scheme, parts.hostname, port, bool(spec.get("certSecretRef") or spec.get("secretRef")))


def _name(obj: Mapping[str, Any]) -> str:
    return f"{obj['kind']}/{obj['metadata']['namespace']}/{obj['metadata']['name']}"


def _list(cluster: "Cluster", kind: Any) -> Iterator[Mapping[str, Any]]:
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

    try:
        yield from cluster.list(kind)
    except NotFound:
        return
