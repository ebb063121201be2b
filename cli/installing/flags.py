"""Flags that `install` and `bootstrap` share, and the options that they make."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from api.version import VERSION
from cli.grammar.flags import Words, switch, text, texts
from cli.grammar.session import Failed, Session
from cli.grammar.spelling import nearest
from cli.grammar.tree import Flags
from cli.installing.build import (
    CLUSTER_DOMAIN,
    NAMESPACE,
    PART_OF,
    REGISTRY,
    Manifests,
    Options,
    check_version,
    feature_names,
    packaged,
    with_features,
)
from cli.installing.components import Choice, choose

LOG_LEVELS: Final = Words(("debug", "info", "error"), "unsupported log level '{value}', must be one of: {words}")
FLAGS: Final[Flags] = (
    text("-v", "--version", help="tag of the controllers' image, with its v; default: that of this release"),
    texts("--components", help="components to install, in tagline's names or Flux's; default: all of tagline's"),
    texts("--components-extra", help="components beside those of --components, such as receiver"),
    text("--registry", default=REGISTRY, help="where the controllers' image is"),
    text("--registry-creds", help="user:password for a Secret with which to pull the image; needs --image-pull-secret"),
    text("--image-pull-secret", help="name of the Secret with which to pull the image"),
    switch("--watch-all-namespaces", default=True, help="look after objects in all namespaces, not only the own one"),
    text("--log-level", type=LOG_LEVELS, default="info", help="how much the controllers log"),
    switch("--network-policy", default=True, help="let nobody but metrics collectors reach the controllers"),
    text("--cluster-domain", default=CLUSTER_DOMAIN, help="the cluster's internal domain"),
    texts("--toleration-keys", help="keys of taints that the pods may run in spite of"),
    texts("--with", help="parts to add, by the names of their folders in manifests/components"),
    text("--manifests", hidden=True, help="file or folder with manifests to install instead of the packaged ones"),
)  # fmt: skip


def namespace_of(session: Session) -> str:
    """Return where the controllers run: their own namespace, if none is named. Objects live elsewhere."""
    return session.namespace if session.namespace_given else NAMESPACE


def options_of(session: Session, flags: Mapping[str, Any]) -> tuple[Options, Choice]:
    """Return what to install, and which components were asked for. Raises Failed, which names flag and fix."""
    check_credentials(flags["registry_creds"], flags["image_pull_secret"])
    version = flags["version"]
    if version:
        check_version(version)
    _check_features(flags["with"])
    choice = choose(flags["components"], flags["components_extra"])
    options = with_features(
        Options(
            namespace=namespace_of(session),
            components=choice.own,
            version=version or f"v{VERSION}",
            registry=flags["registry"],
            image_pull_secret=flags["image_pull_secret"],
            watch_all_namespaces=flags["watch_all_namespaces"],
            log_level=flags["log_level"],
            network_policy=flags["network_policy"],
            cluster_domain=flags["cluster_domain"],
            toleration_keys=tuple(flags["toleration_keys"]),
            features=tuple(flags["with"]),
        )
    )
    return options, choice


def check_credentials(credentials: str, secret: str) -> None:
    """Raise Failed for credentials that no Secret can be made of."""
    if credentials and not secret:
        raise Failed("--registry-creds requires --image-pull-secret to be set")
    if credentials and ":" not in credentials:
        raise Failed("invalid --registry-creds format, expected 'user:password'")


def pull_secret(options: Options, credentials: str) -> dict[str, Any]:
    """Return the Secret with which the controllers' image is pulled."""
    user, _, password = credentials.partition(":")
    host = options.registry.partition("/")[0]
    login = base64.b64encode(credentials.encode()).decode()
    auths = {"auths": {host: {"username": user, "password": password, "auth": login}}}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": options.image_pull_secret, "namespace": options.namespace, "labels": {PART_OF: "tagline"}
        },
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(json.dumps(auths).encode()).decode()},
    }  # fmt: skip


def manifests_of(path: str) -> Manifests | None:
    """Return the manifests of a file, or of `install.yaml` in a folder; None for no path. Raises Failed."""
    if not path:
        return None
    from cli.yaml_documents import NotYaml, load_documents  # noqa: PLC0415
    from controllers.net.library_errors import describe  # noqa: PLC0415

    file = Path(path, "install.yaml") if Path(path).is_dir() else Path(path)
    try:
        documents = [value for _, value in load_documents(file.read_bytes())]
    except OSError as error:
        raise Failed(f"--manifests: cannot read {file}: {describe(error)}") from error
    except NotYaml as error:
        raise Failed(f"--manifests: {file}:{error.place}: {error}") from error
    for document in documents:
        if not _is_object(document):
            raise Failed(f"--manifests: {file} has a document that is not a Kubernetes object of an installation")
    return Manifests(documents, packaged().components)


def _is_object(document: Any) -> bool:
    """Return whether a document has what is looked at of every object, and a Deployment what is changed of it."""
    try:
        metadata, labels = document["metadata"], document["metadata"].get("labels") or {}
        if document["kind"] == "Deployment":
            container = document["spec"]["template"]["spec"]["containers"][0]
            return isinstance(container["image"], str) and isinstance(container["args"], list)
        return bool(document["apiVersion"] and metadata["name"] and isinstance(labels, dict))
    except (KeyError, TypeError, IndexError, AttributeError):
        return False


def _check_features(names: Sequence[str]) -> None:
    known = feature_names() if names else ()
    for name in names:
        if name not in known:
            meant = nearest(name, known)
            hint = f'; did you mean "{meant}"?' if meant else ""
            raise Failed(f"--with: there is no part {name}, only {', '.join(known)}{hint}")
