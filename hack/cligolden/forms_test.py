import re
from typing import Any

import pytest

from hack.cligolden.cases import Shape
from hack.cligolden.compare import Places
from hack.cligolden.forms import manifest_differences, shape_differences
from hack.cligolden.keyfile import content_of

PLACES = Places({"SSH_HOST": "127.0.0.1", "SSH_PORT": "2222"})
MANIFESTS = """---
# made by flux
---
apiVersion: v1
kind: Namespace
metadata:
  name: flux-system
  labels: {a: b}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: source-controller, namespace: flux-system}
spec:
  template:
    spec:
      containers: [{image: "registry/source-controller:v1", args: [--log-level=info]}]
      imagePullSecrets: [{name: pull}]
"""
TOLD: dict[str, Any] = {
    "header": ("---", "# made by flux"),
    "objects": (
        {"kind": "Namespace", "name": "flux-system"},
        {
            "kind": "Deployment", "name": "source-controller", "namespace": "flux-system",
            "image": "registry/source-controller:v1", "args": ["--log-level=info"],
            "imagePullSecrets": [{"name": "pull"}],
        },
    ),
    "labels": {"a": "b"},
}  # fmt: skip
SHAPE = Shape(
    "v1", "Secret", {"name": "auth", "namespace": "apps"}, None,
    {
        "identity": "PEM BEGIN PRIVATE KEY",
        "identity.pub": "ssh-rsa <base64>\\n",
        "known_hosts": "[${SSH_HOST}]:${SSH_PORT} ecdsa-sha2-nistp256 <base64>",
        "password": "hunter2",
    },
    ("identity", "identity.pub", "known_hosts", "password"),
)  # fmt: skip
SECRET = """---
apiVersion: v1
kind: Secret
metadata:
  name: auth
  namespace: apps
stringData:
  identity: |
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIB
    -----END PRIVATE KEY-----
  identity.pub: |
    ssh-rsa AAAAB3Nza=
  known_hosts: '[127.0.0.1]:2222 ecdsa-sha2-nistp256 AAAA'
  password: hunter2
"""


def differing(text: str) -> list[str]:
    return [difference.field for difference in manifest_differences(text, PLACES, **TOLD)]


def test_manifests_as_recorded_are_alike() -> None:
    assert differing(MANIFESTS) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("# made by flux", "# made by hand"), "header"),
        (("{a: b}", "{a: c}"), "labels of the first object"),
        (("--log-level=info", "--log-level=debug"), "objects"),
        (("registry/", ""), "objects"),
        (("      imagePullSecrets: [{name: pull}]\n", ""), "objects"),
        ((", namespace: flux-system", ""), "objects"),
        (("kind: Namespace", "kind: ["), "objects"),
    ],
)
def test_what_differs_in_manifests_is_told(change: tuple[str, str], field: str) -> None:
    assert change[0] in MANIFESTS
    assert differing(MANIFESTS.replace(*change)) == [field]


def test_objects_come_in_their_order() -> None:
    head, first, second = re.split(r"^---\n(?=api)", MANIFESTS, flags=re.MULTILINE)
    assert "objects" in differing(f"{head}---\n{second}---\n{first}")
    assert differing(f"{head}---\n{first}") == ["objects"]


def test_a_secret_of_the_recorded_shape_is_alike() -> None:
    assert shape_differences(SHAPE, SECRET, PLACES) == []


@pytest.mark.parametrize(
    "change",
    [
        ("PRIVATE KEY", "RSA PRIVATE KEY"),
        ("-----END PRIVATE KEY-----\n", "\n"),
        ("ssh-rsa", "ssh-ed25519"),
        ("identity.pub: |", "identity.pub: |-"),
        ("2222", "2223"),
        ("hunter2", "hunter3"),
        ("  password: hunter2\n", ""),
        ("namespace: apps", "namespace: default"),
        ("kind: Secret", "kind: ConfigMap"),
        ("stringData:", "type: Opaque\nstringData:"),
        ("stringData:\n", "stringData:\n  age: x\n"),
        ("---", "["),
        (SECRET, "text"),
    ],
)
def test_what_differs_in_a_secrets_shape_is_told(change: tuple[str, str]) -> None:
    assert change[0] in SECRET
    assert shape_differences(SHAPE, SECRET.replace(*change), PLACES)


def test_keys_come_in_their_order() -> None:
    line = "  password: hunter2\n"
    moved = SECRET.replace(line, "").replace("stringData:\n", f"stringData:\n{line}")
    assert [difference.field for difference in shape_differences(SHAPE, moved, PLACES)] == ["shape.key_order"]


def test_keys_that_are_only_described_are_made() -> None:
    key = content_of("<an ed25519 key encrypted with the passphrase sesame, OpenSSH format>")
    assert key is not None
    assert key.startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert content_of("<a dsa key, OpenSSH format>") is None
