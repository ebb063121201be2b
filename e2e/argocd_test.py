"""`manifests`: beside Argo CD, from a pushed tag to the cluster's Deployment, by Argo CD's own controllers.

Application controller and repo server run as processes (`make argocd` builds them), beside tagline's three. Production
is a Helm chart with a file of values, staging a kustomization.
"""

import json
from collections.abc import Iterator

import pytest

from e2e.argocd_world import ArgoWorld, Reader, argo_world, reader
from e2e.cluster import eventually
from hack.controllers import Controllers
from hack.env import argocd
from hack.githost import Repository
from hack.pages.blocks import blocks_of
from hack.story.argocd_fleet import VALUES, ArgoFleet
from hack.story.fleet import APP, PRODUCTION, STAGING
from hack.story.watching import Watch

pytestmark = [
    pytest.mark.argocd,
    pytest.mark.skipif(argocd.find_built() is None, reason="Argo CD is not built: make argocd does it"),
]

PAGE = "docs/start/argocd.md"
IMAGE = "org/app"
NEXT_BUILD = "main-25de3e1a-1695469144"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArgoWorld]:
    with argo_world(tmp_path_factory.mktemp("argocd")) as made:
        made.install()
        yield made


@pytest.fixture(scope="module")
def controllers(world: ArgoWorld) -> Iterator[Controllers]:
    with world.controllers() as running:
        yield running


@pytest.fixture(scope="module")
def repository(world: ArgoWorld) -> Repository:
    return world.host.create_repository("fleet", {})


@pytest.fixture(scope="module")
def fleet(world: ArgoWorld, controllers: Controllers, repository: Repository) -> ArgoFleet:
    """Return the story's fleet, with both stages deployed."""
    fleet = ArgoFleet(world.fleet(IMAGE, repository.url))
    world.deploy(fleet, IMAGE, repository, [fleet.login(), *fleet.applications()])
    return fleet


@pytest.mark.parametrize(
    ("stage", "tag"),
    [pytest.param(PRODUCTION, "v1.0.1", id="helm-values"), pytest.param(STAGING, NEXT_BUILD, id="kustomization")],
)
def test_a_pushed_tag_becomes_a_commit_that_argocd_applies(
    world: ArgoWorld,
    fleet: ArgoFleet,
    repository: Repository,
    stage: str,
    tag: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = len(repository.messages())
    watch = Watch(world.api, repository, stage)
    legs = watch.release(lambda: world.pusher.push(IMAGE, tag), tag, image=fleet.fleet.image)
    with capsys.disabled():
        print(f"\n  {stage}, Argo CD, intervals of 2 s: {legs}")
    assert list(legs.moments) == ["seen", "chosen", "committed", "applied"]
    assert len(repository.messages()) == before + 1
    # What Argo CD reports is about the very commit, and has nothing left to do.
    eventually(
        lambda: world.application(stage).get("sync", {}).get("revision") == repository.head(),
        what="the commit in the status of the Application",
    )
    eventually(lambda: world.application(stage)["sync"]["status"] == "Synced", what="an Application in sync")


def test_tagline_writes_into_the_values_and_into_nothing_of_argocd(
    world: ArgoWorld, fleet: ArgoFleet, repository: Repository
) -> None:
    author = repository.log("-1", "--format=%an", "--", VALUES).strip()
    assert author == "tagline"
    assert repository.log("--format=%an", "--", "charts").split() == ["A", "Person"]
    text = world.kubectl(
        "get", "application", PRODUCTION, "-n", argocd.NAMESPACE, "-o", "json", "--show-managed-fields"
    ).stdout
    managers = {entry["manager"] for entry in json.loads(text)["metadata"]["managedFields"]}
    assert managers == {"kubectl-client-side-apply", "argocd-application-controller"}


def test_a_bad_release_is_denied_with_one_line_and_git_and_cluster_go_back(
    world: ArgoWorld, fleet: ArgoFleet, repository: Repository
) -> None:
    production = Watch(world.api, repository, PRODUCTION)
    good = production.applied()
    production.release(lambda: world.pusher.push(IMAGE, "v1.0.2"), "v1.0.2", image=fleet.fleet.image)
    assert production.applied() == f"{fleet.fleet.image}:v1.0.2" != good
    deny = {"spec": {"policy": {"deny": [{"tag": "v1.0.2"}]}}}
    world.kubectl("patch", "imagepolicy", APP, "-n", PRODUCTION, "--type=merge", "-p", json.dumps(deny))
    eventually(lambda: production.applied() == good, what=f"{good} in the cluster again", seconds=120)
    assert f"tag: {good.rpartition(':')[2]} #" in repository.file(VALUES)


def test_a_tag_that_comes_while_argocd_is_away_is_applied_when_it_is_back(
    world: ArgoWorld, fleet: ArgoFleet, repository: Repository
) -> None:
    staging, newest = Watch(world.api, repository, STAGING), "main-e21d5f90-1695526572"
    head = repository.head()
    world.engine.stop()
    try:
        world.pusher.push(IMAGE, newest)
        eventually(lambda: repository.head() != head, what="a commit, which needs nothing of Argo CD")
    finally:
        world.engine.start()
    eventually(
        lambda: staging.applied() == f"{fleet.fleet.image}:{newest}", what=f"{newest} in the cluster", seconds=120
    )


@pytest.fixture(scope="module")
def person(world: ArgoWorld, fleet: ArgoFleet) -> Iterator[Reader]:
    """Follow the page in a repository of its own, with a chart and a Deployment that are there already."""
    given = fleet.files(release="", build="")
    files = {path: text for path, text in given.items() if path.startswith("charts/")}
    deployment = given["base/web.yaml"].replace("name: web\nspec", "name: internal\nspec")
    repository = world.host.create_repository("page", {**files, "internal/deployment.yaml": deployment})
    env, url = world.env, repository.url
    with reader(world, repository) as person:
        world.apply([
            argocd.repository_secret("page", url, env.git_user, env.git_password),
            argocd.application("root", argocd.NAMESPACE, {"repoURL": url, "path": "applications"}),
            argocd.application("internal", "apps", {"repoURL": url, "path": "internal"}),
        ])  # fmt: skip
        person.follow(PAGE)
        yield person


def test_who_follows_the_page_has_one_commit_and_three_deployments(world: ArgoWorld, person: Reader) -> None:
    for name in ("web", "internal", "canary"):
        eventually(
            lambda name=name: world.image("apps", name) == f"{world.env.registry}/org/web:1.1.0",  # type: ignore[misc]
            what=f"1.1.0 in {name}; Argo CD says {world.application(name)}", seconds=120,
        )  # fmt: skip
    committed = person.repository.log("--author=tagline", "--format=%an", "--name-only").split()
    changed = ["applications/canary.yaml", "helm/my-values.yaml", "internal/kustomization.yaml"]
    assert committed == ["tagline", *changed]


def test_an_application_with_objects_of_tagline_is_as_healthy_as_they_are(world: ArgoWorld, person: Reader) -> None:
    (images,) = (block.body for block in blocks_of(PAGE) if block.file_name == "images.yaml")
    person.repository.commit({"images/images.yaml": person.local(images)}, "Look after images")
    world.apply([argocd.application("images", "apps", {"repoURL": person.repository.url, "path": "images"})])
    eventually(lambda: world.health("images") == "Healthy", what="a healthy Application")
    change = ("patch", "imagepolicy", "web", "-n", "apps", "--type=merge", "-p")
    world.kubectl(*change, '{"spec": {"policy": {"semver": {"range": "^9"}}}}')
    eventually(lambda: world.health("images") == "Degraded", what="a policy that cannot choose")
    world.kubectl(*change, '{"spec": {"policy": {"semver": {"range": "^1"}}}}')
    eventually(lambda: world.health("images") == "Healthy", what="a healthy Application again")
    # What the annotation of the page is for.
    world.kubectl("annotate", "gitrepository", "fleet", "-n", "apps", "argocd.argoproj.io/ignore-healthcheck-")
    eventually(lambda: world.health("images") == "Progressing", what="an Application that waits for Flux")
