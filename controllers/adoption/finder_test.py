"""Images in files, by their shape."""

import pytest

from controllers.adoption import occurrences
from controllers.adoption.finder import find_occurrences
from controllers.documents.nodes import Unparsable
from controllers.image.ref import ImageRef
from controllers.image.setter import PARTS
from controllers.setters.refs import resolve

D = f"sha256:{'a' * 64}"


def summarise(text: str, file: str = "a.yaml") -> list[str]:
    """Return `line: image:tag@digest [parts]` of each place, or `line: image:tag !` where no marker can stand."""
    return [
        f"{one.line}: {one.image}:{one.tag}{'@' if one.digest else ''} "
        + ("!" if one.obstacle else str([slot.part for slot in one.slots]))
        for one in find_occurrences(file, text.encode())
    ]


POD = (
    "kind: {kind}\nmetadata: {{name: x}}\nspec:\n  template:\n    spec:\n      {list}:\n"
    "      - name: a\n        image: busybox\n"
)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Job", "Rollout", "Anything"])
@pytest.mark.parametrize("containers", ["containers", "initContainers", "ephemeralContainers"])
def test_pod_templates_of_any_kind(kind: str, containers: str) -> None:
    assert summarise(POD.format(kind=kind, list=containers)) == ["8: busybox: [None]"]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("image: org/app:1.2.3", ["1: org/app:1.2.3 [None]"], id="text"),
        pytest.param("image: {repository: org/app,\n tag: v1.0.0}", ["2: org/app:v1.0.0 ['tag']"], id="map"),
        pytest.param(
            "image:\n  registry: docker.io\n  repository: org/app\n  tag: 1.0.0\n",
            ["4: docker.io/org/app:1.0.0 ['tag']"],
            id="registry",
        ),
        pytest.param(
            f"image:\n  repository: org/app\n  tag: 1.0.0\n  digest: {D}\n",
            ["3: org/app:1.0.0@ ['tag', 'digest']"],
            id="digest",
        ),
        pytest.param(f"image:\n  repository: org/app\n  digest: {D}\n", ["3: org/app:@ ['digest']"], id="only-digest"),
        pytest.param("imageRepository: org/app\nimageTag: 1.0.0\n", ["2: org/app:1.0.0 ['tag']"], id="flat"),
        pytest.param("web_image_name: org/app\nweb_image_tag: 1.0.0\n", ["2: org/app:1.0.0 ['tag']"], id="prefix"),
        pytest.param("imageName: org/app:16.2\n", ["1: org/app:16.2 [None]"], id="name-with-tag"),
        pytest.param("imageName: org/app\nimagePullSecrets: [{name: a}]\nimagePullPolicy: Always\n", [], id="no-tag"),
        pytest.param("image: org/app\ntag: 1.0.0\n", ["2: org/app:1.0.0 ['tag']"], id="beside"),
        pytest.param("proxy:\n  repository: org/app\n  tag: 1.0.0\n", ["3: org/app:1.0.0 ['tag']"], id="any-key"),
        pytest.param("images:\n  web: org/app:1.0.0\n", ["2: org/app:1.0.0 [None]"], id="images-map"),
        pytest.param("images:\n- org/app:1.0.0\n", ["2: org/app:1.0.0 [None]"], id="images-list"),
        pytest.param("image: logo.png\nicon:\n  image: https://x/y:1\n", [], id="no-image"),
        pytest.param("image: some words\n", [], id="words"),
        pytest.param("image: nginx\n", [], id="untagged-name-may-be-anything"),
        pytest.param("image: ghcr.io/org/app\n", ["1: ghcr.io/org/app: [None]"], id="untagged-with-host"),
        pytest.param('image:\n  repository: org/app\n  tag: ""\n', ["2: org/app: !"], id="empty-tag"),
        pytest.param("image:\n  tag: 1.0.0\n", ["2: :1.0.0 !"], id="tag-without-image"),
        pytest.param("image: |\n  org/app:1\n", ["1: org/app:1 !"], id="block-scalar"),
        pytest.param("a: &x org/app:1\nimage: *x\n", ["2: org/app:1 !"], id="alias"),
        pytest.param('image: "{{ .Values.a }}:1"\n', ["1: : !"], id="helm-template"),
        pytest.param("image: ${IMAGE}:1\n", ["1: : !"], id="variable"),
        pytest.param("image: 'org/\n\n  app:1'\n", [], id="not-a-reference-over-lines"),
        pytest.param(f"image:\n  repository: a/b\n  tag: 1.0@{D}\n", [f"3: a/b:1.0@{D} !"], id="digest-in-tag"),
    ],
)  # fmt: skip
def test_helm_values(text: str, want: list[str]) -> None:
    assert summarise(text) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param(
            "images:\n- name: a\n  newName: org/app\n  newTag: v1\n", ["4: org/app:v1 ['tag']"], id="new-name"
        ),
        pytest.param("images:\n- name: org/app\n  newTag: v1\n", ["3: org/app:v1 ['tag']"], id="name"),
        pytest.param(f"images:\n- name: org/app\n  digest: {D}\n", ["3: org/app:@ ['digest']"], id="digest"),
        pytest.param("images:\n- name: a\n  newName: org/app\n", [], id="no-tag"),
        pytest.param("patches:\n- patch: |-\n    a:\n    - image: org/app:1\n", ["4: org/app:1 !"], id="inline-patch"),
    ],
)
def test_kustomizations(text: str, want: list[str]) -> None:
    assert summarise(text, "kustomization.yaml") == want


APPLICATION = "kind: Application\nspec:\n  source:\n"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param(
            "    helm:\n      parameters:\n      - {name: image.repository, value: org/app}\n      - name: image.tag\n"
            "        value: v1\n",
            ["8: org/app:v1 ['tag']"],
            id="parameters",
        ),
        pytest.param(
            "    helm:\n      valuesObject:\n        image:\n          repository: org/app\n          tag: v1\n",
            ["8: org/app:v1 ['tag']"],
            id="values-object",
        ),
        pytest.param(
            "    helm:\n      values: |\n        image:\n          repository: org/app\n          tag: v1\n",
            ["8: org/app:v1 !"],
            id="values-text",
        ),
        pytest.param("    kustomize:\n      images:\n      - org/app:v1\n", ["6: org/app:v1 [None]"], id="kustomize"),
        pytest.param("    kustomize:\n      images:\n      - a=org/app:v1\n", ["6: org/app:v1 !"], id="renamed"),
    ],
)
def test_argo_cd_applications(text: str, want: list[str]) -> None:
    assert summarise(APPLICATION + text) == want


def test_compose_files() -> None:
    assert summarise("services:\n  web:\n    image: nginx\n  db:\n    image: postgres:16.2\n", "compose.yaml") == [
        "3: nginx: [None]",
        "5: postgres:16.2 [None]",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nspec: {image: ghcr.io/org/app}\n",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec:\n  image: org/app:1\n",
    ],
    ids=["image-automation", "definitions"],
)
def test_what_is_no_deployment(text: str) -> None:
    assert summarise(text) == []


def test_encrypted_files() -> None:
    for file, text in (
        ("a.yaml", b"image: org/app:1\nsops:\n  mac: x\n"),
        ("a.json", b'{"image": "o/a:1", "sops": {"mac": "x"}}'),
    ):
        [encrypted] = find_occurrences(file, text)
        assert encrypted.obstacle == occurrences.ENCRYPTED


def test_values_of_json_are_found_as_those_of_yaml() -> None:
    [found] = find_occurrences(
        "a.json", b'{"kind": "Pod", "spec": {"containers": [{"name": "a", "image": "org/app:1"}]}}'
    )
    assert (found.image, found.tag, found.obstacle, len(found.slots)) == ("org/app", "1", "", 1)


def test_templates_are_read_line_by_line() -> None:
    text = '{{- if .x }}\nspec:\n  image: "{{ .Values.image }}"\n  image: org/app:1.2.3\n{{- end }}\n'
    assert summarise(text, "templates/a.yaml") == ["3: : !", "4: org/app:1.2.3 !"]


def test_what_is_not_yaml_is_an_error() -> None:
    with pytest.raises(Unparsable):
        find_occurrences("a.yaml", b"image: [\n")


def test_deep_nesting_is_no_crash() -> None:
    deep = "[" * 400 + "{image: org/app:1}" + "]" * 400
    assert summarise(f"a: {deep}\n") == ["1: org/app:1 [None]"]


def test_no_marker_writes_a_tag_with_its_digest() -> None:
    """Why the two as one value are an obstacle: an automation would not keep them together."""
    image = ImageRef("org/app", "1.1.0", D)
    written = {resolve(":".join(filter(None, ("apps:app", part))), {"apps:app": image}) for part in PARTS}
    assert written == {f"org/app:1.1.0@{D}", "org/app", "1.1.0", D}
