"""The usual objects of a test, with only what the test is about spelled out."""

from typing import Any

from e2e.cluster import Space
from hack.githost import Repository

AUTHOR = {"name": "Image Bot", "email": "bot@example.com"}


def image_repository(space: Space, name: str, image: str, **spec: Any) -> None:
    """Apply an ImageRepository that is scanned once an hour unless the test says otherwise.

    The registries at addresses have no TLS. On loopback plain HTTP is tried anyway; elsewhere users have to ask for it.
    """
    plain = {"insecure": True} if image[0].isdigit() and not image.startswith("127.") else {}
    space.apply("ImageRepository", name, {"image": image, "interval": "1h", **plain, **spec})


def semver_policy(space: Space, name: str, range_: str = ">=1.0.0", *, repository: str = "", **spec: Any) -> None:
    """Apply an ImagePolicy by semver range on the ImageRepository of the same name."""
    reference = {"name": repository or name}
    space.apply("ImagePolicy", name, {"imageRepositoryRef": reference, "policy": {"semver": {"range": range_}}, **spec})


def docker_secret(space: Space, name: str, server: str, user: str, password: str) -> None:
    """Create a pull secret as users do."""
    existing = space.kubectl(
        "create", "secret", "docker-registry", name, "-n", space.name, f"--docker-server={server}",
        f"--docker-username={user}", f"--docker-password={password}", "--dry-run=client", "-o", "yaml",
    )  # fmt: skip
    space.kubectl("apply", "-f", "-", stdin=existing.stdout)


def git_secret(space: Space, name: str, user: str, password: str) -> None:
    """Apply a Secret for Git over HTTP."""
    space.apply("Secret", name, stringData={"username": user, "password": password})


def git_repository(space: Space, name: str, repository: Repository, *, branch: str = "main") -> None:
    """Apply a GitRepository with its login."""
    git_secret(space, f"{name}-login", repository.host.user, repository.host.password)
    space.apply(
        "GitRepository",
        name,
        {
            "url": repository.url,
            "interval": "1h",
            "ref": {"branch": branch},
            "secretRef": {"name": f"{name}-login"},
        },
    )


def automation(
    space: Space,
    name: str,
    *,
    source: str,
    path: str = ".",
    message: str = "Update images",
    push: dict[str, Any] | None = None,
    **spec: Any,
) -> None:
    """Apply an ImageUpdateAutomation on the GitRepository `source`."""
    git: dict[str, Any] = {"commit": {"author": AUTHOR, "messageTemplate": message}}
    if push:
        git["push"] = push
    body = {
        "sourceRef": {"kind": "GitRepository", "name": source},
        "interval": "1h",
        "git": git,
        "update": {"path": path, "strategy": "Setters"},
        **spec,
    }
    space.apply("ImageUpdateAutomation", name, body)


def deployment(image: str, marker: str, name: str = "app") -> str:
    """Return a Deployment manifest whose image carries a marker."""
    return f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  template:
    spec:
      containers:
        - name: {name}   # three blanks, kept
          image: {image} # {{"$imagepolicy": "{marker}"}}
"""
