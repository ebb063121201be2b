"""How a process logs in to clouds: the parts, built from its flags."""

from collections.abc import Mapping
from functools import partial
from typing import TypeVar

from controllers.cloud.logins import CloudLogins, Provider
from controllers.cloud.proxies import pin_proxy
from controllers.cloudaccess.access import GATE, CloudAccess
from controllers.cloudaccess.observer import TokenCacheMetrics
from controllers.runtime.process import flags
from controllers.runtime.process.process import Process

C = TypeVar("C")


def build_cloud_access(process: Process, providers: Mapping[str, Provider[C]]) -> CloudAccess[C]:
    """Return the process's access to clouds; the process closes it."""
    options = process.options
    logins = CloudLogins(
        process.clock,
        providers,
        pin_proxy=partial(pin_proxy, destinations=process.destinations),
        max_size=options[flags.TOKEN_CACHE_MAX_SIZE],
        max_age=options[flags.TOKEN_CACHE_MAX_DURATION],
    )
    process.add_cleanup(logins.aclose)
    process.share(_register_metrics).watch(logins)
    return CloudAccess(
        process.client,
        logins,
        object_level=options.is_feature_enabled(GATE),
        default_service_account=options[flags.DEFAULT_SERVICE_ACCOUNT],
        clock=process.clock,
    )


def _register_metrics(process: Process) -> TokenCacheMetrics:
    metrics = TokenCacheMetrics()
    process.metrics.registry.register(metrics)
    return metrics
