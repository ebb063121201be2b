"""`controllers.webhooks.senders`: payloads in other modes, envelopes and spellings than those of the documentation."""

import base64
import gzip
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from controllers.webhooks.judge import judge
from controllers.webhooks.matching import Subject, match
from controllers.webhooks.request import Request
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Accepted, Refused

NOW = datetime(2026, 11, 30, 7, tzinfo=UTC)
HEX = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
DIGEST = f"sha256:{HEX}"

Wakes = dict[str, tuple[str, ...]]


def woken(type: str, payload: Any, *images: str, headers: dict[str, str] | None = None, **settings: Any) -> Wakes:
    """Return what a payload wakes of some images: the tags that are hinted by image."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    request = Request(arrived=NOW, body=body, headers=tuple((headers or {}).items()))
    verdict = judge(request, Settings(type=type, **settings), verifies=False)
    assert isinstance(verdict, Accepted), verdict
    found = match(
        verdict.events, [Subject("apps", image, image) for image in images], registry=settings.get("registry", "")
    )
    return {wake.subject.image: wake.tags for wake in found.wakes}


def harbor_data(*resources: dict[str, str]) -> dict[str, Any]:
    return {
        "resources": list(resources),
        "repository": {"repo_full_name": "team/app", "namespace": "team", "name": "app"},
    }


def harbor_resource(tag: str, host: str = "harbor.example.com") -> dict[str, str]:
    return {"digest": DIGEST, "tag": tag, "resource_url": f"{host}/team/app:{tag}"}


CLOUD_EVENT = {"specversion": "1.0", "id": "1", "source": "/projects/1", "type": "harbor.artifact.pushed"}


@pytest.mark.parametrize(
    ("payload", "headers", "tags"),
    [
        pytest.param(
            {"type": "PUSH_ARTIFACT", "event_data": harbor_data(harbor_resource("1.0"), harbor_resource("1.1"))},
            {},
            ("1.0", "1.1"),
            id="several-resources",
        ),
        pytest.param(
            {
                "type": "PUSH_ARTIFACT",
                "event_data": harbor_data({"tag": DIGEST, "resource_url": f"harbor.example.com/team/app@{DIGEST}"}),
            },
            {},
            (),
            id="digest-in-the-place-of-the-tag",
        ),
        pytest.param(
            {"type": "PUSH_ARTIFACT", "event_data": harbor_data(harbor_resource("1.0", "Harbor.Example.com:443"))},
            {},
            ("1.0",),
            id="capitals-and-the-usual-port",
        ),
        pytest.param({**CLOUD_EVENT, "data": harbor_data(harbor_resource("1.0"))}, {}, ("1.0",), id="structured"),
        pytest.param(
            {**CLOUD_EVENT, "data": json.dumps(harbor_data(harbor_resource("1.0")))}, {}, ("1.0",), id="data-as-text"
        ),
        pytest.param(
            {
                **CLOUD_EVENT,
                "data_base64": base64.b64encode(json.dumps(harbor_data(harbor_resource("1.0"))).encode()).decode(),
            },
            {},
            ("1.0",),
            id="data-in-base64",
        ),
        pytest.param(
            harbor_data(harbor_resource("1.0")),
            {"ce-type": "harbor.artifact.pushed", "ce-id": "1"},
            ("1.0",),
            id="binary",
        ),
        pytest.param(
            [
                {**CLOUD_EVENT, "data": harbor_data(harbor_resource("1.0"))},
                {**CLOUD_EVENT, "data": harbor_data(harbor_resource("2.0"))},
            ],
            {"Content-Type": "application/cloudevents-batch+json"},
            ("1.0", "2.0"),
            id="batch",
        ),
    ],
)
def test_harbor(payload: Any, headers: dict[str, str], tags: tuple[str, ...]) -> None:
    assert woken("harbor", payload, "harbor.example.com/team/app", headers=headers) == {
        "harbor.example.com/team/app": tags
    }


def github(kind: str, version: dict[str, Any], key: str = "package") -> dict[str, Any]:
    return {
        "action": "published",
        key: {"name": "app", "namespace": "org", "package_type": kind, "package_version": version},
    }


@pytest.mark.parametrize("kind", ["CONTAINER", "container", "docker", "Docker"])
@pytest.mark.parametrize("key", ["package", "registry_package"])
@pytest.mark.parametrize(
    ("version", "tags"),
    [
        pytest.param({"package_url": "ghcr.io/Org/app:", "container_metadata": {"tag": {"name": ""}}}, (), id="no-tag"),
        pytest.param({"package_url": "ghcr.io/org/app:1.0", "container_metadata": None}, ("1.0",), id="no-metadata"),
        pytest.param({"package_url": "https://GHCR.io/org/app:1.0"}, ("1.0",), id="scheme"),
        pytest.param({"container_metadata": {"tag": {"name": "1.0"}}}, ("1.0",), id="no-url"),
    ],
)
def test_ghcr(kind: str, key: str, version: dict[str, Any], tags: tuple[str, ...]) -> None:
    assert woken("ghcr", github(kind, version, key), "ghcr.io/org/app") == {"ghcr.io/org/app": tags}


@pytest.mark.parametrize("url", ["", "containers.ghe.example.com/org/app:1.0"])
def test_an_enterprise_server_is_known_by_its_registry(url: str) -> None:
    payload = github("container", {"package_url": url, "container_metadata": {"tag": {"name": "1.0"}}})
    payload["package"]["registry"] = {"type": "containers", "url": "https://containers.ghe.example.com/org"}
    images = ("containers.ghe.example.com/org/app", "ghcr.io/org/app")
    assert woken("github", payload, *images) == {images[0]: ("1.0",)}


PACKAGE = github("container", {"package_url": "ghcr.io/org/app:1.0"})


def form(payload: Any) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(form(PACKAGE), {"Content-Type": "application/x-www-form-urlencoded"}, id="form"),
        pytest.param(b"\xef\xbb\xbf" + json.dumps(PACKAGE).encode(), {}, id="byte-order-mark"),
        pytest.param(json.dumps(PACKAGE).encode("utf-16"), {}, id="utf-16"),
        pytest.param(gzip.compress(json.dumps(PACKAGE).encode()), {"Content-Encoding": "gzip"}, id="gzip"),
        pytest.param(
            gzip.compress(form(PACKAGE)),
            {"Content-Encoding": "gzip", "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"},
            id="form-in-gzip",
        ),
    ],
)
def test_bodies_in_other_clothes(body: bytes, headers: dict[str, str]) -> None:
    assert woken("github", body, "ghcr.io/org/app", headers={"X-GitHub-Event": "package", **headers}) == {
        "ghcr.io/org/app": ("1.0",)
    }


@pytest.mark.parametrize("type", ["github", "gitea", "generic-hmac", "nexus", "jfrog"])
@pytest.mark.parametrize("signs_what_it_compressed", [True, False])
def test_a_compressed_body_is_known_by_either_signature(type: str, *, signs_what_it_compressed: bool) -> None:
    plain = json.dumps({"zen": "x"}).encode()
    body = gzip.compress(plain)
    algorithm = hashlib.sha1 if type == "nexus" else hashlib.sha256
    signature = hmac.new(b"key", plain if signs_what_it_compressed else body, algorithm).hexdigest()
    header, prefix = {
        "github": ("X-Hub-Signature-256", "sha256="),
        "gitea": ("X-Gitea-Signature", ""),
        "generic-hmac": ("X-Signature", "sha256="),
        "nexus": ("X-Nexus-Webhook-Signature", ""),
        "jfrog": ("X-JFrog-Event-Auth", ""),
    }[type]
    headers = ((header, prefix + signature), ("Content-Encoding", "gzip"))
    settings = Settings(type=type, secrets=({"token": b"key"},))
    request = Request(arrived=NOW, body=body, headers=headers)
    assert isinstance(judge(request, settings), Accepted)
    spoilt = Request(arrived=NOW, body=gzip.compress(plain + b" "), headers=headers)
    refused = judge(spoilt, settings)
    assert isinstance(refused, Refused)
    assert refused.status == 401


def test_a_gitea_form_that_was_compressed_is_known_by_its_json() -> None:
    document = json.dumps({"action": "x"}).encode()
    headers = (
        ("X-Gitea-Signature", hmac.new(b"key", document, hashlib.sha256).hexdigest()),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Encoding", "gzip"),
    )
    body = gzip.compress(urlencode({"payload": document.decode()}).encode())
    request = Request(arrived=NOW, body=body, headers=headers)
    assert isinstance(judge(request, Settings(type="gitea", secrets=({"token": b"key"},))), Accepted)


def artifact(purl: str) -> dict[str, Any]:
    context = {"id": "1", "type": "dev.cdevents.artifact.published.0.2.0", "timestamp": "2026-11-30T06:59:00Z"}
    return {"context": context, "subject": {"id": purl, "type": "artifact"}}


PURL = f"pkg:oci/app@{DIGEST.replace(':', '%3A')}?repository_url=registry.example.com:5000/org/app&tag=1.0"
STRUCTURED = {"specversion": "1.0", "id": "1", "source": "ci", "type": "dev.cdevents.artifact.published.0.2.0"}


@pytest.mark.parametrize(
    ("payload", "headers"),
    [
        pytest.param(artifact(PURL), {"Ce-Type": "dev.cdevents.artifact.published.0.2.0"}, id="binary"),
        pytest.param({**STRUCTURED, "data": artifact(PURL)}, {}, id="structured"),
        pytest.param({**STRUCTURED, "data": json.dumps(artifact(PURL))}, {}, id="data-as-text"),
        pytest.param(
            {**STRUCTURED, "data_base64": base64.b64encode(json.dumps(artifact(PURL)).encode()).decode()},
            {},
            id="base64",
        ),
        pytest.param([{**STRUCTURED, "data": artifact(PURL)}], {}, id="batch"),
    ],
)
def test_cdevents(payload: Any, headers: dict[str, str]) -> None:
    image = "registry.example.com:5000/org/app"
    assert woken("cdevents", payload, image, headers=headers) == {image: ("1.0",)}


ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app"
DETAIL = {
    "result": "SUCCESS",
    "repository-name": "team/app",
    "image-digest": DIGEST,
    "action-type": "PUSH",
    "image-tag": "1.0",
}
EVENT = {
    "version": "0",
    "id": "13cde686-328b-6117-af20-0e5566167482",
    "detail-type": "ECR Image Action",
    "source": "aws.ecr",
    "account": "123456789012",
    "time": "2026-11-30T06:59:00Z",
    "region": "eu-west-1",
    "resources": [],
    "detail": DETAIL,
}
TRANSFORMED = {
    "specversion": "1.0",
    "id": "1",
    "type": "com.amazon.ecr.image.push",
    "time": "2026-11-30T06:59:00Z",
    "source": "urn:aws:ecr:eu-west-1:123456789012:repository/team/app",
    "subject": "team/app:1.0",
    "data": {"repositoryName": "team/app", "imageTag": "1.0", "imageDigest": DIGEST, "registryId": "123456789012"},
}


@pytest.mark.parametrize(
    ("payload", "settings"),
    [
        pytest.param(EVENT, {}, id="native"),
        pytest.param(TRANSFORMED, {}, id="cloud-event"),
        pytest.param({**TRANSFORMED, "data": json.dumps(TRANSFORMED["data"])}, {}, id="cloud-event-with-text"),
        pytest.param(
            {"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:…", "Message": json.dumps(EVENT)},
            {},
            id="sns",
        ),
        pytest.param(DETAIL, {}, id="detail-alone"),
        pytest.param(DETAIL, {"registry": ECR.partition("/")[0]}, id="detail-and-registry"),
    ],
)
def test_ecr(payload: Any, settings: dict[str, Any]) -> None:
    assert woken("ecr", payload, ECR, **settings) == {ECR: ("1.0",)}


@pytest.mark.parametrize(
    "payload",
    [
        {"Type": "SubscriptionConfirmation", "SubscribeURL": "https://sns.example.com/?Action=ConfirmSubscription"},
        {"Type": "Notification", "Message": "hello"},
        {"Type": "Notification", "Message": ""},
    ],
)
def test_other_messages_of_sns_wake_nothing(payload: Any) -> None:
    assert woken("ecr", payload, ECR) == {}


def acr(**target: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "action": "push",
        "target": {"repository": "app", **target},
        "request": {"host": "MyRegistry.azurecr.io"},
    }


@pytest.mark.parametrize(
    ("payload", "tags"),
    [
        pytest.param(acr(tag="1.0", digest=DIGEST), ("1.0",), id="tag"),
        pytest.param(acr(digest=DIGEST), (), id="digest-alone"),
        pytest.param(acr(tag="", digest=DIGEST), (), id="empty-tag"),
        pytest.param(
            [{"eventType": "Microsoft.ContainerRegistry.ImagePushed", "id": "1", "data": acr(tag="1.0")}],
            ("1.0",),
            id="event-grid",
        ),
        pytest.param(
            {
                "specversion": "1.0",
                "type": "Microsoft.ContainerRegistry.ImagePushed",
                "id": "1",
                "data": acr(tag="1.0"),
            },
            ("1.0",),
            id="event-grid-as-cloud-event",
        ),
    ],
)
def test_acr(payload: Any, tags: tuple[str, ...]) -> None:
    assert woken("acr", payload, "myregistry.azurecr.io/app") == {"myregistry.azurecr.io/app": tags}


@pytest.mark.parametrize("content_type", ["v1", "v2"])
@pytest.mark.parametrize(
    ("host", "image"),
    [
        ("registry.example.com:5000", "registry.example.com:5000/org/app"),
        ("Registry.Example.com", "registry.example.com/org/app"),
        ("registry.example.com:443", "registry.example.com/org/app"),
        ("127.0.0.1:5000", "127.0.0.1:5000/org/app"),
        ("[::1]:5000", "[::1]:5000/org/app"),
    ],
)
def test_distribution(content_type: str, host: str, image: str) -> None:
    target = {
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "repository": "org/app",
        "tag": "1.0",
        "digest": DIGEST,
    }
    event = {
        "id": "1",
        "timestamp": "2026-11-30T06:59:00.123456789Z",
        "action": "push",
        "target": target,
        "request": {"host": host},
    }
    blob = {
        **event,
        "id": "2",
        "target": {"mediaType": "application/octet-stream", "repository": "org/app", "digest": DIGEST},
    }
    headers = {"Content-Type": f"application/vnd.docker.distribution.events.{content_type}+json"}
    payload = {"events": [blob, event, {**event, "action": "pull"}, {"action": "mount", "target": {}}]}
    assert woken("distribution", payload, image, headers=headers) == {image: ("1.0",)}
    assert woken("gitlab", payload, image, headers=headers) == {image: ("1.0",)}


@pytest.mark.parametrize(
    ("event_header", "package"),
    [
        ("X-Gitea-Event", {"type": "container", "owner": {"login": "Org"}, "name": "app", "version": "1.0"}),
        ("X-Forgejo-Event", {"type": "container", "owner": {"username": "org"}, "name": "app", "version": "1.0"}),
        ("X-Gitea-Event", {"type": "Container", "owner": {"login": "org"}, "name": "App", "version": "1.0"}),
    ],
)
@pytest.mark.parametrize("root", ["https://git.example.com:3000", "https://git.example.com:3000/git"])
def test_gitea_and_forgejo(event_header: str, package: dict[str, Any], root: str) -> None:
    payload = {"action": "created", "package": {**package, "html_url": f"{root}/org/-/packages/container/app/1.0"}}
    image = "git.example.com:3000/org/app"
    assert woken("forgejo", payload, image, headers={event_header: "package"}) == {image: ("1.0",)}


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("library/nginx", "nginx"),
        ("nginx", "docker.io/library/nginx"),
        ("Org/App", "org/app"),
        ("org/app", "registry-1.docker.io/org/app"),
    ],
)
def test_docker_hub(name: str, image: str) -> None:
    payload = {"push_data": {"tag": "1.0", "pushed_at": 1.7325e9}, "repository": {"repo_name": name}}
    assert woken("dockerhub", payload, image) == {image: ("1.0",)}


def jfrog(**data: Any) -> dict[str, Any]:
    known = {"repo_key": "docker-local", "path": "app/1.0/list.manifest.json", "image_name": "app", "tag": "1.0"}
    return {
        "domain": "docker",
        "event_type": "pushed",
        "data": {**known, **data},
        "jpd_origin": "https://Art.example.com:8443/",
    }


@pytest.mark.parametrize(
    ("payload", "image", "settings", "tags"),
    [
        pytest.param(jfrog(), "art.example.com:8443/docker-local/app", {}, ("1.0",), id="local"),
        pytest.param(jfrog(), "art.example.com:8443/docker/app", {"repository": "docker"}, ("1.0",), id="virtual"),
        pytest.param(
            jfrog(),
            "images.example.com/docker/app",
            {"repository": "docker", "registry": "images.example.com"},
            ("1.0",),
            id="virtual-elsewhere",
        ),
        pytest.param(
            jfrog(path=f"app/sha256__{HEX}/manifest.json", tag=f"sha256__{HEX}"),
            "art.example.com:8443/docker-local/app",
            {},
            (),
            id="part-of-an-image",
        ),
        pytest.param(
            jfrog(path=f"app/sha256:{HEX}/manifest.json", tag=f"sha256:{HEX}"),
            "art.example.com:8443/docker-local/app",
            {},
            (),
            id="part-of-an-image-with-a-colon",
        ),
    ],
)
def test_jfrog(payload: Any, image: str, settings: dict[str, Any], tags: tuple[str, ...]) -> None:
    assert woken("jfrog", payload, image, **settings) == {image: tags}


@pytest.mark.parametrize(
    "payload",
    [
        {"repository": "org/app", "docker_url": "quay.example.com:8443/org/app", "updated_tags": ["1.0"]},
        {
            "repository": "org/app",
            "docker_url": "https://Quay.Example.com:8443/org/app",
            "updated_tags": {"1.0": "abc"},
        },
    ],
)
def test_quay(payload: Any) -> None:
    image = "quay.example.com:8443/org/app"
    assert woken("quay", payload, image) == {image: ("1.0",)}


@pytest.mark.parametrize("alphabet", [None, b"-_"])
def test_gcr(alphabet: bytes | None) -> None:
    image = "europe-docker.pkg.dev/project/images/app"
    data = json.dumps({"action": "INSERT", "digest": f"{image}@{DIGEST}", "tag": f"{image}:1.0"}).encode()
    encoded = base64.b64encode(data, altchars=alphabet).decode()
    payload = {
        "message": {"data": encoded, "messageId": 1, "publishTime": "2026-11-30T06:59:00.1Z"},
        "subscription": "s",
    }
    assert woken("gar", payload, image) == {image: ("1.0",)}
    assert woken("gcr", data, image) == {image: ("1.0",)}, "of a subscription without an envelope"
