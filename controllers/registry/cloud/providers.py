"""The clouds whose registries we know."""

from collections.abc import Mapping

from controllers.cloud.logins import Provider
from controllers.registry.cloud import aws, azure, gcp
from controllers.registry.dockerconfig import Credentials

PROVIDERS: Mapping[str, Provider[Credentials]] = {"aws": aws, "azure": azure, "gcp": gcp}
"""`spec.provider` → its module."""
