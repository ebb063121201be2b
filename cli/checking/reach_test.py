"""Whether registries and Git hosts of objects can be reached."""

import socket
from collections.abc import Iterator
from io import StringIO
from typing import cast

import pytest

from api.names import GIT_REPOSITORIES, IMAGE_REPOSITORIES
from cli.checking import reach
from cli.checking.reach import Endpoint
from cli.grammar.session import Reporter
from cli.kube.client import Cluster
from testing.cluster import FakeCluster


@pytest.fixture
def listening() -> Iterator[int]:
    """Yield a port that is open."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def cluster_with(image: str, url: str, **spec: object) -> FakeCluster:
    cluster = FakeCluster()
    metadata = {"name": "app", "namespace": "default"}
    cluster.put(IMAGE_REPOSITORIES, {"metadata": metadata, "spec": {"image": image, **spec}})
    cluster.put(GIT_REPOSITORIES, {"metadata": dict(metadata), "spec": {"url": url}})
    return cluster


@pytest.mark.parametrize(
    ("image", "url", "endpoints"),
    [
        pytest.param(
            "ghcr.io/org/app",
            "https://github.com/org/app",
            [("https", "ghcr.io", 443), ("https", "github.com", 443)],
            id="defaults",
        ),
        pytest.param(
            "alpine",
            "ssh://git@git.test:2222/a",
            [("https", "index.docker.io", 443), ("ssh", "git.test", 2222)],
            id="hub",
        ),
        pytest.param(
            "localhost:5000/app",
            "ssh://git@git.test/a",
            [("http", "localhost", 5000), ("ssh", "git.test", 22)],
            id="local",
        ),
        pytest.param("https://ghcr.io/org/app", "ftp://git.test/a", [], id="what-is-refused-anyway"),
        pytest.param("ghcr.io/org/app:v1", "https://git.test:port/a", [], id="bad-tag-and-port"),
    ],
)
def test_endpoints_are_those_that_controllers_connect_to(
    image: str, url: str, endpoints: list[tuple[str, str, int]]
) -> None:
    cluster = cast("Cluster", cluster_with(image, url))
    found = [endpoint[:3] for endpoint, _ in (*reach.of_images(cluster), *reach.of_sources(cluster))]
    assert found == endpoints


def test_what_does_not_answer_is_named_with_who_needs_it(listening: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        closed = closing.getsockname()[1]
    cluster, said = cluster_with(f"127.0.0.1:{listening}/app", f"http://127.0.0.1:{closed}/app"), StringIO()
    assert not reach.check(cast("Cluster", cluster), Reporter(said))
    assert f"✔ 127.0.0.1:{listening}: reachable\n" in said.getvalue()
    refused = [line for line in said.getvalue().splitlines() if line.startswith("✗")]
    assert len(refused) == 1
    assert f"127.0.0.1:{closed}: " in refused[0]
    assert refused[0].endswith("named by GitRepository/default/app")
    assert "refused" in refused[0]


def test_a_server_that_speaks_no_tls_is_told_from_one_that_does(
    listening: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.checking.reach.CONNECT_SECONDS", 0.1)
    assert reach.probe(Endpoint("https", "127.0.0.1", listening, False))
    assert reach.probe(Endpoint("ssh", "127.0.0.1", listening, False)) == ""


def test_a_name_that_cannot_be_looked_up_is_a_finding() -> None:
    assert reach.probe(Endpoint("https", f"{'a' * 64}.invalid", 443, False))
