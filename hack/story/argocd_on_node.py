"""The story on a node with Argo CD as engine: production is a Helm chart with values, staging a kustomization.

Argo CD's application controller and repo server are processes of this machine (`hack.env.argocd`): their image is not
to be had from a package registry. `tagline bootstrap git` knows Argo CD by a StatefulSet, which is there without pods.
tagline's controllers and the application run as pods.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from hack.controllers import wait_for_crds
from hack.env import argocd
from hack.story.argocd_fleet import VALUES, ArgoFleet
from hack.story.fleet import PRODUCTION, STAGING
from hack.story.on_node import PATH, NodeStory, surroundings

_CONTROLLER: Final = "argocd-application-controller"


@dataclass(frozen=True, slots=True)
class ArgoStory(NodeStory):
    """The story with Argo CD."""

    engine: ClassVar[str] = "Argo CD"
    forms: ClassVar[str] = "a Helm chart with values, a kustomization"
    chosen_file: ClassVar[str] = VALUES

    def publish_controllers(self, archive: Path) -> None:
        """Push tagline's image: Argo CD runs already."""
        self.publish_tagline(archive)

    def engine_flags(self) -> list[str]:
        """Return the bootstrap's flags for the engine."""
        return ["--engine=argocd"]

    def objects(self, stage: str) -> list[dict[str, Any]]:
        """Return what a stage has in the cluster. How to log in to the repository Argo CD knows from the bootstrap."""
        fleet = ArgoFleet(self.fleet)
        return [*fleet.objects(stage), *(one for one in fleet.applications() if one["metadata"]["name"] == stage)]

    def files(self, *, release: str, build: str) -> Mapping[str, str]:
        """Return the files of the application, and the kustomization by which the cluster's folder has both stages."""
        path = f"{PATH}/kustomization.yaml"
        stages = "".join(f"- {stage}.yaml\n" for stage in (PRODUCTION, STAGING))
        return {**ArgoFleet(self.fleet).files(release=release, build=build), path: self.repository.file(path) + stages}


@contextmanager
def argo_story(folder: Path) -> Iterator[ArgoStory]:
    """Yield a cluster with a node and Argo CD, a private registry, and a Git host with an empty repository."""
    parts = argocd.build()
    with surroundings(folder) as made:
        story = ArgoStory(*made)
        for crd in argocd.crds(parts):
            story.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(crd))
        wait_for_crds(story.kubectl)
        story.kubectl("apply", "-f", "-", stdin=argocd.dump([*argocd.installation(), _without_pods()]))
        engine = argocd.Engine(folder / "argocd", story.env.kubeconfig, parts)
        engine.folder.mkdir()
        engine.start()
        try:
            yield story
        finally:
            engine.stop()


def _without_pods() -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": _CONTROLLER}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": _CONTROLLER, "namespace": argocd.NAMESPACE, "labels": labels},
        "spec": {
            "replicas": 0,
            "serviceName": _CONTROLLER,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "none", "image": "none"}]},
            },
        },
    }
