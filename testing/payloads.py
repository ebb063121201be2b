"""Payloads of webhooks for unit tests, in the shapes that senders' documentation or source shows, and what they say."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from controllers.webhooks.judge import judge
from controllers.webhooks.request import Request
from controllers.webhooks.settings import Settings
from controllers.webhooks.verdict import Accepted, Event, Refused

NOW = datetime(2026, 11, 30, 7, tzinfo=UTC)
DIGEST = "sha256:" + "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"[:64]

Headers = dict[str, str]


def verdict(type: str, payload: Any, headers: Headers | None = None, **settings: Any) -> Accepted | Refused:
    """Return what is made of a payload whose sender is not asked who it is."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    request = Request(arrived=NOW, body=body, headers=tuple((headers or {}).items()))
    return judge(request, Settings(type=type, **settings), verifies=False)


def events(type: str, payload: Any, headers: Headers | None = None, **settings: Any) -> tuple[Event, ...]:
    """Return the events of a payload that is taken."""
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
