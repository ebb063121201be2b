"""`manifests`: beside Flux, from a pushed tag to the cluster's Deployment, by Flux's own controllers.

source- and kustomize-controller run as processes (`make flux-engines` builds them), beside tagline's three.
"""

import json
from collections.abc import Iterator

import pytest

from e2e.cluster import eventually
from e2e.engine_world import EngineWorld, engine_world
from hack.controllers import Controllers
from hack.env import flux
from hack.githost import Repository
from hack.story.fleet import APP, PRODUCTION, STAGING, Fleet
from hack.story.watching import Watch

pytestmark = pytest.mark.skipif(
    flux.find_built() is None, reason="Flux's controllers are not built: make flux-engines does it"
)

IMAGE = "org/web"
NEXT_BUILD = "main-25de3e1a-1695469144"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineWorld]:
    """Yield a cluster of this module's own: its GitRepository CRD is Flux's."""
    with engine_world(tmp_path_factory.mktemp("engines")) as made:
        made.install("flux-sources")
        yield made


@pytest.fixture(scope="module")
def controllers(world: EngineWorld) -> Iterator[Controllers]:
    with world.controllers() as running:
        yield running


@pytest.fixture(scope="module")
def repository(world: EngineWorld) -> Repository:
    return world.host.create_repository("fleet", {})


@pytest.fixture(scope="module")
def fleet(world: EngineWorld, controllers: Controllers, repository: Repository) -> Fleet:
    """Return the story's fleet, with both stages deployed."""
    fleet = world.fleet(IMAGE, repository.url)
    engine_objects = [*fleet.engine_objects(PRODUCTION), *fleet.engine_objects(STAGING)]
    world.deploy(fleet, IMAGE, repository, engine_objects)
    return fleet


def watch(world: EngineWorld, repository: Repository, stage: str) -> Watch:
    return Watch(world.api, repository, stage)


@pytest.mark.parametrize(
    ("stage", "tag"),
    [pytest.param(PRODUCTION, "v1.0.1", id="plain-manifests"), pytest.param(STAGING, NEXT_BUILD, id="kustomization")],
)
def test_a_pushed_tag_becomes_a_commit_that_flux_applies(
    world: EngineWorld,
    fleet: Fleet,
    repository: Repository,
    stage: str,
    tag: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = len(repository.messages())
    legs = watch(world, repository, stage).release(lambda: world.pusher.push(IMAGE, tag), tag, image=fleet.image)
    with capsys.disabled():
        print(f"\n  {stage}, Flux's kustomize-controller, intervals of 2 s: {legs}")
    assert list(legs.moments) == ["seen", "chosen", "committed", "applied"]
    assert len(repository.messages()) == before + 1
    # What Flux reports is about the very commit.
    head = f"main@sha1:{repository.head()}"
    eventually(
        lambda: world.api.get("Kustomization", stage, APP)["status"].get("lastAppliedRevision") == head,  # type: ignore[index]
        what=f"{head} in the status of the Kustomization",
    )
    source = world.api.get("GitRepository", stage, "fleet")
    assert source is not None
    assert source["status"]["artifact"]["revision"] == head


def test_tagline_writes_nothing_into_sources_of_flux(world: EngineWorld, fleet: Fleet) -> None:
    source = json.loads(
        world.kubectl("get", "gitrepository", "fleet", "-n", STAGING, "-o", "json", "--show-managed-fields").stdout
    )
    managers = {entry["manager"] for entry in source["metadata"]["managedFields"]}
    assert managers == {"kubectl-client-side-apply", "gotk-source-controller", "source-controller"} & managers
    assert "source-controller" in " ".join(managers)


def test_a_bad_release_is_denied_with_one_line_and_the_cluster_goes_back(
    world: EngineWorld, fleet: Fleet, repository: Repository
) -> None:
    production = watch(world, repository, PRODUCTION)
    good = production.applied()
    production.release(lambda: world.pusher.push(IMAGE, "v1.0.2"), "v1.0.2", image=fleet.image)
    before = production.chosen(), production.applied()
    assert before == ("v1.0.2", f"{fleet.image}:v1.0.2")
    deny = {"spec": {"policy": {"deny": [{"tag": "v1.0.2"}]}}}
    world.kubectl("patch", "imagepolicy", APP, "-n", PRODUCTION, "--type=merge", "-p", json.dumps(deny))
    eventually(lambda: production.applied() == good, what=f"{good} in the cluster again", seconds=120)
    assert f"image: {good} #" in repository.file("production/web.yaml")


def test_a_tag_that_comes_while_flux_is_away_is_applied_when_it_is_back(
    world: EngineWorld, fleet: Fleet, repository: Repository
) -> None:
    staging, newest = watch(world, repository, STAGING), "main-e21d5f90-1695526572"
    head = repository.head()
    world.engines.stop()
    try:
        world.pusher.push(IMAGE, newest)
        eventually(lambda: repository.head() != head, what="a commit, which needs none of Flux's controllers")
    finally:
        world.engines.start()
    eventually(lambda: staging.applied() == f"{fleet.image}:{newest}", what=f"{newest} in the cluster", seconds=120)
