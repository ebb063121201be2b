"""Argo CD as the one who syncs: its Application, and the Secret with which it reads the repository. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.resource import Resource
from cli.bootstrap.wishes import Wishes

APPLICATIONS: Final = Resource("argoproj.io", "v1alpha1", "applications", "Application")
CONTROLLER: Final = "argocd-application-controller"
IGNORE_HEALTH: Final = "argocd.argoproj.io/ignore-healthcheck"
IN_CLUSTER: Final = "https://kubernetes.default.svc"


@dataclass(frozen=True, slots=True)
class ArgoPlace:
    """Where Argo CD is."""

    namespace: str = "argocd"


def application(wishes: Wishes, place: ArgoPlace) -> dict[str, Any]:
    """Return the Application that syncs the path."""
    return {
        "apiVersion": APPLICATIONS.api_version,
        "kind": APPLICATIONS.kind,
        "metadata": {"name": wishes.namespace, "namespace": place.namespace},
        "spec": {
            "destination": {"namespace": wishes.namespace, "server": IN_CLUSTER},
            "project": "default",
            "source": {
                "path": wishes.places.path or ".",
                "repoURL": wishes.sync_url,
                "targetRevision": wishes.branch,
            },
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                # CRDs are larger than the annotation of a client-side apply may be.
                "syncOptions": ["ServerSideApply=true"],
            },
        },
    }


def without_health(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return a GitRepository that Argo CD does not wait for.

    Its rule for the kind wants a status that only source-controller writes; without Flux the Application would be
    Progressing for ever. https://argo-cd.readthedocs.io/en/stable/operator-manual/health/
    """
    return {**source, "metadata": {**source["metadata"], "annotations": {IGNORE_HEALTH: "true"}}}


def repository_secret(wishes: Wishes, place: ArgoPlace, login: dict[str, str]) -> dict[str, Any]:
    """Return the Secret by which Argo CD knows the repository. login: the data of the GitRepository's Secret.

    https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repositories
    """
    data = {"type": "git", "url": wishes.sync_url}
    if "identity" in login:
        data["sshPrivateKey"] = login["identity"]
    elif "bearerToken" in login:
        data["bearerToken"] = login["bearerToken"]
    else:
        data |= {key: login[key] for key in ("username", "password") if key in login}
    digest = hashlib.sha256(wishes.sync_url.encode()).hexdigest()[:10]
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"tagline-repository-{digest}",
            "namespace": place.namespace,
            "labels": {"argocd.argoproj.io/secret-type": "repository"},
        },
        "stringData": data,
    }
