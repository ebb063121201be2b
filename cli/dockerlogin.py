"""The credentials that `docker login` has stored, for ImageRepositories that name none.

They are in the file itself, or credential helpers that the file names are asked for them.
https://docs.docker.com/reference/cli/docker/login/#credential-stores
"""

import base64
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from api.names import IMAGE_REPOSITORIES, SECRETS
from cli.docker_helpers import complete_config
from cli.objects import BadInput, Manifest, Manifests
from cli.reading import UnfitFile, read_start
from controllers.image.reference import BadReference, parse_image
from controllers.registry.dockerconfig import JSON_KEY, JSON_TYPE, MAX_BYTES, PullSecret, resolve_credentials
from controllers.registry.errors import BadCredentialSecret
from controllers.runtime.key import Key

SECRET_NAME: Final = "tagline-docker-config"  # noqa: S105


def config_file(environ: Mapping[str, str]) -> Path:
    """Return where Docker keeps its configuration."""
    return Path(os.path.expanduser(environ.get("DOCKER_CONFIG") or "~/.docker")) / "config.json"


def read_config(file: Path) -> bytes | None:
    """Return what Docker's configuration has, None where there is none; of one that is too large the beginning.

    Docker makes a folder in the place of a missing file that is mounted. Whatever else is no file is none, too.
    """
    try:
        return read_start(file, length=MAX_BYTES + 1)
    except (OSError, UnfitFile):
        return None


def pull_secret(content: bytes, file: Path) -> PullSecret:
    """Return Docker's configuration as a pull secret, under a name for messages."""
    return PullSecret(JSON_TYPE, {JSON_KEY: content}, str(file), source="Docker's configuration")


def with_docker_login(manifests: Manifests, file: Path) -> Manifests:
    """Return the manifests with the file's credentials for those ImageRepositories that they are for and name none.

    A file that is not there changes nothing. A credential helper that gives no answer is a notice. Raises BadInput for
    a file that cannot be used.
    """
    content = read_config(file)
    if content is None:
        return manifests
    registries = {_registry(m.body) for m in manifests.of(IMAGE_REPOSITORIES.kind) if not _names_login(m.body)}
    content, notices = complete_config(content, registries - {""}, title=str(file), environ=os.environ)
    manifests = replace(manifests, notices=(*manifests.notices, *notices))
    secret = pull_secret(content, file)
    changed: list[Manifest] = []
    namespaces: set[str] = set()
    for manifest in manifests.manifests:
        if manifest.resource.kind == IMAGE_REPOSITORIES.kind and _needs_login(manifest.body, secret):
            spec = {**manifest.body["spec"], "secretRef": {"name": SECRET_NAME}}
            manifest = replace(manifest, body={**manifest.body, "spec": spec})  # noqa: PLW2901
            namespaces.add(manifest.key.namespace)
        changed.append(manifest)
    secrets = [_secret(namespace, content, file) for namespace in sorted(namespaces)]
    return replace(manifests, manifests=(*changed, *secrets))


def _needs_login(repository: Mapping[str, Any], secret: PullSecret) -> bool:
    if _names_login(repository):
        return False
    try:
        return resolve_credentials(parse_image(repository["spec"]["image"]), [secret]) is not None
    except BadReference:
        return False  # the reconciler says so
    except BadCredentialSecret as error:
        raise BadInput(str(error)) from None


def _names_login(repository: Mapping[str, Any]) -> bool:
    spec = repository["spec"]
    return bool(spec.get("secretRef") or spec.get("serviceAccountName") or spec.get("provider", "generic") != "generic")


def _registry(repository: Mapping[str, Any]) -> str:
    """Return the host of a repository's image; empty for an image that cannot be read."""
    try:
        return parse_image(repository["spec"]["image"]).registry
    except BadReference:
        return ""


def _secret(namespace: str, content: bytes, file: Path) -> Manifest:
    body = {
        "apiVersion": SECRETS.api_version,
        "kind": SECRETS.kind,
        "metadata": {"name": SECRET_NAME, "namespace": namespace},
        "type": JSON_TYPE,
        "data": {JSON_KEY: base64.b64encode(content).decode()},
    }
    return Manifest(str(file), SECRETS, Key(namespace, SECRET_NAME), body)
