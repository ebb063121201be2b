import pytest

from controllers.template.flux.images import parse_image


@pytest.mark.parametrize(
    ("text", "registry", "repository", "identifier", "full_name"),
    [
        pytest.param(
            "nginx:1.25",
            "index.docker.io",
            "library/nginx",
            "1.25",
            "index.docker.io/library/nginx:1.25",
            id="official",
        ),
        pytest.param(
            "stefan/app:1",
            "index.docker.io",
            "stefan/app",
            "1",
            "index.docker.io/stefan/app:1",
            id="user-on-docker-hub",
        ),
        pytest.param(
            "docker.io/nginx:1",
            "index.docker.io",
            "library/nginx",
            "1",
            "index.docker.io/library/nginx:1",
            id="docker.io",
        ),
        pytest.param("ghcr.io/a/b/c:v1", "ghcr.io", "a/b/c", "v1", "ghcr.io/a/b/c:v1", id="other-registry"),
        pytest.param("host:5000/app:1", "host:5000", "app", "1", "host:5000/app:1", id="port"),
        pytest.param("host:5000/app", "host:5000", "app", "latest", "host:5000/app:latest", id="no-tag"),
        pytest.param(
            "ghcr.io/a/b:v1@sha256:ab",
            "ghcr.io",
            "a/b",
            "sha256:ab",
            "ghcr.io/a/b@sha256:ab",
            id="digest-hides-the-tag",
        ),
        pytest.param(
            "localhost/app:1",
            "index.docker.io",
            "localhost/app",
            "1",
            "index.docker.io/localhost/app:1",
            id="localhost",
        ),
    ],
)
def test_parts_of_a_reference(text: str, registry: str, repository: str, identifier: str, full_name: str) -> None:
    image = parse_image(text)
    assert (image.registry, image.repository, image.identifier, image.full_name) == (
        registry,
        repository,
        identifier,
        full_name,
    )
