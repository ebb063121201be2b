"""Which hosts are registries of a cloud. Decisions only.

A cloud's credentials go to these hosts and to no other, so the patterns fit a whole name (those of Flux up to 1.2 find
theirs anywhere in it). Texts are Flux's.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from controllers.cloud.errors import LoginFailed
from controllers.net.library_errors import describe

AWS_PUBLIC = "public.ecr.aws"
AWS_PATTERN = (
    r"^[0-9]+\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(amazonaws\.com(?:\.cn)?|amazonaws\.eu|sc2s\.sgov\.gov|c2s\.ic\.gov|"
    r"cloud\.adc-e\.uk|csp\.hci\.ic\.gov|on\.aws)$"
)
GCP_PATTERN = r"^(((.+\.)?gcr\.io)|(.+-docker\.pkg\.dev)|docker\.s3nsregistry\.fr)$"
AZURE_PATTERN = r"^.+\.(azurecr\.io|azurecr\.cn|azurecr\.de|azurecr\.us)$"
AZURE_ENVIRONMENT = "AZURE_ENVIRONMENT_FILEPATH"
"""Variable that names a file about a cloud other than Azure's public ones."""


@dataclass(frozen=True, slots=True)
class AzureCloud:
    authority: str
    """Where tokens come from; "" leaves it to the SDK and its variable AZURE_AUTHORITY_HOST."""
    scope: str = "https://containerregistry.azure.net/.default"


class AzureEnvironment(msgspec.Struct, rename="camel"):
    """The part that we need of a description of a cloud, as Azure Stack writes it."""

    active_directory_endpoint: str = ""
    token_audience: str = ""
    container_registry_suffix: str = msgspec.field(name="containerRegistryDNSSuffix", default="")


AZURE_CLOUDS = {
    ".azurecr.cn": AzureCloud("https://login.chinacloudapi.cn"),
    ".azurecr.us": AzureCloud("https://login.microsoftonline.us"),
}


def aws_region(host: str) -> str:
    """Return the region of an ECR registry; us-east-1 for the public one. Raises LoginFailed for any other host."""
    if host == AWS_PUBLIC:
        return "us-east-1"
    if match := re.match(AWS_PATTERN, host):
        return match[1]
    raise LoginFailed(f"invalid AWS registry: '{host}'. must match {AWS_PATTERN}")


def azure_cloud(host: str, environ: Mapping[str, str] = os.environ) -> AzureCloud:
    """Return the cloud of an ACR registry. Raises LoginFailed for any other host. May read a file."""
    if path := environ.get(AZURE_ENVIRONMENT):
        try:
            with open(path, "rb") as file:
                environment = msgspec.json.decode(file.read(), type=AzureEnvironment)
        except (OSError, msgspec.DecodeError) as error:
            raise LoginFailed(f"the file named by {AZURE_ENVIRONMENT} cannot be read: {describe(error)}") from None
        if environment.container_registry_suffix and host.endswith(
            "." + environment.container_registry_suffix.lstrip(".")
        ):
            scope = (
                f"{environment.token_audience.rstrip('/')}/.default"
                if environment.token_audience
                else AzureCloud("").scope
            )
            return AzureCloud(environment.active_directory_endpoint.rstrip("/"), scope)
    if not re.match(AZURE_PATTERN, host):
        raise LoginFailed(f"invalid Azure registry: '{host}'. must match {AZURE_PATTERN}")
    return AZURE_CLOUDS.get(host[host.rindex(".azurecr.") :], AzureCloud(""))


def check_gcp(host: str) -> None:
    """Raise LoginFailed unless the host is a Google registry."""
    if not re.match(GCP_PATTERN, host):
        raise LoginFailed(f"invalid GCP registry: '{host}'. must match {GCP_PATTERN}")
