"""A folder as large GitOps repositories have them: for figures of the verbs that read a checkout.

`python -m hack.bench.folder FOLDER FILES` writes one. Seeded: equal numbers give equal files. Of a hundred files 20 are
workloads, 5 Helm values, 5 kustomizations with images, 5 have markers already, and 65 name no image.
"""

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

PER_FOLDER = 20
IMAGES = 200
"""Distinct images; many workloads run the same ones."""
IMAGE = "registry.example.com/team-1/service-1"
OBJECTS = f"""\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: service, namespace: flux-system}}
spec: {{image: {IMAGE}, interval: 1h}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: service, namespace: flux-system}}
spec: {{imageRepositoryRef: {{name: service}}, policy: {{semver: {{range: "*"}}}}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {{name: fleet, namespace: flux-system}}
spec:
  interval: 1h
  sourceRef: {{kind: GitRepository, name: fleet}}
  git: {{commit: {{author: {{email: bot@example.com}}}}}}
"""
"""The policy that the markers name. Its choice is in none of the files, so a preview changes all that have markers."""
TAGS = "".join(f"2.{minor}.{patch}\n" for minor in range(30) for patch in range(10))


def write_folder(folder: Path, files: int) -> None:
    """Write the files, and the objects beside them."""
    for path, text in (*generate(files), ("clusters/objects.yaml", OBJECTS)):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def generate(files: int) -> Iterator[tuple[str, str]]:
    """Yield path and content of each file."""
    rng = random.Random(3)  # noqa: S311 - test data, not secrets
    for number in range(files):
        kind = number % 100
        name = f"app-{number}"
        make: Callable[[str, random.Random], str]
        if kind < 20:
            make, file = _workload, "deployment.yaml"
        elif kind < 25:
            make, file = _values, "values.yaml"
        elif kind < 30:
            make, file = _kustomization, "kustomization.yaml"
        elif kind < 35:
            make, file = _marked, "marked.yaml"
        else:
            make, file = _other, "objects.yaml"
        yield f"apps/{number // PER_FOLDER}/{name}-{file}", make(name, rng)


def _image(rng: random.Random) -> str:
    number = rng.randrange(IMAGES)
    return f"registry.example.com/team-{number % 20}/service-{number}"


def _version(rng: random.Random) -> str:
    return f"1.{rng.randrange(30)}.{rng.randrange(10)}"


def _workload(name: str, rng: random.Random, marker: str = "") -> str:
    env = "".join(f"            - name: VALUE_{n}\n              value: some value {n}\n" for n in range(6))
    return f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: {name}
spec:
  replicas: 2
  selector:
    matchLabels:
      app.kubernetes.io/name: {name}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: {name}
    spec:
      containers:
        - name: {name}
          image: {_image(rng)}:{_version(rng)}{marker}
          ports:
            - containerPort: 8080
          env:
{env}          resources:
            requests:
              cpu: 100m
              memory: 128Mi
"""


def _marked(name: str, rng: random.Random) -> str:
    return _workload(name, rng, marker=' # {"$imagepolicy": "flux-system:service"}')


def _values(name: str, rng: random.Random) -> str:
    return f"""# values of {name}
replicaCount: 2
image:
  repository: {_image(rng)}
  tag: "{_version(rng)}"
  pullPolicy: IfNotPresent
service:
  type: ClusterIP
  port: 80
"""


def _kustomization(name: str, rng: random.Random) -> str:
    return f"""apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namePrefix: {name}-
resources:
  - ../base
images:
  - name: service
    newName: {_image(rng)}
    newTag: main-{rng.getrandbits(28):07x}-{1_700_000_000 + rng.randrange(1_000_000)}
"""


def _other(name: str, rng: random.Random) -> str:
    lines = "".join(f"  key-{n}: value {rng.randrange(1000)}\n" for n in range(12))
    return f"""apiVersion: v1
kind: Service
metadata:
  name: {name}
spec:
  selector:
    app.kubernetes.io/name: {name}
  ports:
    - name: http
      port: 80
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
data:
{lines}"""


if __name__ == "__main__":
    write_folder(Path(sys.argv[1]), int(sys.argv[2]))
