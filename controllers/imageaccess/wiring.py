"""What processes that send requests to registries share: flags, and the parts built from them."""

from datetime import timedelta
from typing import Any

from api.imagerepository import ImageRepository
from controllers.cloudaccess.wiring import build_cloud_access
from controllers.image.reference import DOCKER_HUB
from controllers.imageaccess.errors import BadPluginConfig
from controllers.imageaccess.observer import RegistryMetrics
from controllers.imageaccess.plugins import Plugins, load_plugins
from controllers.imageaccess.reader import AccessReader
from controllers.registry.budget import CONCURRENCY
from controllers.registry.client import RegistryClient
from controllers.registry.cloud.providers import PROVIDERS
from controllers.registry.locations import PathPrefixes, parse_path_prefixes
from controllers.registry.realms import Relations, TokenService, parse_token_services
from controllers.registry.settings import RegistrySettings
from controllers.registry.tags import MAX_TAGS
from controllers.runtime.process.flags import Flag, at_least, one_of, parse_strings
from controllers.runtime.process.process import CannotStart, Process

SLOW_THRESHOLD = timedelta(seconds=1)
"""After how long a run that waits for a registry gets a stand-in for its worker; see `Controller`."""


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 <= rate < 1e6:
        raise ValueError("want a number of requests from 0 up")
    return rate


PLUGIN_CONFIG = Flag("image-credential-provider-config", "", str, "file that tells which credential plugins there are")
PLUGIN_FOLDER = Flag("image-credential-provider-bin-dir", "", str, "folder of the credential plugins' programs")
REGISTRY_CONCURRENCY = Flag(
    "registry-max-concurrent", CONCURRENCY, at_least(1), "operations at the same time on one registry"
)
REGISTRY_RATE = Flag("registry-max-rate", 0.0, _rate, "requests a second to one registry; 0: as many as it takes")
PLAIN_HTTP = Flag(
    "registry-plain-http",
    "loopback",
    one_of("loopback", "private"),
    "where plain HTTP is tried without spec.insecure: loopback, or private addresses, too, as in Flux",
)

REGISTRY_MAX_TAGS = Flag(
    "registry-max-tags",
    MAX_TAGS,
    at_least(1),
    "tags of one image, besides those its exclusionList leaves out",
)
REGISTRY_PATH_PREFIXES: Flag[PathPrefixes] = Flag(
    "registry-path-prefixes",
    (),
    lambda text: parse_path_prefixes(parse_strings(text)),
    "registries whose API is below a path: host=/path, host/repository=/path, host/*=/path/*, separated by commas",
)
REGISTRY_TOKEN_SERVICES: Flag[tuple[TokenService, ...]] = Flag(
    "registry-token-services",
    (),
    lambda text: parse_token_services(parse_strings(text)),
    "hosts of token services that get a registry's credentials, beside those known to belong to it: registry=host, "
    "separated by commas",
)

FLAGS: tuple[Flag[Any], ...] = (
    PLUGIN_CONFIG,
    PLUGIN_FOLDER,
    REGISTRY_CONCURRENCY,
    REGISTRY_RATE,
    PLAIN_HTTP,
    REGISTRY_MAX_TAGS,
    REGISTRY_PATH_PREFIXES,
    REGISTRY_TOKEN_SERVICES,
)


def registry_host(repository: ImageRepository) -> str:
    """Return which registry runs over a repository ask: enough to tell hosts apart, since it is asked often."""
    host, slash, _ = repository.spec.image.partition("/")
    return host.lower() if slash and ("." in host or ":" in host or host == "localhost") else DOCKER_HUB


def build_registry_client(process: Process) -> RegistryClient:
    """Return the process's client for registries, which has one budget for all kinds; the process closes it."""
    return process.share(_make_registry_client)


def read_registry_settings(process: Process) -> RegistrySettings:
    """Return what the command line says about registries."""
    return RegistrySettings(
        max_tags=process.options[REGISTRY_MAX_TAGS],
        destinations=process.destinations,
        relations=Relations(process.options[REGISTRY_TOKEN_SERVICES]),
        path_prefixes=process.options[REGISTRY_PATH_PREFIXES],
    )


def build_access_reader(process: Process) -> AccessReader:
    """Return the process's reader of credentials. Raises CannotStart for plugins that cannot be used."""
    return process.share(_make_access_reader)


def provide_registry_client(process: Process, client: RegistryClient) -> None:
    """Let the kinds of a process, which are still to be built, use this client; closing it is up to the caller."""
    process.provide(_make_registry_client, client)


def _make_registry_client(process: Process) -> RegistryClient:
    client = RegistryClient(
        clock=process.clock,
        user_agent=process.user_agent,
        concurrency=process.options[REGISTRY_CONCURRENCY],
        rate=process.options[REGISTRY_RATE],
        settings=read_registry_settings(process),
        observer=RegistryMetrics(process.metrics.registry),
    )
    process.add_cleanup(client.aclose)
    return client


def _make_access_reader(process: Process) -> AccessReader:
    clouds = build_cloud_access(process, PROVIDERS)
    http_as_flux = process.options[PLAIN_HTTP] == "private"
    return AccessReader(process.client, clouds=clouds, plugins=_plugins(process), http_as_flux=http_as_flux)


def _plugins(process: Process) -> Plugins | None:
    config, folder = process.options[PLUGIN_CONFIG], process.options[PLUGIN_FOLDER]
    if bool(config) != bool(folder):
        raise CannotStart(f"--{PLUGIN_CONFIG.name} and --{PLUGIN_FOLDER.name} need each other")
    if not config:
        return None
    try:
        return Plugins(load_plugins(config, folder), process.clock)
    except BadPluginConfig as error:
        raise CannotStart(str(error)) from error
