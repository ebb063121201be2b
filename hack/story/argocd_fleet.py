"""The repository of the story for Argo CD: production is a Helm chart with a file of values, staging a kustomization.

Each is deployed by an Application; nothing of tagline is in the chart but the markers in the file of values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cli.bootstrap.argocd import without_health
from hack.demo.manifests import Json
from hack.env import argocd
from hack.story.fleet import PRODUCTION, STAGING, Fleet

VALUES: Final = "helm/my-values.yaml"

_CHART: Final = """\
apiVersion: v2
name: web
description: The application of the story
version: 0.1.0
"""
_DEFAULTS: Final = """\
replicas: 1
pullSecret: pull
image: {repository: "", tag: ""}
"""
_TEMPLATE: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      imagePullSecrets:
      - name: {{ .Values.pullSecret }}
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: web
        image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {drop: [ALL]}
"""
_PRODUCTION: Final = """\
# Production's own values.
replicas: 1
image:
  repository: {image} # {{"$imagepolicy": "production:web:name"}}
  tag: {tag} # {{"$imagepolicy": "production:web:tag"}}
"""


@dataclass(frozen=True, slots=True)
class ArgoFleet:
    """What a fleet is with Argo CD as its engine."""

    fleet: Fleet

    def files(self, *, release: str, build: str) -> Mapping[str, str]:
        """Return the repository's files. release: tag in production; build: tag in staging."""
        plain = self.fleet.files(release=release, build=build)
        return {
            "charts/web/Chart.yaml": _CHART,
            "charts/web/values.yaml": _DEFAULTS,
            "charts/web/templates/deployment.yaml": _TEMPLATE,
            VALUES: _PRODUCTION.format(image=self.fleet.image, tag=release),
            **{path: text for path, text in plain.items() if not path.startswith(f"{PRODUCTION}/")},
        }

    def objects(self, stage: str) -> list[Json]:
        """Return what a stage's namespace has of tagline. Argo CD does not wait for the source, which has no status."""
        found = self.fleet.objects(stage, path="helm" if stage == PRODUCTION else "")
        return [without_health(one) if one["kind"] == "GitRepository" else one for one in found]

    def login(self) -> Json:
        """Return how Argo CD logs in to the repository."""
        fleet = self.fleet
        return argocd.repository_secret("fleet", fleet.git_url, fleet.git_user, fleet.git_password)

    def applications(self) -> list[Json]:
        """Return the Application of each stage, called as the stage is."""
        url = self.fleet.git_url
        chart = {"path": "charts/web", "helm": {"releaseName": "web", "valueFiles": [f"/{VALUES}"]}}
        return [
            argocd.application(PRODUCTION, PRODUCTION, {"repoURL": url, **chart}),
            argocd.application(STAGING, STAGING, {"repoURL": url, "path": STAGING}),
        ]
