"""The repository of the story: plain manifests for production, a kustomization for staging; and who looks after them.

Both are deployed by Flux's kustomize-controller. Production follows releases, staging the builds of a branch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hack.demo import manifests
from hack.demo.manifests import IMAGE, SOURCE, Json

KUSTOMIZE: Final = "kustomize.toolkit.fluxcd.io/v1"
APP: Final = "web"
PULL_SECRET: Final = "pull"
PRODUCTION, STAGING = "production", "staging"
INTERVAL: Final = "2s"
"""Of scans and of looks at the repository. Short, since the story is watched; ours in operation is a minute or more."""

_DEPLOYMENT: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels: {{app: web}}
  template:
    metadata:
      labels: {{app: web}}
    spec:
      imagePullSecrets:
      - name: pull
      securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}
      containers:
      - name: web
        image: {image}
        ports: [{{containerPort: 8080}}]
        readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {{drop: [ALL]}}
"""
_KUSTOMIZATION: Final = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: staging
resources:
- ../base
images:
- name: web
  newName: {image} # {{"$imagepolicy": "staging:web:name"}}
  newTag: {tag} # {{"$imagepolicy": "staging:web:tag"}}
"""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Where the story takes place: addresses as the cluster reaches them."""

    image: str
    git_url: str
    git_user: str
    git_password: str
    registry: str
    registry_user: str
    registry_password: str

    def files(self, *, release: str, build: str) -> Mapping[str, str]:
        """Return the repository's files. release: tag in production; build: tag in staging."""
        marked = f'{self.image}:{release} # {{"$imagepolicy": "production:web"}}'
        return {
            "production/web.yaml": _DEPLOYMENT.format(image=marked),
            "base/web.yaml": _DEPLOYMENT.format(image="web"),
            "base/kustomization.yaml": "resources: [web.yaml]\n",
            "staging/kustomization.yaml": _KUSTOMIZATION.format(image=self.image, tag=build),
        }

    def objects(self, stage: str, *, path: str = "") -> list[Json]:
        """Return what a stage's namespace has of tagline: Secrets, repository, policy, source and automation.

        path: of the files with the stage's markers, if it is not the stage's own folder.
        """
        choices: dict[str, Json] = {
            PRODUCTION: {"policy": {"semver": {"range": ">=1.0.0"}}},
            STAGING: {"policy": {"numerical": {"order": "asc"}}, "filterTags": manifests.FILTER},
        }
        choice = choices[stage]
        login = manifests.secret("fleet-login", username=self.git_user, password=self.git_password)
        return [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stage}},
            *(
                _placed(document, stage)
                for document in (
                    manifests.pull_secret(PULL_SECRET, self.registry, self.registry_user, self.registry_password),
                    login,
                    manifests.repository(APP, self.image, interval=INTERVAL, **self._access()),
                    _object(IMAGE, "ImagePolicy", APP, {"imageRepositoryRef": {"name": APP}, **choice}),
                    _object(SOURCE, "GitRepository", "fleet", self._source()),
                    manifests.automation("fleet", "fleet", f"./{path or stage}"),
                )
            ),
        ]

    def engine_objects(self, stage: str) -> list[Json]:
        """Return what Flux has of a stage: the Kustomization that applies its folder."""
        spec = {
            "interval": "1m",
            "path": f"./{stage}",
            "prune": True,
            "targetNamespace": stage,
            "sourceRef": {"kind": "GitRepository", "name": "fleet"},
            "timeout": "1m",
        }
        return [_placed(_object(KUSTOMIZE, "Kustomization", APP, spec), stage)]

    def _access(self) -> Json:
        access: Json = {"secretRef": {"name": PULL_SECRET}}
        # Plain HTTP is tried without being told on loopback only.
        return access if self.registry.startswith("127.") else access | {"insecure": True}

    def _source(self) -> Json:
        return {
            "url": self.git_url,
            "interval": INTERVAL,
            "ref": {"branch": "main"},
            "secretRef": {"name": "fleet-login"},
        }


def _object(version: str, kind: str, name: str, spec: Json) -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _placed(document: Json, namespace: str) -> dict[str, Any]:
    return {**document, "metadata": {**document["metadata"], "namespace": namespace}}
