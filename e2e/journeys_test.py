"""The journeys of `make demo`, and manifests in older API versions, as users wrote them."""

from collections.abc import Iterator

import pytest

from e2e import journeys
from e2e.cluster import Space, condition
from e2e.conftest import Parts
from e2e.journeys import Journey
from e2e.objects import deployment, git_secret
from hack.githost import GitHost
from hack.oci import Pusher

OLDEST = "main-2d3fcbd-1611906956"
NEWEST = "main-25de3e1a-1695469144"
USERS_MANIFESTS = """
apiVersion: source.toolkit.fluxcd.io/v1beta2
kind: GitRepository
metadata:
  name: fleet
spec:
  interval: 1h
  url: {url}
  ref:
    branch: main
  secretRef:
    name: fleet-login
---
apiVersion: image.toolkit.fluxcd.io/{version}
kind: ImageRepository
metadata:
  name: app
spec:
  image: {image}
  interval: 1h
---
apiVersion: image.toolkit.fluxcd.io/{version}
kind: ImagePolicy
metadata:
  name: app
spec:
  imageRepositoryRef:
    name: app
  policy:
    semver:
      range: ">=1.0.0 <2.0.0"
---
apiVersion: image.toolkit.fluxcd.io/{version}
kind: ImageUpdateAutomation
metadata:
  name: fleet
spec:
  interval: 1h
  sourceRef:
    kind: GitRepository
    name: fleet
  git:
    checkout:
      ref:
        branch: main
    commit:
      author:
        email: fluxcdbot@users.noreply.github.com
        name: fluxcdbot
      messageTemplate: |
        Automation name: {{{{ .AutomationObject }}}}
        {{{{ range $resource, $_ := .Updated.Objects -}}}}
        - {{{{ $resource.Kind | lower }}}} {{{{ $resource.Name | lower }}}}
        {{{{ end -}}}}
        {{{{range .Updated.Images}}}}{{{{println .}}}}{{{{end}}}}
    push:
      branch: main
  update:
    path: ./clusters
    strategy: Setters
"""


@pytest.fixture
def production(space: Space, parts: Parts, registry: Pusher, git_host: GitHost) -> Iterator[Journey]:
    journey = journeys.production(
        space, git_host, registry, host=parts.registry, user=parts.registry_user, password=parts.registry_password
    )
    yield journey
    git_host.delete_repository(journey.repository.name)


@pytest.fixture
def staging(space: Space, parts: Parts, open_registry: Pusher, git_host: GitHost) -> Iterator[Journey]:
    journey = journeys.staging(space, git_host, open_registry, host=parts.open_registry, tag=OLDEST)
    yield journey
    git_host.delete_repository(journey.repository.name)


def test_production_follows_a_release_of_a_private_image_into_one_helm_values_file(production: Journey) -> None:
    space, name = production.space, production.name
    assert production.commits() == []
    production.push("1.0.1")
    production.scan()
    production.settle("1.0.1")
    (commit,) = commits = production.commits()
    production.require_exact(commits, ["1.0.0", "1.0.1"])
    found = space.wait_ready("ImageUpdateAutomation", name, message=commit.id[:7])
    assert found["status"]["lastPushCommit"] == commit.id
    event = space.wait_event(
        "ImageUpdateAutomation", name, type="Normal", reason="Succeeded", message="^committed and pushed"
    )
    assert event["message"] == (
        f"committed and pushed commit '{commit.id}' to branch 'main'\n{production.image}:1.0.1\n"
    )


def test_staging_follows_the_newest_build_of_main_and_nothing_else(staging: Journey) -> None:
    space, name = staging.space, staging.name
    staging.push(NEWEST)
    staging.scan()
    staging.settle(NEWEST)
    staging.push("main-aaaaaaa-1600000000", "feature-bbbbbbb-1999999999")
    space.request_and_wait("ImageRepository", name)
    assert space.get("ImageRepository", name)["status"]["lastScanResult"]["tagCount"] == 4
    space.request_and_wait("ImagePolicy", name)
    found = space.request_and_wait("ImageUpdateAutomation", name)
    assert condition(found, "Ready")["message"].startswith("no updates made; last commit")
    staging.require_exact(staging.commits(), [OLDEST, NEWEST])


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2", "v1"])
def test_users_manifests_are_followed_whatever_their_version(
    space: Space, parts: Parts, open_registry: Pusher, git_host: GitHost, version: str
) -> None:
    image = f"{parts.open_registry}/{space.name}/app"
    open_registry.push_tags(f"{space.name}/app", ["1.0.0", "1.4.2", "2.0.0"])
    files = {f"{folder}/app.yaml": deployment(f"{image}:1.0.0", f"{space.name}:app") for folder in ("clusters", "x")}
    repository = git_host.create_repository(space.name, files)
    git_secret(space, "fleet-login", parts.git_user, parts.git_password)
    manifests = USERS_MANIFESTS.format(version=version, image=image, url=repository.url)
    space.kubectl("apply", "-n", space.name, "-f", "-", stdin=manifests)
    found = space.wait_ready("ImageUpdateAutomation", "fleet", message=r"last commit|committed and pushed")
    assert found["status"]["lastPushCommit"] == repository.head()
    assert repository.file("clusters/app.yaml") == files["clusters/app.yaml"].replace(":1.0.0", ":1.4.2")
    assert repository.file("x/app.yaml") == files["x/app.yaml"]
    message = f"Automation name: {space.name}/fleet\n- deployment app\n{image}:1.4.2"
    assert repository.messages()[0] == message
    assert repository.log("-1", "--format=%an <%ae>").strip() == "fluxcdbot <fluxcdbot@users.noreply.github.com>"
    # What an older client reads back is what it has written.
    for kind, name in (("imagerepository", "app"), ("imagepolicy", "app"), ("imageupdateautomation", "fleet")):
        shown = f"{kind}.{version}.image.toolkit.fluxcd.io"
        space.kubectl("wait", shown, name, "-n", space.name, "--for=condition=Ready", "--timeout=10s")
    git_host.delete_repository(repository.name)
