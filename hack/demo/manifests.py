"""The objects of both stories, as people write them: in a cluster they are applied, without one they are files."""

import json
from pathlib import Path
from typing import Any

IMAGE = "image.toolkit.fluxcd.io/v1"
SOURCE = "source.toolkit.fluxcd.io/v1"
AUTHOR = {"name": "tagline", "email": "tagline@example.com"}
NAMESPACE = "default"

VALUES = """# values of the chart
replicaCount: 2

image:
  repository: {image} # {{"$imagepolicy": "default:k8s-demo:name"}}
  tag: 1.0.0 # {{"$imagepolicy": "default:k8s-demo:tag"}}
  pullPolicy:   IfNotPresent   # untouched, blanks included
"""
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
        - name: web
          image: {image} # {{"$imagepolicy": "default:staging"}}
"""
MESSAGE = "{{range .Updated.Images}}{{println .}}{{end}}"
FILTER = {"pattern": "^main-[a-fA-F0-9]+-(?P<ts>.*)", "extract": "$ts"}

Json = dict[str, Any]


def repository(name: str, image: str, **spec: Any) -> Json:
    """Return an ImageRepository."""
    return _object(IMAGE, "ImageRepository", name, {"image": image, "interval": "1m", **spec})


def policy(name: str, choice: Json, **spec: Any) -> Json:
    """Return an ImagePolicy for the repository of its name."""
    return _object(IMAGE, "ImagePolicy", name, {"imageRepositoryRef": {"name": name}, "policy": choice, **spec})


def source(name: str, url: str, user: str, password: str) -> tuple[Json, Json]:
    """Return a GitRepository and the Secret with its login."""
    login = secret(f"{name}-login", username=user, password=password)
    spec = {"url": url, "interval": "1m", "ref": {"branch": "main"}, "secretRef": {"name": f"{name}-login"}}
    return login, _object(SOURCE, "GitRepository", name, spec)


def secret(name: str, **data: str) -> Json:
    """Return a Secret with texts."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def pull_secret(name: str, host: str, user: str, password: str) -> Json:
    """Return a Secret as `kubectl create secret docker-registry` makes it."""
    config = json.dumps({"auths": {host: {"username": user, "password": password}}})
    return {**secret(name, **{".dockerconfigjson": config}), "type": "kubernetes.io/dockerconfigjson"}


def automation(name: str, source_name: str, path: str) -> Json:
    """Return an ImageUpdateAutomation that writes below a path of a GitRepository."""
    spec = {
        "interval": "1m",
        "sourceRef": {"kind": "GitRepository", "name": source_name},
        "git": {"commit": {"author": AUTHOR, "messageTemplate": MESSAGE}},
        "update": {"path": path, "strategy": "Setters"},
    }
    return _object(IMAGE, "ImageUpdateAutomation", name, spec)


def _object(version: str, kind: str, name: str, spec: Json) -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def write(path: Path, *documents: Json) -> None:
    """Write objects to a file, all at once: whoever reads it meanwhile sees the old or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text("\n---\n".join(json.dumps(document, indent=2) for document in documents) + "\n")
    new.replace(path)
