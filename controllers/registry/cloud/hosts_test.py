"""Which hosts get a cloud's credentials, and the text for all others."""

from pathlib import Path

import pytest

from controllers.cloud.errors import LoginFailed
from controllers.registry.cloud.hosts import (
    AWS_PATTERN,
    AZURE_PATTERN,
    GCP_PATTERN,
    AzureCloud,
    aws_region,
    azure_cloud,
    check_gcp,
)

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
PUBLIC_SCOPE = "https://containerregistry.azure.net/.default"


@pytest.mark.parametrize(
    ("host", "region"),
    [
        pytest.param(ECR, "eu-west-1", id="private"),
        pytest.param("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1", id="fips"),
        pytest.param("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", id="china"),
        pytest.param("123456789012.dkr-ecr.eu-central-1.on.aws", "eu-central-1", id="dual-stack"),
        pytest.param("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", id="sovereign"),
        pytest.param("public.ecr.aws", "us-east-1", id="public"),
    ],
)
def test_ecr_hosts_name_their_region(host: str, region: str) -> None:
    assert aws_region(host) == region


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("ghcr.io", id="another-registry"),
        pytest.param(f"{ECR}.evil.example", id="looks-like-one-at-its-start"),
        pytest.param(f"evil.{ECR}", id="looks-like-one-at-its-end"),
        pytest.param(f"{ECR}:8443", id="with-a-port"),
    ],
)
def test_no_other_host_is_ecr(host: str) -> None:
    with pytest.raises(LoginFailed) as error:
        aws_region(host)
    assert str(error.value) == f"invalid AWS registry: '{host}'. must match {AWS_PATTERN}"


@pytest.mark.parametrize(
    ("host", "cloud"),
    [
        pytest.param("acme.azurecr.io", AzureCloud("", PUBLIC_SCOPE), id="public"),
        pytest.param("acme.azurecr.cn", AzureCloud("https://login.chinacloudapi.cn", PUBLIC_SCOPE), id="china"),
        pytest.param("acme.azurecr.us", AzureCloud("https://login.microsoftonline.us", PUBLIC_SCOPE), id="government"),
    ],
)
def test_acr_hosts_name_their_cloud(host: str, cloud: AzureCloud) -> None:
    assert azure_cloud(host, {}) == cloud


def test_a_file_may_describe_another_azure_cloud(tmp_path: Path) -> None:
    (tmp_path / "cloud.json").write_text(
        '{"activeDirectoryEndpoint": "https://login.stack.example/", "tokenAudience": "https://arm.stack.example/",'
        ' "containerRegistryDNSSuffix": "azurecr.stack.example", "name": "Stack"}'
    )
    environ = {"AZURE_ENVIRONMENT_FILEPATH": str(tmp_path / "cloud.json")}
    stack = AzureCloud("https://login.stack.example", "https://arm.stack.example/.default")
    assert azure_cloud("acme.azurecr.stack.example", environ) == stack
    assert azure_cloud("acme.azurecr.io", environ) == AzureCloud("", PUBLIC_SCOPE)
    with pytest.raises(LoginFailed, match=r"invalid Azure registry: 'evilazurecr.stack.example'"):
        azure_cloud("evilazurecr.stack.example", environ)


@pytest.mark.parametrize("host", ["azurecr.io", "acme.azurecr.io.evil.example", "acme.azurecr.io:443", "gcr.io"])
def test_no_other_host_is_acr(host: str) -> None:
    with pytest.raises(LoginFailed) as error:
        azure_cloud(host, {})
    assert str(error.value) == f"invalid Azure registry: '{host}'. must match {AZURE_PATTERN}"


@pytest.mark.parametrize("host", ["gcr.io", "eu.gcr.io", "europe-west1-docker.pkg.dev", "docker.s3nsregistry.fr"])
def test_google_hosts(host: str) -> None:
    check_gcp(host)


@pytest.mark.parametrize("host", ["evilgcr.io", "gcr.io.evil.example", "pkg.dev", "ghcr.io", "x-docker.pkg.dev:1"])
def test_no_other_host_is_of_google(host: str) -> None:
    with pytest.raises(LoginFailed) as error:
        check_gcp(host)
    assert str(error.value) == f"invalid GCP registry: '{host}'. must match {GCP_PATTERN}"
