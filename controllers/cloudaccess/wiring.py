"""How a process gets into clouds: the parts, built from its flags."""

from collections.abc import Mapping
from typing import TypeVar

from controllers.cloud.logins import CloudLogins, Provider
from controllers.cloudaccess.access import GATE, CloudAccess
from controllers.cloudaccess.observer import TokenCacheMetrics
from controllers.runtime.process import flags
from controllers.runtime.process.manager import Manager

C = TypeVar("C")


def build_cloud_access(manager: Manager, providers: Mapping[str, Provider[C]]) -> CloudAccess[C]:
    """Return the process's way into clouds; the manager closes it."""
    options = manager.options
    logins = CloudLogins(
        manager.clock,
        providers,
        max_size=options[flags.TOKEN_CACHE_MAX_SIZE],
        max_age=options[flags.TOKEN_CACHE_MAX_DURATION],
    )
    manager.add_cleanup(logins.aclose)
    manager.metrics.registry.register(TokenCacheMetrics(logins))
    return CloudAccess(
        manager.client,
        logins,
        object_level=options.gate(GATE),
        default_service_account=options[flags.DEFAULT_SERVICE_ACCOUNT],
    )
