"""`manifests/crds`: what a real API server fills in, refuses, keeps, prints and calls things.

What can be asked without storing anything is asked as a server-side dry run. What is stored is suspended, so that
controllers which run beside the tests leave it alone.
"""

import base64
import json
import os
from collections.abc import Iterable
from typing import Any

import pytest

from api.names import IMAGE_GROUP
from e2e.crd_samples import ACCEPTED, ALTERNATIVES, FULL_SPEC, FULL_STATUS, GROUP, MINIMAL, REFUSED, VERSIONS
from e2e.kubeapi import KubeApi, RequestRejected
from hack.controllers import Kubectl

pytestmark = pytest.mark.unobserved("statuses are written by hand, with values in every field")

KIND_VERSIONS = [(kind, version) for kind, versions in VERSIONS.items() for version in versions]
IMAGE_KINDS = tuple(kind for kind in VERSIONS if GROUP[kind] == IMAGE_GROUP)


def with_changes(spec: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `spec` with dotted paths set, or removed where the value is None."""
    changed = json.loads(json.dumps(spec))
    for path, value in changes.items():
        *parents, last = path.split(".")
        node = changed
        for parent in parents:
            node = node.setdefault(parent, {})
        if value is None:
            node.pop(last, None)
        else:
            node[last] = value
    return changed  # type: ignore[no-any-return]


def manifest(kind: str, version: str, spec: Any, *, namespace: str = "default", name: str = "app") -> str:
    document = {"apiVersion": f"{GROUP[kind]}/{version}", "kind": kind, "metadata": {"name": name}}
    document["metadata"]["namespace"] = namespace  # type: ignore[index]
    return json.dumps(document if spec is None else document | {"spec": spec})


def dry_run(api: KubeApi, kind: str, version: str, changes: dict[str, Any]) -> tuple[Any, str]:
    """Return what would be stored, and the text of the error; one of them is empty."""
    try:
        return api.would_create(json.loads(manifest(kind, version, with_changes(MINIMAL[kind], changes)))), ""
    except RequestRejected as error:
        return None, str(error)


def at(value: Any, path: str) -> Any:
    """Return the value at a dotted path; None where it is not."""
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def every_version(*rows: Any) -> pytest.MarkDecorator:
    """Yield each row (kind, ...; with an id) once for every version of its kind, with the version second."""
    return pytest.mark.parametrize(
        "row",
        [
            pytest.param((row.values[0], version, *row.values[1:]), id=f"{row.id}-{version}")
            for row in rows
            for version in VERSIONS[row.values[0]]
        ],
    )


@every_version(
    pytest.param("ImageRepository", {}, "spec.provider", "generic", id="repository-provider"),
    pytest.param("ImagePolicy", {}, "spec.digestReflectionPolicy", "Never", id="policy-digest"),
    pytest.param(
        "ImagePolicy", {"policy.alphabetical": {}}, "spec.policy.alphabetical.order", "asc", id="policy-alphabetical"
    ),
    pytest.param("ImagePolicy", {"policy.numerical": {}}, "spec.policy.numerical.order", "asc", id="policy-numerical"),
    pytest.param("ImageUpdateAutomation", {}, "spec.sourceRef.kind", "GitRepository", id="automation-source"),
    pytest.param("ImageUpdateAutomation", {}, "spec.update", {"strategy": "Setters"}, id="automation-update"),
    pytest.param(
        "ImageUpdateAutomation", {"update": {"path": "a"}}, "spec.update.strategy", "Setters", id="automation-strategy"
    ),
    pytest.param("GitRepository", {}, "spec.timeout", "60s", id="source-timeout"),
    pytest.param("GitRepository", {}, "spec.provider", None, id="source-provider-none"),
    pytest.param("GitRepository", {}, "spec.gitImplementation", None, id="source-implementation-none"),
    pytest.param("GitRepository", {"verify.secretRef.name": "k"}, "spec.verify.mode", "HEAD", id="source-verify"),
    *(pytest.param(kind, {}, "status", {"observedGeneration": -1}, id=f"{kind}-status") for kind in VERSIONS),
    *(pytest.param(kind, {}, "spec.suspend", None, id=f"{kind}-suspend-none") for kind in VERSIONS),
)
def test_default(kube_api: KubeApi, row: tuple[str, str, dict[str, Any], str, object]) -> None:
    kind, version, changes, path, want = row
    created, error = dry_run(kube_api, kind, version, changes)
    assert not error
    assert at(created, path) == want


@pytest.mark.parametrize(("version", "limited"), [("v1beta1", False), ("v1beta2", True), ("v1", True)])
def test_exclusion_list(kube_api: KubeApi, version: str, *, limited: bool) -> None:
    # v1beta1 states no default, but the API server adds those of the stored version, v1, on the way to storage.
    created, _ = dry_run(kube_api, "ImageRepository", version, {})
    assert at(created, "spec.exclusionList") == [r"^.*\.sig$"]
    created, _ = dry_run(kube_api, "ImageRepository", version, {"exclusionList": []})
    assert at(created, "spec.exclusionList") == []
    _, error = dry_run(kube_api, "ImageRepository", version, {"exclusionList": ["x"] * 25})
    assert not error
    _, error = dry_run(kube_api, "ImageRepository", version, {"exclusionList": ["x"] * 26})
    assert ("must have at most 25 items" in error) is limited


@pytest.mark.parametrize(("version", "required"), [("v1beta1", False), ("v1beta2", True), ("v1", True)])
def test_signing_key_secret_is_required_from_v1beta2_on(kube_api: KubeApi, version: str, *, required: bool) -> None:
    changes = {"git.commit.author.email": "a@b", "git.commit.signingKey": {}}
    _, error = dry_run(kube_api, "ImageUpdateAutomation", version, changes)
    assert ("spec.git.commit.signingKey.secretRef: Required value" in error) is required


@pytest.mark.parametrize(("kind", "version"), KIND_VERSIONS)
def test_accepted_values(kube_api: KubeApi, kind: str, version: str) -> None:
    cases = [changes for accepted, changes in ACCEPTED if accepted == kind]
    answers = {json.dumps(changes): dry_run(kube_api, kind, version, changes)[1] for changes in cases}
    assert answers == dict.fromkeys(answers, "")


@pytest.mark.parametrize(("kind", "version"), KIND_VERSIONS)
def test_refused_values(kube_api: KubeApi, kind: str, version: str) -> None:
    cases = [(changes, message) for refused, changes, message in REFUSED if refused == kind]
    answers = [(changes, message, dry_run(kube_api, kind, version, changes)[1]) for changes, message in cases]
    assert [answer for answer in answers if answer[1] not in answer[2]] == []


@pytest.mark.parametrize(("kind", "version"), [row for row in KIND_VERSIONS if row[0] != "GitRepository"])
def test_spec_itself_is_not_required(kubectl: Kubectl, kind: str, version: str) -> None:
    done = kubectl("create", "--dry-run=server", "-f", "-", stdin=manifest(kind, version, None), check=False)
    assert done.returncode == 0, done.stderr


def names_of(value: Any) -> Any:
    """Return the field names of a value or of a schema, as far as they are fixed."""
    match value:
        case {"type": "object", "properties": properties}:
            return {name: names_of(child) for name, child in properties.items()}
        case {"type": "array", "items": items}:
            return names_of(items)
        case {"type": "object", "additionalProperties": child}:
            return {"*": names_of(child)}
    return None


def missing_in(sample: Any, names: Any, path: str = "") -> list[str]:
    """Yield the paths of fields that `sample` leaves out."""
    if isinstance(sample, list):
        return missing_in(together(sample), names, path)
    if not names:
        return []
    if "*" in names:
        return missing_in(together(sample.values()), names["*"], f"{path}.*")
    gaps = [f"{path}.{name}" for name in names if name not in sample]
    return gaps + [gap for name, child in sample.items() for gap in missing_in(child, names[name], f"{path}.{name}")]


def together(samples: Iterable[Any]) -> Any:
    """Return one sample with what any of them has: not all fields go together in one object."""
    samples = list(samples)
    if not all(isinstance(sample, dict) for sample in samples):
        return samples[0]
    names = {name: [sample[name] for sample in samples if name in sample] for sample in samples for name in sample}
    return {name: together(children) for name, children in names.items()}


def read(kubectl: Kubectl, kind: str, version: str, namespace: str) -> Any:
    resource = f"{kind.lower()}.{version}.{GROUP[kind]}"
    return json.loads(kubectl("get", resource, "app", "-n", namespace, "-o", "json").stdout)


def store(kubectl: Kubectl, kind: str, version: str, namespace: str) -> None:
    """Create the object with every field, its status included, through one version."""
    kubectl("create", "-f", "-", stdin=manifest(kind, version, FULL_SPEC[kind], namespace=namespace))
    write_status(kubectl, kind, version, namespace, FULL_STATUS[kind])


def write_status(kubectl: Kubectl, kind: str, version: str, namespace: str, status: Any) -> None:
    patch = json.dumps({"status": status})
    resource = f"{kind.lower()}.{version}.{GROUP[kind]}"
    kubectl("patch", resource, "app", "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)


@pytest.mark.parametrize("kind", VERSIONS)
def test_samples_have_every_field_that_the_server_knows(kubectl: Kubectl, kind: str) -> None:
    crds = json.loads(kubectl("get", "crds", "-o", "json").stdout)["items"]
    (crd,) = (item for item in crds if item["spec"]["names"]["kind"] == kind)
    for served in (entry for entry in crd["spec"]["versions"] if entry["served"]):
        names = names_of(served["schema"]["openAPIV3Schema"])
        assert missing_in(together([FULL_SPEC[kind], *ALTERNATIVES.get(kind, ())]), names["spec"]) == []
        assert missing_in(FULL_STATUS[kind], names["status"]) == []


@pytest.mark.parametrize(("kind", "version"), KIND_VERSIONS)
def test_what_is_written_through_one_version_is_read_through_every_other(
    kubectl: Kubectl, namespace: str, kind: str, version: str
) -> None:
    store(kubectl, kind, version, namespace)
    for other in VERSIONS[kind]:
        converted = read(kubectl, kind, other, namespace)
        assert converted["apiVersion"] == f"{GROUP[kind]}/{other}"
        assert converted["spec"] == FULL_SPEC[kind]
        assert converted["status"] == FULL_STATUS[kind]


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        pytest.param("ImageRepository", {"exclusionList": ["x"] * 30}, id="long-exclusion-list"),
        pytest.param(
            "ImageUpdateAutomation",
            {"git.commit.author.email": "a@b", "git.commit.signingKey": {}},
            id="signing-key-without-secret",
        ),
    ],
)
def test_status_of_what_only_v1beta1_accepts_can_be_written_through_v1(
    kubectl: Kubectl, namespace: str, kind: str, changes: dict[str, Any]
) -> None:
    spec = with_changes(MINIMAL[kind], changes | {"suspend": True})
    kubectl("create", "-f", "-", stdin=manifest(kind, "v1beta1", spec, namespace=namespace))
    write_status(kubectl, kind, "v1", namespace, {"observedGeneration": 7})
    assert read(kubectl, kind, "v1", namespace)["status"]["observedGeneration"] == 7


def test_status_is_not_written_through_the_object_itself(kubectl: Kubectl, namespace: str) -> None:
    for kind in VERSIONS:
        body = json.loads(manifest(kind, "v1", FULL_SPEC[kind], namespace=namespace)) | {"status": FULL_STATUS[kind]}
        kubectl("create", "-f", "-", stdin=json.dumps(body))
        assert read(kubectl, kind, "v1", namespace)["status"] == {"observedGeneration": -1}


_SCANNED = ["LAST SCAN", "TAGS"]
COLUMNS: dict[str, dict[str, tuple[list[str], list[str]]]] = {
    "ImageRepository": {
        "v1beta1": (_SCANNED, []),
        "v1beta2": (_SCANNED, []),
        "v1": ([*_SCANNED, "READY", "STATUS", "AGE"], ["IMAGE"]),
    },
    "ImagePolicy": {
        "v1beta1": (["LATESTIMAGE"], []),
        "v1beta2": (["LATESTIMAGE"], []),
        "v1": (["LATESTIMAGE", "READY", "STATUS", "AGE"], ["IMAGE", "TAG", "DIGEST"]),
    },
    "ImageUpdateAutomation": {
        "v1beta1": (["LAST RUN"], []),
        "v1beta2": (["LAST RUN"], []),
        "v1": (["LAST RUN", "READY", "STATUS", "AGE"], ["PULL REQUESTS"]),
    },
    "GitRepository": {
        "v1beta2": (["URL", "AGE", "READY", "STATUS"], []),
        "v1": (["URL", "AGE", "READY", "STATUS"], []),
    },
}
CELLS = {
    "LAST SCAN": "2024-01-01T00:00:00Z",
    "TAGS": "2",
    "LATESTIMAGE": "ghcr.io/org/app:1.1.0",
    "LAST RUN": "2024-01-01T00:00:00Z",
    "READY": "True",
    "STATUS": "all is well",
    "IMAGE": "ghcr.io/org/app",
    "TAG": "1.1.0",
    "DIGEST": "sha256:" + "1" * 64,
    "PULL REQUESTS": "https://git.example.com/org/fleet/pulls/7",
    "URL": "ssh://git@git.example.com/org/app",
}


def table(text: str) -> tuple[list[str], list[str]]:
    """Return the header and first row of kubectl's output; columns are at least three spaces apart."""
    header, row, *_ = ([cell.strip() for cell in line.split("   ") if cell.strip()] for line in text.splitlines())
    return header, row


@pytest.mark.parametrize("kind", VERSIONS)
def test_columns(kubectl: Kubectl, namespace: str, kind: str) -> None:
    store(kubectl, kind, "v1", namespace)
    for version, (narrow, wide) in COLUMNS[kind].items():
        resource = f"{kind.lower()}.{version}.{GROUP[kind]}"
        for columns, options in ((narrow, ()), (narrow + wide, ("-o", "wide"))):
            header, row = table(kubectl("get", resource, "-n", namespace, *options).stdout)
            assert header == ["NAME", *columns], (version, options)
            cells = dict(zip(header, row, strict=True))
            assert {name: cells[name] for name in columns if name != "AGE"} == {
                name: CELLS[name] for name in columns if name != "AGE"
            }


@pytest.mark.parametrize("kind", VERSIONS)
def test_kubectl_prefers_v1(kubectl: Kubectl, namespace: str, kind: str) -> None:
    store(kubectl, kind, "v1", namespace)
    header, _ = table(kubectl("get", kind.lower(), "-n", namespace).stdout)
    assert header == ["NAME", *COLUMNS[kind]["v1"][0]]


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("ImageRepository", ("imagerepositories", "imagerepository", "imgrepo", "imagerepo")),
        ("ImagePolicy", ("imagepolicies", "imagepolicy", "imgpol", "imagepol")),
        ("ImageUpdateAutomation", ("imageupdateautomations", "imageupdateautomation", "iua", "imgupd", "imgauto")),
        ("GitRepository", ("gitrepositories", "gitrepository", "gitrepo")),
    ],
)
def test_names_and_categories(kubectl: Kubectl, namespace: str, kind: str, names: tuple[str, ...]) -> None:
    store(kubectl, kind, "v1", namespace)
    full = f"{kind.lower()}.{GROUP[kind]}/app"
    for name in names:
        assert kubectl("get", name, "-n", namespace, "-o", "name").stdout.split() == [full]
    for category in ("all", "fluxcd", "fluxcd-images" if kind in IMAGE_KINDS else "fluxcd-sources"):
        assert full in kubectl("get", category, "-n", namespace, "-o", "name").stdout.split()


def test_a_chunk_of_tags_is_stored_whole_in_one_request_hidden_and_deleted_with_its_repository(
    kubectl: Kubectl, namespace: str
) -> None:
    store(kubectl, "ImageRepository", "v1", namespace)
    status = {"revision": "1", "chunk": 0, "chunks": 1, "tagCount": 100_000, "firstSeen": ""}
    chunk: dict[str, Any] = {
        "apiVersion": f"{IMAGE_GROUP}/v1alpha1",
        "kind": "ImageTagList",
        "metadata": {"name": "app-tags-0", "namespace": namespace},
        "spec": {"imageRepositoryRef": {"name": "app"}},
        "status": status | {"data": base64.b64encode(os.urandom(675_000)).decode()},
    }
    owner = read(kubectl, "ImageRepository", "v1", namespace)
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": "app", "controller": True}
    chunk["metadata"]["ownerReferences"] = [reference | {"uid": owner["metadata"]["uid"]}]
    kubectl("create", "-f", "-", stdin=json.dumps(chunk))
    stored = json.loads(kubectl("get", "imagetaglist", "app-tags-0", "-n", namespace, "-o", "json").stdout)
    assert stored["status"] == chunk["status"]
    for category in ("all", "fluxcd", "fluxcd-images"):
        assert "imagetaglist" not in kubectl("get", category, "-n", namespace, "-o", "name").stdout
    kubectl("delete", "imagerepository", "app", "-n", namespace)
    kubectl("wait", "--for=delete", "imagetaglist/app-tags-0", "-n", namespace, "--timeout=30s")
