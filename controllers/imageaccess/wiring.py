"""What the processes that enter registries have in common: their flags, and the parts built from them."""

from datetime import timedelta
from typing import Any

from controllers.cloudaccess.wiring import build_cloud_access
from controllers.imageaccess.errors import BadPluginConfig
from controllers.imageaccess.observer import RegistryMetrics
from controllers.imageaccess.plugins import Plugins, load_plugins
from controllers.imageaccess.reader import AccessReader
from controllers.registry.budget import CONCURRENCY
from controllers.registry.client import RegistryClient
from controllers.registry.cloud.providers import PROVIDERS
from controllers.runtime.process.flags import Flag, Options, at_least
from controllers.runtime.process.manager import CannotStart, Manager

SLOW_THRESHOLD = timedelta(seconds=1)
"""After how long a run that waits for a registry keeps others no longer from theirs; see `Controller`."""


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

FLAGS: tuple[Flag[Any], ...] = (PLUGIN_CONFIG, PLUGIN_FOLDER, REGISTRY_CONCURRENCY, REGISTRY_RATE)


def build_registry_client(manager: Manager) -> RegistryClient:
    """Return the process's client for registries; the manager closes it."""
    client = RegistryClient(
        clock=manager.clock,
        user_agent=manager.user_agent,
        concurrency=manager.options[REGISTRY_CONCURRENCY],
        rate=manager.options[REGISTRY_RATE],
        observer=RegistryMetrics(manager.metrics.registry),
    )
    manager.add_cleanup(client.aclose)
    return client


def build_access_reader(manager: Manager) -> AccessReader:
    """Return the process's reader of credentials. Raises CannotStart for plugins that cannot be used."""
    clouds = build_cloud_access(manager, PROVIDERS)
    return AccessReader(manager.client, clouds=clouds, plugins=_plugins(manager.options, manager))


def _plugins(options: Options, manager: Manager) -> Plugins | None:
    config, folder = options[PLUGIN_CONFIG], options[PLUGIN_FOLDER]
    if bool(config) != bool(folder):
        raise CannotStart(f"--{PLUGIN_CONFIG.name} and --{PLUGIN_FOLDER.name} need each other")
    if not config:
        return None
    try:
        return Plugins(load_plugins(config, folder), manager.clock)
    except BadPluginConfig as error:
        raise CannotStart(str(error)) from error
