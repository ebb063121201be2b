"""`hack.story.argocd_on_node`: the story with Argo CD, from an empty cluster to pods that follow the registry."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.demo.narration import Narrator
from hack.demo.node import tell
from hack.env import argocd
from hack.story.argocd_fleet import VALUES
from hack.story.argocd_on_node import ArgoStory, argo_story
from hack.story.fleet import STAGING

pytestmark = pytest.mark.skipif(argocd.find_built() is None, reason="Argo CD is not built: make argocd does it")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArgoStory]:
    """Yield a cluster of this module's own: the other tests' has tagline already."""
    with argo_story(tmp_path_factory.mktemp("story")) as made:
        yield made


def test_a_pushed_tag_ends_in_a_pod_that_answers_it(story: ArgoStory, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        tell(story, Narrator(), Path(os.environ["E2E_IMAGE"]))
    # One commit a release, the denied one and the way back included, and none besides.
    assert story.repository.log("--format=%an", "--", VALUES).split().count("tagline") == 3
    assert story.repository.log("--format=%an", "--", STAGING).split().count("tagline") == 1
