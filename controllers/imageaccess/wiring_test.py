"""The flags of registry access, and command lines that cannot work."""

import json
from pathlib import Path

import pytest

from controllers.image.reference import Image
from controllers.imageaccess.wiring import (
    FLAGS,
    build_access_reader,
    build_registry_client,
    read_registry_settings,
    registry_host,
)
from controllers.net.destinations import Destinations, parse_networks
from controllers.registry.locations import Location, locate
from controllers.runtime.kube.config import ClusterConfig
from controllers.runtime.process import flags
from controllers.runtime.process.flags import BadFlag
from controllers.runtime.process.process import CannotStart, Process
from testing.builders import image_repository
from testing.clock import VirtualClock

CONFIG = "--image-credential-provider-config"
FOLDER = "--image-credential-provider-bin-dir"


def make_process(*arguments: str, **environ: str) -> Process:
    options = flags.parse(["--metrics-addr=", "--health-addr=", *arguments], flags=FLAGS)
    return Process(options, name="test", config=ClusterConfig(""), clock=VirtualClock(), environ=environ)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration with a plugin that is not a program."""
    provider = {
        "name": "login",
        "matchImages": ["ghcr.io"],
        "defaultCacheDuration": "1m",
        "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
    }
    file = tmp_path / "config.json"
    kind = {"apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig"}
    file.write_text(json.dumps(kind | {"providers": [provider]}))
    return file


async def test_defaults_need_no_flag() -> None:
    process = make_process()
    build_registry_client(process)
    build_access_reader(process)
    assert process.metrics.render().count(b"# TYPE tagline_registry_") >= 4


@pytest.mark.parametrize("arguments", [[f"{CONFIG}=x"], [f"{FOLDER}=x"]], ids=["no-folder", "no-config"])
async def test_the_flags_of_plugins_need_each_other(arguments: list[str]) -> None:
    with pytest.raises(CannotStart, match="need each other"):
        build_access_reader(make_process(*arguments))


async def test_plugins_that_cannot_be_used_stop_the_start(config: Path, tmp_path: Path) -> None:
    arguments = f"{CONFIG}={config}", f"{FOLDER}={tmp_path}"
    with pytest.raises(CannotStart, match="login is not a program"):
        build_access_reader(make_process(*arguments))
    (tmp_path / "login").write_text("#!/bin/sh\n")
    (tmp_path / "login").chmod(0o755)
    build_access_reader(make_process(*arguments))


@pytest.mark.parametrize(
    "argument",
    [
        "--registry-max-tags=0",
        "--registry-path-prefixes=a",
        "--registry-token-services=a",
        "--allowed-networks=a",
        "--denied-networks=10.0.0.1/8",
        "--registry-max-concurrent=0",
        "--registry-max-rate=-1",
        "--registry-max-rate=nan",
        "--registry-max-rate=x",
    ],
)
def test_limits_that_are_none_are_refused(argument: str) -> None:
    with pytest.raises(BadFlag):
        make_process(argument)


async def test_registries_are_settled_by_flags() -> None:
    settings = read_registry_settings(
        make_process(
            "--registry-max-tags=7",
            "--registry-path-prefixes=a.io/*=/p/*,b.io=/q",
            "--registry-token-services=a.io=login.b.io",
            "--denied-networks=10.0.0.0/8,fd00::/8",
            "--allowed-networks=10.1.0.0/16",
            KUBERNETES_SERVICE_HOST="10.96.0.1",
        )
    )
    assert settings.max_tags == 7
    assert locate(Image("a.io", "x/app"), settings.path_prefixes) == Location("a.io/p/x", "app")
    assert settings.relations.belongs("a.io", "login.b.io")
    assert settings.destinations == Destinations(
        parse_networks(["10.0.0.0/8", "fd00::/8"]), parse_networks(["10.1.0.0/16"])
    )


async def test_the_service_network_of_a_pod_is_denied_unless_flags_say_another() -> None:
    settings = read_registry_settings(make_process(KUBERNETES_SERVICE_HOST="10.96.0.1"))
    assert settings.destinations == Destinations(parse_networks(["10.96.0.0/12"]))


def test_default_service_accounts_need_the_gate() -> None:
    with pytest.raises(BadFlag, match="cannot set default service accounts when the feature gate"):
        make_process("--default-service-account=tenant", "--feature-gates=ObjectLevelWorkloadIdentity=false")
    make_process("--default-service-account=tenant")


@pytest.mark.parametrize(
    ("image", "host"),
    [
        pytest.param("ghcr.io/org/app", "ghcr.io", id="host"),
        pytest.param("127.0.0.1:5000/app", "127.0.0.1:5000", id="port"),
        pytest.param("GHCR.io/org/app", "ghcr.io", id="case"),
        pytest.param("localhost/app", "localhost", id="localhost"),
        pytest.param("org/app", "index.docker.io", id="docker-hub"),
        pytest.param("alpine", "index.docker.io", id="official"),
        pytest.param("https://[::1/", "https:", id="no-image"),
    ],
)
def test_hosts_are_told_apart(image: str, host: str) -> None:
    assert registry_host(image_repository(image=image)) == host
