import pytest

from controllers.imageaccess.wiring import registry_host
from testing.builders import image_repository


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
