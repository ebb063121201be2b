"""`controllers.webhooks.senders`: what payloads say, in the shapes that senders' documentation or source shows."""

import base64
from typing import Any

import pytest

from controllers.webhooks.matching import Subject, match
from controllers.webhooks.verdict import Action
from testing.payloads import (
    CLOUD_EVENT,
    DIGEST,
    DOCKER_HUB,
    GRID,
    HARBOR_CLOUD_EVENT,
    INSERT,
    PACKAGE,
    PURL,
    QUAY,
    ZIP,
    Headers,
    acr,
    aliyun,
    cdevent,
    distribution,
    ecr,
    events,
    gitea,
    github,
    harbor,
    jfrog,
    nexus,
    pubsub,
)

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
