"""What senders write when an image is pushed: enough of their payloads to be understood, for `trigger receiver`."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from cli.grammar.session import Failed

_ECR_HOST: Final = re.compile(r"(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\..+")
_ALIYUN_HOST: Final = re.compile(r"registry(?:-vpc|-internal)?\.([a-z0-9-]+)\.aliyuncs\.com")
_MANIFEST: Final = "application/vnd.oci.image.index.v1+json"
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What was pushed, as the sample says it."""

    host: str
    repository: str
    tag: str
    digest: str
    id: str
    """Of the delivery."""
    at: str
    """When: RFC 3339, in UTC."""

    @property
    def image(self) -> str:
        """Host and repository."""
        return f"{self.host}/{self.repository}"

    @property
    def reference(self) -> str:
        """The same with the tag, or the digest where there is none."""
        return f"{self.image}:{self.tag}" if self.tag else f"{self.image}@{self.digest}"

    @property
    def owner_and_name(self) -> tuple[str, str]:
        """The first part of the repository, and the rest of it."""
        owner, slash, name = self.repository.partition("/")
        if not slash:
            raise Failed(f"--image: {self.image} has no owner, which this sender's images have")
        return owner, name


@dataclass(frozen=True, slots=True)
class Sample:
    """A request's headers and its JSON, before it is signed."""

    payload: Any
    headers: Mapping[str, str]

    @property
    def body(self) -> bytes:
        """The JSON as it is sent."""
        return json.dumps(self.payload, separators=(",", ":")).encode()


def make_sample(type: str, push: Push | None) -> Sample:
    """Return what a sender of this type writes of a push, without one of a merged pull request. Raises Failed."""
    if push is None:
        if type.startswith("generic"):
            return Sample({}, {})
        if type not in _MERGED:
            raise Failed(f"--image or --payload is required: what {type} sends names an image")
        return _MERGED[type]
    if type not in _WRITERS:
        raise Failed(f"--image: {type} announces no images; without it the sample says that a pull request was merged")
    payload, headers = _WRITERS[type](push)
    return Sample(payload, headers)


_Written = tuple[Any, dict[str, str]]


def _dockerhub(push: Push) -> _Written:
    return {"push_data": {"tag": push.tag}, "repository": {"repo_name": push.repository}}, {}


def _github(push: Push) -> _Written:
    owner, name = push.owner_and_name
    tag = {"name": push.tag, "digest": push.digest}
    version = {"version": push.digest, "package_url": push.reference, "container_metadata": {"tag": tag}}
    package = {"namespace": owner, "name": name, "package_type": "CONTAINER", "package_version": version}
    headers = {"X-GitHub-Event": "package", "X-GitHub-Delivery": push.id}
    return {"action": "published", "package": package}, headers


def _harbor(push: Push) -> _Written:
    resource = {"tag": push.tag, "digest": push.digest, "resource_url": push.reference}
    data = {"resources": [resource], "repository": {"repo_full_name": push.repository}}
    return {"type": "PUSH_ARTIFACT", "event_data": data}, {}


def _quay(push: Push) -> _Written:
    tags = [push.tag] if push.tag else []
    return {"repository": push.repository, "docker_url": push.image, "updated_tags": tags}, {}


def _gcr(push: Push) -> _Written:
    data = {"action": "INSERT", "digest": f"{push.image}@{push.digest}"} if push.digest else {"action": "INSERT"}
    if push.tag:
        data["tag"] = f"{push.image}:{push.tag}"
    message = {
        "messageId": push.id,
        "publishTime": push.at,
        "data": base64.b64encode(json.dumps(data).encode()).decode(),
    }
    return {"message": message, "subscription": "projects/sample/subscriptions/tagline"}, {}


def _acr(push: Push) -> _Written:
    target = {"mediaType": _MANIFEST, "repository": push.repository, "tag": push.tag, "digest": push.digest}
    return {"id": push.id, "timestamp": push.at, "action": "push", "target": target, "request": {"host": push.host}}, {}


def _ecr(push: Push) -> _Written:
    match = _ECR_HOST.fullmatch(push.host)
    if match is None:
        raise Failed(
            f"--image: {push.host} is no registry of Amazon, such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com"
        )
    detail = {
        "action-type": "PUSH", "result": "SUCCESS", "repository-name": push.repository, "image-tag": push.tag,
        "image-digest": push.digest,
    }  # fmt: skip
    event = {
        "id": push.id, "time": push.at, "source": "aws.ecr", "detail-type": "ECR Image Action", "account": match[1],
        "region": match[2], "detail": detail,
    }  # fmt: skip
    return event, {}


def _gitea(push: Push) -> _Written:
    owner, name = push.owner_and_name
    url = f"https://{push.host}/{owner}/-/packages/container/{quote(name, safe='')}/{push.tag}"
    package = {"type": "container", "owner": {"login": owner}, "name": name, "version": push.tag, "html_url": url}
    headers = {"X-Gitea-Event": "package", "X-Gitea-Delivery": push.id}
    return {"action": "created", "package": package}, headers


def _distribution(push: Push) -> _Written:
    target = {"mediaType": _MANIFEST, "repository": push.repository, "tag": push.tag, "digest": push.digest}
    event = {"id": push.id, "timestamp": push.at, "action": "push", "target": target, "request": {"host": push.host}}
    return {"events": [event]}, {"Content-Type": "application/vnd.docker.distribution.events.v2+json"}


def _nexus(push: Push) -> _Written:
    component = {"format": "docker", "name": push.repository, "version": push.tag}
    payload = {"timestamp": push.at, "repositoryName": "docker", "action": "CREATED", "component": component}
    return payload, {"X-Nexus-Webhook-Id": "rm:repository:component", "X-Nexus-Webhook-Delivery": push.id}


def _jfrog(push: Push) -> _Written:
    key, name = push.owner_and_name
    data = {"repo_key": key, "image_name": name, "tag": push.tag, "path": f"{name}/{push.tag}/list.manifest.json"}
    if push.digest:
        data["sha256"] = push.digest.removeprefix("sha256:")
    return {"domain": "docker", "event_type": "pushed", "data": data, "jpd_origin": f"https://{push.host}"}, {}


def _aliyun(push: Push) -> _Written:
    match = _ALIYUN_HOST.fullmatch(push.host)
    repository = {"repo_full_name": push.repository, "region": match[1] if match else ""}
    return {"push_data": {"tag": push.tag, "digest": push.digest}, "repository": repository}, {}


def _cdevents(push: Push) -> _Written:
    version = push.digest or push.tag
    name = push.repository.rpartition("/")[2]
    purl = f"pkg:oci/{name}@{quote(version, safe='')}?repository_url={quote(push.image, safe='')}&tag={push.tag}"
    context = {"id": push.id, "timestamp": push.at, "type": "dev.cdevents.artifact.published.0.2.0", "version": "0.4.1"}
    return {"context": context, "subject": {"id": purl, "type": "artifact"}}, {}


def _generic(push: Push) -> _Written:
    return {"image": push.reference, "tag": push.tag, "digest": push.digest}, {"X-Delivery-Id": push.id}


_PULL_REQUEST: Final = {"action": "closed", "pull_request": {"merged": True}}
_MERGED: Final[Mapping[str, Sample]] = {
    "github": Sample(_PULL_REQUEST, {"X-GitHub-Event": "pull_request"}),
    "gitea": Sample(_PULL_REQUEST, {"X-Gitea-Event": "pull_request"}),
    "gitlab": Sample(
        {"object_kind": "merge_request", "object_attributes": {"action": "merge"}},
        {"X-Gitlab-Event": "Merge Request Hook"},
    ),
    "bitbucket": Sample({"pullrequest": {"state": "MERGED"}}, {"X-Event-Key": "pullrequest:fulfilled"}),
}
"""What forges write when a pull request was merged."""
_WRITERS: Final[Mapping[str, Callable[[Push], _Written]]] = {
    "dockerhub": _dockerhub,
    "github": _github,
    "harbor": _harbor,
    "quay": _quay,
    "gcr": _gcr,
    "acr": _acr,
    "ecr": _ecr,
    "gitea": _gitea,
    "gitlab": _distribution,
    "distribution": _distribution,
    "nexus": _nexus,
    "jfrog": _jfrog,
    "aliyun": _aliyun,
    "cdevents": _cdevents,
    "generic": _generic,
    "generic-hmac": _generic,
    "generic-oidc": _generic,
}
