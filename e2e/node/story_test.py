"""`hack.story`: an empty cluster is bootstrapped from Git; pods follow the registry, and a bad release goes back."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.demo.narration import Narrator
from hack.demo.node import tell
from hack.env import flux
from hack.story.fleet import PRODUCTION, STAGING
from hack.story.on_node import PATH, NodeStory, node_story

pytestmark = pytest.mark.skipif(
    flux.find_built() is None, reason="Flux's controllers are not built: make flux-engines does it"
)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeStory]:
    """Yield a cluster of this module's own: the other tests' has tagline already."""
    with node_story(tmp_path_factory.mktemp("story")) as made:
        yield made


def test_a_pushed_tag_ends_in_a_pod_that_answers_it(story: NodeStory, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        tell(story, Narrator(), Path(os.environ["E2E_IMAGE"]))
    # One commit a release, the denied one and the way back included, and none besides.
    log = story.repository.log("--format=%an", "--", PRODUCTION).split()
    assert log.count("tagline") == 3
    assert story.repository.log("--format=%an", "--", STAGING).split().count("tagline") == 1
    # The application's image is private: without the pull secret no kubelet has it.
    for stage in (PRODUCTION, STAGING):
        secrets = story.kubectl("get", "deployment", "web", "-n", stage, "-o", "jsonpath={..imagePullSecrets[*].name}")
        assert secrets.stdout == "pull"
    assert "flux-system" in story.repository.log("--name-only", "--format=", "--", PATH)
