"""`controllers.webhooks.senders`: what payloads say, in the shapes that senders' documentation or source shows."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from controllers.webhooks.judge import judge
from controllers.webhooks.matching import Subject, match
from controllers.webhooks.request import Request
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Accepted, Action, Event, Refused

NOW = datetime(2026, 11, 30, 7, tzinfo=UTC)
DIGEST = "sha256:" + "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"[:64]

Headers = dict[str, str]


def verdict(type: str, payload: Any, headers: Headers | None = None, **settings: Any) -> Accepted | Refused:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    request = Request(arrived=NOW, body=body, headers=tuple((headers or {}).items()))
    return judge(request, Settings(type=type, **settings), verifies=False)


def events(type: str, payload: Any, headers: Headers | None = None, **settings: Any) -> tuple[Event, ...]:
    found = verdict(type, payload, headers, **settings)
    assert isinstance(found, Accepted), found
    return found.events


def github(action: str = "published", key: str = "registry_package", **version: Any) -> dict[str, Any]:
    return {
        "action": action,
        key: {
            "name": "app",
            "namespace": "Org",
            "ecosystem": "CONTAINER",
            "package_type": "CONTAINER",
            "owner": {"login": "Org"},
            "package_version": {
                "version": DIGEST,
                "package_url": "ghcr.io/org/app:1.2.3",
                "container_metadata": {"tag": {"name": "1.2.3", "digest": DIGEST}},
                **version,
            },
        },
    }


def harbor(
    kind: str = "PUSH_ARTIFACT", tag: str = "1.2.3", url: str = "harbor.dev/library/app:1.2.3"
) -> dict[str, Any]:
    return {
        "type": kind,
        "occur_at": 1586922308,
        "operator": "admin",
        "event_data": harbor_data(tag, url),
    }


def harbor_data(tag: str, url: str) -> dict[str, Any]:
    repository = {"name": "app", "namespace": "library", "repo_full_name": "library/app", "repo_type": "private"}
    return {"resources": [{"digest": DIGEST, "tag": tag, "resource_url": url}], "repository": repository}


def pubsub(data: dict[str, Any]) -> dict[str, Any]:
    encoded = base64.b64encode(json.dumps(data).encode()).decode()
    message = {"data": encoded, "messageId": "2070443601311540", "publishTime": "2021-02-26T19:13:55.749Z"}
    return {"message": message, "subscription": "projects/p/subscriptions/s"}


def acr(action: str = "push", **target: Any) -> dict[str, Any]:
    return {
        "id": "cb8c3971-9adc-488b-bdd8-43cbb4974ff5",
        "timestamp": "2017-11-17T16:52:01.343145347Z",
        "action": action,
        "target": {"mediaType": "application/vnd.docker.distribution.manifest.v2+json", "repository": "app", **target},
        "request": {"id": "1", "host": "reg.azurecr.io", "method": "PUT", "useragent": "docker/17.09.0-ce"},
    }


def ecr(region: str = "us-west-2", **detail: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "13cde686-328b-6117-af20-0e5566167482",
        "detail-type": "ECR Image Action",
        "source": "aws.ecr",
        "account": "123456789012",
        "time": "2019-11-16T01:54:34Z",
        "region": region,
        "resources": [],
        "detail": {
            "result": "SUCCESS",
            "repository-name": "org/app",
            "image-digest": DIGEST,
            "action-type": "PUSH",
            "image-tag": "1.2.3",
            **detail,
        },
    }


def gitea(action: str = "created", **package: Any) -> dict[str, Any]:
    return {
        "action": action,
        "package": {
            "id": 1,
            "owner": {"login": "org", "username": "org"},
            "type": "container",
            "name": "app",
            "version": "1.2.3",
            "html_url": "https://git.example.com:3000/org/-/packages/container/app/1.2.3",
            "created_at": "2024-05-01T10:00:00Z",
            **package,
        },
        "sender": {"login": "ci"},
    }


def distribution(action: str = "push", host: str = "reg.example.com:5000", **target: Any) -> dict[str, Any]:
    return {
        "id": "320678d8-ca14-430f-8bb6-4ca139cd83f7",
        "timestamp": "2016-03-09T14:44:26.402973972-08:00",
        "action": action,
        "target": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "size": 708,
            "digest": DIGEST,
            "repository": "org/app",
            "url": f"http://{host}/v2/org/app/manifests/{DIGEST}",
            **target,
        },
        "request": {"id": "6df24a34", "addr": "192.168.64.11:42961", "host": host, "method": "PUT"},
        "actor": {},
    }


def nexus(action: str = "CREATED", format: str = "docker") -> dict[str, Any]:
    component = {"id": "0890", "componentId": "bnB", "format": format, "name": "org/app", "version": "1.2.3"}
    return {
        "timestamp": "2016-11-14T19:32:13.515+0000",
        "nodeId": "7FFA",
        "initiator": "admin/127.0.0.1",
        "repositoryName": "docker-hosted",
        "action": action,
        "component": component,
    }


def jfrog(event: str = "pushed", domain: str = "docker", **data: Any) -> dict[str, Any]:
    return {
        "domain": domain,
        "event_type": event,
        "data": {
            "repo_key": "docker-local",
            "event_type": event,
            "path": "org/app/1.2.3/manifest.json",
            "name": "manifest.json",
            "sha256": DIGEST.removeprefix("sha256:"),
            "size": 1206,
            "image_name": "org/app",
            "tag": "1.2.3",
            "platforms": [{"architecture": "amd64", "os": "linux"}],
            **data,
        },
        "subscription_key": "test",
        "jpd_origin": "https://acme.jfrog.io",
        "source": "jfrog/u@acme",
    }


def aliyun(**repository: Any) -> dict[str, Any]:
    return {
        "push_data": {"digest": DIGEST, "pushed_at": "2016-11-29 12:25:46", "tag": "1.2.3"},
        "repository": {
            "date_created": "2016-10-28 21:31:42",
            "name": "app",
            "namespace": "org",
            "region": "cn-hangzhou",
            "repo_full_name": "org/app",
            "repo_type": "PUBLIC",
            **repository,
        },
    }


def cdevent(id: str, kind: str = "dev.cdevents.artifact.published.0.3.0") -> dict[str, Any]:
    context = {
        "specversion": "0.6.0",
        "id": "271069a8",
        "source": "/ci",
        "type": kind,
        "timestamp": "2023-03-20T14:27:05Z",
    }
    return {"context": context, "subject": {"id": id, "source": "/ci", "content": {}}}


DOCKER_HUB = {
    "callback_url": "https://registry.hub.docker.com/u/org/app/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/",
    "push_data": {"pushed_at": 1417566161, "pusher": "trustedbuilder", "tag": "1.2.3"},
    "repository": {
        "name": "app",
        "namespace": "org",
        "repo_name": "org/app",
        "repo_url": "https://hub.docker.com/r/org/app/",
    },
}
QUAY = {
    "name": "app",
    "repository": "org/app",
    "namespace": "org",
    "docker_url": "quay.example.com/org/app",
    "homepage": "https://quay.example.com/repository/org/app",
    "updated_tags": ["1.2.3"],
}
INSERT = {
    "action": "INSERT",
    "digest": f"us-east1-docker.pkg.dev/p/r/app@{DIGEST}",
    "tag": "us-east1-docker.pkg.dev/p/r/app:1.2.3",
}
ZIP = ("sha256%3A", DIGEST.removeprefix("sha256:"))
PURL = f"pkg:oci/app@sha256%3A{ZIP[1]}?repository_url=reg.example.com/org/app&tag=1.2.3"
CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "e1",
    "type": "com.amazon.ecr.image.push",
    "time": "2025-11-27T10:30:00Z",
    "source": "urn:aws:ecr:us-east-1:123456789012:repository/org/app",
    "subject": "org/app:1.2.3",
    "data": {"repositoryName": "org/app", "imageTag": "1.2.3", "imageDigest": DIGEST, "registryId": "123456789012"},
}
HARBOR_CLOUD_EVENT = {
    "specversion": "1.0",
    "requestid": "r",
    "id": "4b2f89a6",
    "source": "/projects/1/webhook/policies/3",
    "type": "harbor.artifact.pushed",
    "datacontenttype": "application/json",
    "time": "2023-03-06T06:08:43Z",
    "data": harbor_data("1.2.3", "harbor.dev/library/app:1.2.3"),
    "operator": "admin",
}
GRID = {
    "id": "831e1650",
    "topic": "/subscriptions/s",
    "subject": "app:1.2.3",
    "eventType": "Microsoft.ContainerRegistry.ImagePushed",
    "eventTime": "2018-04-25T21:39:47.6549614Z",
    "data": acr(tag="1.2.3", digest=DIGEST),
    "dataVersion": "1.0",
}
PACKAGE = {"X-GitHub-Event": "registry_package", "X-GitHub-Delivery": "d1"}
ANY_HOST = "any.example.com/org/app"


@pytest.mark.parametrize(
    ("type", "payload", "headers", "image"),
    [
        pytest.param("dockerhub", DOCKER_HUB, {}, "docker.io/org/app", id="dockerhub"),
        pytest.param("github", github(), PACKAGE, "ghcr.io/org/app", id="github-registry-package"),
        pytest.param(
            "ghcr", github(key="package"), {"X-GitHub-Event": "package"}, "ghcr.io/org/app", id="ghcr-package"
        ),
        pytest.param("github", github(package_url="ghcr.io/org/app:"), PACKAGE, "ghcr.io/org/app", id="github-colon"),
        pytest.param("github", github(package_url=""), PACKAGE, "ghcr.io/org/app", id="github-without-url"),
        pytest.param(
            "github",
            github("updated", package_url="containers.ghe.example.com/Org/App:1.2.3"),
            PACKAGE,
            "containers.ghe.example.com/org/app",
            id="github-enterprise",
        ),
        pytest.param("github", github(key="package"), {}, "ghcr.io/org/app", id="github-without-event-header"),
        pytest.param("harbor", harbor(), {}, "harbor.dev/library/app", id="harbor"),
        pytest.param("harbor", harbor(url=""), {}, "any.example.com/library/app", id="harbor-without-url"),
        pytest.param(
            "harbor",
            HARBOR_CLOUD_EVENT,
            {"Content-Type": "application/cloudevents+json"},
            "harbor.dev/library/app",
            id="harbor-cloudevents",
        ),
        pytest.param("quay", QUAY, {}, "quay.example.com/org/app", id="quay"),
        pytest.param(
            "quay", {**QUAY, "updated_tags": {"1.2.3": "b750fe"}}, {}, "quay.example.com/org/app", id="quay-old"
        ),
        pytest.param("gcr", pubsub(INSERT), {}, "us-east1-docker.pkg.dev/p/r/app", id="gcr"),
        pytest.param("gar", INSERT, {}, "us-east1-docker.pkg.dev/p/r/app", id="gar-unwrapped"),
        pytest.param("acr", acr(tag="1.2.3", digest=DIGEST), {}, "reg.azurecr.io/app", id="acr"),
        pytest.param("acr", [GRID], {"aeg-event-type": "Notification"}, "reg.azurecr.io/app", id="acr-event-grid"),
        pytest.param("ecr", ecr(), {}, "123456789012.dkr.ecr.us-west-2.amazonaws.com/org/app", id="ecr"),
        pytest.param("ecr", ecr(), {}, "123456789012.dkr-ecr.us-west-2.on.aws/org/app", id="ecr-dual-stack"),
        pytest.param(
            "ecr", ecr("cn-north-1"), {}, "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/org/app", id="ecr-china"
        ),
        pytest.param(
            "ecr", ecr("us-gov-west-1"), {}, "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com/org/app", id="ecr-gov"
        ),
        pytest.param(
            "ecr", CLOUD_EVENT, {}, "123456789012.dkr.ecr.us-east-1.amazonaws.com/org/app", id="ecr-cloudevents"
        ),
        pytest.param("gitea", gitea(), {"X-Gitea-Event": "package"}, "git.example.com:3000/org/app", id="gitea"),
        pytest.param("forgejo", gitea(), {"X-Forgejo-Event": "package"}, "git.example.com:3000/org/app", id="forgejo"),
        pytest.param("gitea", gitea(name="sub/app"), {}, "git.example.com:3000/org/sub/app", id="gitea-nested"),
        pytest.param(
            "distribution",
            {"events": [distribution(tag="1.2.3")]},
            {},
            "reg.example.com:5000/org/app",
            id="distribution",
        ),
        pytest.param(
            "gitlab", {"events": [distribution(tag="1.2.3")]}, {}, "reg.example.com:5000/org/app", id="gitlab"
        ),
        pytest.param("nexus", nexus(), {"X-Nexus-Webhook-Id": "rm:repository:component"}, ANY_HOST, id="nexus"),
        pytest.param("nexus", nexus("UPDATED"), {}, "nexus.example.com/docker-hosted/org/app", id="nexus-path-based"),
        pytest.param(
            "nexus",
            {**nexus(), "component": None, "asset": {"format": "docker", "name": "v2/org/app/manifests/1.2.3"}},
            {},
            ANY_HOST,
            id="nexus-asset",
        ),
        pytest.param("jfrog", jfrog(), {}, "acme.jfrog.io/docker-local/org/app", id="jfrog-path"),
        pytest.param("jfrog", jfrog(), {}, "docker-local.acme.jfrog.io/org/app", id="jfrog-subdomain"),
        pytest.param("jfrog", jfrog(), {}, "acme-docker-local.jfrog.io/org/app", id="jfrog-cloud-subdomain"),
        pytest.param(
            "jfrog",
            jfrog(path="org/app/1.2.3/list.manifest.json", repo_key="hub-cache"),
            {},
            "acme.jfrog.io/hub/org/app",
            id="jfrog-cache",
        ),
        pytest.param(
            "artifactory",
            jfrog("deployed", "artifact", tag=None, image_name=None),
            {},
            "acme.jfrog.io/docker-local/org/app",
            id="jfrog-artifact",
        ),
        pytest.param("aliyun", aliyun(), {}, "registry.cn-hangzhou.aliyuncs.com/org/app", id="aliyun"),
        pytest.param("aliyun", aliyun(), {}, "registry-vpc.cn-hangzhou.aliyuncs.com/org/app", id="aliyun-vpc"),
        pytest.param(
            "cdevents",
            cdevent(PURL),
            {"Ce-Type": "dev.cdevents.artifact.published.0.3.0"},
            "reg.example.com/org/app",
            id="cdevents",
        ),
        pytest.param(
            "cdevents",
            {"specversion": "1.0", "type": "dev.cdevents.artifact.published.0.3.0", "data": cdevent(PURL)},
            {},
            "reg.example.com/org/app",
            id="cdevents-in-cloudevent",
        ),
        pytest.param(
            "cdevents",
            cdevent(f"pkg:oci/app@sha256%3A{ZIP[1]}?repository_url=reg.example.com%2Forg&tag=1.2.3"),
            {},
            "reg.example.com/org/app",
            id="cdevents-parent",
        ),
        pytest.param(
            "cdevents", cdevent("pkg:docker/org/app@1.2.3"), {}, "index.docker.io/org/app", id="cdevents-docker"
        ),
    ],
)
def test_push_wakes_its_image_and_no_other(type: str, payload: Any, headers: Headers, image: str) -> None:
    subjects = [Subject("apps", "app", image), Subject("apps", "other", "other.example.com/else/where")]
    wakeups = match(events(type, payload, headers), subjects)
    assert [(wake.subject.name, wake.tags) for wake in wakeups.wakes] == [("app", ("1.2.3",))]
    assert wakeups.passed == ()


@pytest.mark.parametrize(
    ("type", "payload", "headers", "action"),
    [
        pytest.param(
            "github",
            {"zen": "Design for failure.", "hook_id": 1},
            {"X-GitHub-Event": "ping"},
            Action.PING,
            id="github-ping",
        ),
        pytest.param(
            "github",
            {"ref": "refs/heads/main", "commits": []},
            {"X-GitHub-Event": "push"},
            Action.CODE,
            id="github-push",
        ),
        pytest.param("github", github("deleted"), PACKAGE, Action.DELETE, id="github-delete"),
        pytest.param(
            "github",
            {"action": "published", "package": {"package_type": "npm", "name": "x"}},
            {"X-GitHub-Event": "package"},
            Action.OTHER,
            id="github-npm",
        ),
        pytest.param("harbor", harbor("PULL_ARTIFACT"), {}, Action.OTHER, id="harbor-pull"),
        pytest.param("harbor", harbor("DELETE_ARTIFACT"), {}, Action.DELETE, id="harbor-delete"),
        pytest.param(
            "harbor",
            {"type": "QUOTA_WARNING", "event_data": {"custom_attributes": {}}},
            {},
            Action.OTHER,
            id="harbor-quota",
        ),
        pytest.param(
            "harbor", {**HARBOR_CLOUD_EVENT, "type": "harbor.scan.completed"}, {}, Action.OTHER, id="harbor-scan"
        ),
        pytest.param("harbor", {}, {}, Action.OTHER, id="harbor-test"),
        pytest.param(
            "quay",
            {"build_id": "296e", "docker_url": "quay.io/o/a", "docker_tags": ["latest"]},
            {},
            Action.OTHER,
            id="quay-build",
        ),
        pytest.param("gcr", pubsub({**INSERT, "action": "DELETE"}), {}, Action.DELETE, id="gcr-delete"),
        pytest.param(
            "gcr",
            {"message": {"data": base64.b64encode(b"hello").decode(), "messageId": "1"}},
            {},
            Action.PING,
            id="gcr-test",
        ),
        pytest.param(
            "gcr", {"message": {"attributes": {"a": "b"}, "messageId": "1"}}, {}, Action.PING, id="gcr-without-data"
        ),
        pytest.param(
            "acr", {"id": "1", "timestamp": "2017-03-01T00:00:00Z", "action": "ping"}, {}, Action.PING, id="acr-ping"
        ),
        pytest.param("acr", acr("delete", digest=DIGEST), {}, Action.DELETE, id="acr-delete"),
        pytest.param("acr", acr("chart_push", name="wordpress"), {}, Action.OTHER, id="acr-chart"),
        pytest.param(
            "acr",
            [{"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "x"}}],
            {},
            Action.OTHER,
            id="acr-validation",
        ),
        pytest.param("ecr", ecr(**{"action-type": "DELETE"}), {}, Action.DELETE, id="ecr-delete"),
        pytest.param("ecr", ecr(result="FAILURE"), {}, Action.OTHER, id="ecr-failure"),
        pytest.param("ecr", {**ecr(), "detail-type": "ECR Image Scan"}, {}, Action.OTHER, id="ecr-scan"),
        pytest.param("gitea", gitea("deleted"), {"X-Gitea-Event": "package"}, Action.DELETE, id="gitea-delete"),
        pytest.param("gitea", gitea(type="npm"), {"X-Gitea-Event": "package"}, Action.OTHER, id="gitea-npm"),
        pytest.param("gitea", {"ref": "refs/heads/main"}, {"X-Gitea-Event": "push"}, Action.CODE, id="gitea-push"),
        pytest.param(
            "gitlab", {"object_kind": "push"}, {"X-Gitlab-Event": "Push Hook"}, Action.CODE, id="gitlab-project"
        ),
        pytest.param(
            "distribution", {"events": [distribution("pull", tag="1")]}, {}, Action.OTHER, id="distribution-pull"
        ),
        pytest.param("distribution", {"events": [distribution()]}, {}, Action.OTHER, id="distribution-blob"),
        pytest.param("distribution", {"events": [distribution("delete")]}, {}, Action.DELETE, id="distribution-delete"),
        pytest.param(
            "distribution",
            {"events": [distribution("mount", fromRepository="x")]},
            {},
            Action.OTHER,
            id="distribution-mount",
        ),
        pytest.param("nexus", nexus("DELETED"), {}, Action.DELETE, id="nexus-delete"),
        pytest.param("nexus", nexus(format="npm"), {}, Action.OTHER, id="nexus-npm"),
        pytest.param("nexus", {"action": "CREATED", "audit": {}}, {}, Action.OTHER, id="nexus-audit"),
        pytest.param("jfrog", jfrog("deleted"), {}, Action.DELETE, id="jfrog-delete"),
        pytest.param(
            "jfrog",
            jfrog("deployed", "artifact", path="org/app/1.2.3/layer.tar", name="layer.tar"),
            {},
            Action.OTHER,
            id="jfrog-layer",
        ),
        pytest.param(
            "jfrog", {"domain": "build", "event_type": "uploaded", "data": {}}, {}, Action.OTHER, id="jfrog-build"
        ),
        pytest.param(
            "cdevents", cdevent(PURL, "dev.cdevents.artifact.deleted.0.1.0"), {}, Action.DELETE, id="cdevents-delete"
        ),
        pytest.param(
            "cdevents", cdevent("pkg:golang/mygit.com/myorg/myapp@234fd47e"), {}, Action.OTHER, id="cdevents-golang"
        ),
        pytest.param(
            "cdevents", cdevent("x", "dev.cdevents.pipelinerun.started.0.2.0"), {}, Action.OTHER, id="cdevents-pipeline"
        ),
    ],
)
def test_what_pushes_no_image_is_understood_and_wakes_nothing(
    type: str, payload: Any, headers: Headers, action: Action
) -> None:
    found = events(type, payload, headers)
    assert [event.action for event in found] == [action]
    assert not match(found, [Subject("apps", "app", "ghcr.io/org/app")]).wakes


@pytest.mark.parametrize(
    ("type", "payload"),
    [
        pytest.param("dockerhub", {}, id="dockerhub-empty"),
        pytest.param("dockerhub", {"push_data": {"tag": 7}, "repository": {"repo_name": "a/b"}}, id="tag-is-a-number"),
        pytest.param("dockerhub", {"push_data": [], "repository": {"repo_name": "a/b"}}, id="list-for-object"),
        pytest.param("harbor", {"type": "PUSH_ARTIFACT", "event_data": {"resources": [{}]}}, id="harbor-without-names"),
        pytest.param("gcr", {"message": {"data": "%%%"}}, id="gcr-no-base64"),
        pytest.param("acr", acr(repository=""), id="acr-without-repository"),
        pytest.param("ecr", ecr("evil.example.com/"), id="ecr-region-is-a-host"),
        pytest.param("ecr", {**ecr(), "account": "1"}, id="ecr-account"),
        pytest.param("distribution", {"event": []}, id="distribution-without-events"),
        pytest.param("cdevents", {"type": "x"}, id="cdevents-without-context"),
        pytest.param("quay", [], id="list"),
        pytest.param("github", b"\xff\xfe{", id="no-utf-8"),
    ],
)
def test_payload_of_another_form_is_refused_with_400(type: str, payload: Any) -> None:
    headers = {"X-GitHub-Event": "package"}
    found = verdict(type, payload, headers)
    assert isinstance(found, Refused)
    assert (found.status, found.reason) == (400, "InvalidPayload")


def places(value: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value inside of one, and of itself."""
    yield ()
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield from ((key, *place) for place in places(inner))


def replaced(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = replaced(value[place[0]], place[1:], new)
    return copy


@pytest.mark.parametrize("new", [None, 0, "", "//", [], {}, [None], ["x"], [[]]], ids=repr)
@pytest.mark.parametrize("kind", ["", "harbor.artifact.pushed", "dev.cdevents.artifact.published.0.3.0"])
def test_whatever_stands_in_a_field_is_an_answer(new: Any, kind: str) -> None:
    headers = {"Ce-Type": kind, "Ce-Id": "1"} if kind else {}
    payloads = [
        ("dockerhub", DOCKER_HUB),
        ("github", github()),
        ("harbor", harbor()),
        ("harbor", [HARBOR_CLOUD_EVENT]),
        ("quay", QUAY),
        ("gcr", pubsub(INSERT)),
        ("gcr", INSERT),
        ("acr", acr(tag="1.2.3")),
        ("acr", [GRID]),
        ("ecr", ecr()),
        ("ecr", CLOUD_EVENT),
        ("gitea", gitea()),
        ("gitlab", {"events": [distribution(tag="1.2.3")]}),
        ("nexus", nexus()),
        ("jfrog", jfrog()),
        ("aliyun", aliyun()),
        ("cdevents", [{"specversion": "1.0", "data": cdevent(PURL)}]),
    ]
    for sender, payload in payloads:
        for place in places(payload):
            assert verdict(sender, replaced(payload, place, new), headers).status in (200, 400), (sender, place)


def test_many_resources_of_harbor_are_many_events() -> None:
    payload = harbor()
    payload["event_data"]["resources"].append({"tag": "1.2", "resource_url": "harbor.dev/library/app:1.2"})
    assert [event.tag for event in events("harbor", payload)] == ["1.2.3", "1.2"]


def test_digest_in_place_of_a_tag_is_no_tag() -> None:
    url = f"harbor.dev/library/app@{DIGEST}"
    (event,) = events("harbor", harbor(tag=DIGEST, url=url))
    assert (event.tag, event.digest) == ("", DIGEST)
    (event,) = events("gitea", gitea(version=DIGEST))
    assert (event.tag, event.digest) == ("", DIGEST)


def test_what_cannot_be_a_tag_or_digest_is_left_out() -> None:
    (event,) = events("acr", acr(tag="-not a tag-", digest="sha256:xxxxd5c8786bb9e621a45ece0dbxxxx"))
    assert (event.tag, event.digest) == ("", "")


@pytest.mark.parametrize("id", [7, None, ["x"], "x" * 5000])
def test_odd_ids_of_deliveries_refuse_nothing(id: Any) -> None:
    assert events("acr", {**acr(tag="1"), "id": id})
    assert events("ecr", {**ecr(), "id": id})
    assert events("distribution", {"events": [{**distribution(tag="1"), "id": id}]})


def test_push_by_digest_alone_makes_one_scan() -> None:
    wakeups = match(events("acr", acr(digest=DIGEST)), [Subject("apps", "app", "reg.azurecr.io/app")])
    assert [wake.tags for wake in wakeups.wakes] == [()]


def test_virtual_repository_of_artifactory_replaces_the_local_one() -> None:
    found = events("jfrog", jfrog(), repository="docker")
    assert match(found, [Subject("apps", "app", "acme.jfrog.io/docker/org/app")]).wakes
    assert not match(found, [Subject("apps", "app", "acme.jfrog.io/docker-local/org/app")]).wakes


def test_form_is_read_as_github_and_gitea_send_it() -> None:
    body = b"payload=" + json.dumps(gitea()).encode().hex(" ").upper().replace(" ", "%").join(["%", ""]).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Gitea-Event": "package"}
    assert [event.tag for event in events("gitea", body, headers)] == ["1.2.3"]


def test_delivery_is_known_by_id_and_time() -> None:
    for sender, payload, headers, delivery in (
        ("github", github(), PACKAGE, "d1"),
        ("gcr", pubsub(INSERT), {}, "2070443601311540"),
        ("acr", acr(tag="1"), {}, "cb8c3971-9adc-488b-bdd8-43cbb4974ff5"),
        ("ecr", ecr(), {}, "13cde686-328b-6117-af20-0e5566167482"),
        ("nexus", nexus(), {"X-Nexus-Webhook-Delivery": "d2"}, "d2"),
    ):
        found = verdict(sender, payload, headers)
        assert isinstance(found, Accepted)
        assert found.delivery.id == delivery
    found = verdict("nexus", nexus())
    assert isinstance(found, Accepted)
    assert found.delivery.sent == datetime(2016, 11, 14, 19, 32, 13, 515000, tzinfo=UTC)


def test_only_events_of_the_spec_count() -> None:
    assert [event.action for event in events("github", github(), PACKAGE, events=("ping",))] == [Action.OTHER]
    assert [event.action for event in events("github", github(), PACKAGE, events=("Registry_Package",))] == [
        Action.PUSH
    ]
    assert [event.action for event in events("cdevents", cdevent(PURL), events=("dev.x",))] == [Action.OTHER]
