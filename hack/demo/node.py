"""The demo on a node: from an empty cluster to pods that follow the registry, deployed by Flux or Argo CD from Git."""

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from hack.controllers import KubectlFailed
from hack.demo.narration import DemoFailed, Narrator, require, wait_for
from hack.env import debian, process, tools
from hack.env.node.check import NodeImpossible
from hack.image.build import CLOUD
from hack.story import pods
from hack.story.argocd_on_node import argo_story
from hack.story.fleet import PRODUCTION, STAGING
from hack.story.legs import Legs, NeverReached, median
from hack.story.on_node import STEP_SECONDS, NodeStory, node_story
from hack.story.watching import Watch

STORIES: Mapping[str, Callable[[Path], AbstractContextManager[NodeStory]]] = {"flux": node_story, "argocd": argo_story}
FIRST_BUILD = "main-2d3fcbd-1611906956"
NEXT_BUILD = "main-25de3e1a-1695469144"


def play(*, keep: bool, engine: str = "flux") -> int:
    """Play the demo and return 0 when every step succeeded.

    keep: wait for a key before all of it is stopped. engine: who deploys, `flux` or `argocd`.
    """
    narrator = Narrator()
    narrator.title("A cluster with a node, a private registry and a Git host on this machine")
    if not CLOUD.archive.exists():
        narrator.failed(DemoFailed(f"{CLOUD.archive} is not there: make image"))
        return 1
    folder = Path(tempfile.mkdtemp(prefix="tagline-demo-"))
    began = time.monotonic()
    try:
        with STORIES[engine](folder) as story:
            tell(story, narrator, CLOUD.archive)
            narrator.title(f"Done in {time.monotonic() - began:.0f} s.")
            if keep:
                narrator.say(f"export KUBECONFIG={story.env.kubeconfig}")
                input("  Return stops everything. ")
    except (tools.BuildFailed, process.NotStarted, NodeImpossible, debian.NotUnpacked, KubectlFailed) as error:
        narrator.failed(error)
        return 1
    except (DemoFailed, NeverReached, RuntimeError) as error:
        narrator.failed(error)
        narrator.say(f"logs: {folder}")
        return 1
    return 0


def tell(story: NodeStory, narrator: Narrator, archive: Path) -> None:
    """Play the story. archive: of tagline's image. Raises what its steps raise, and DemoFailed."""
    narrator.title("An empty cluster")
    with narrator.step("images of the controllers are in the private registry"):
        story.publish_controllers(archive)
    with narrator.step(
        f"tagline bootstrap git: manifests are in Git, {story.engine} syncs them, controllers run as pods"
    ):
        story.bootstrap()
    narrator.title("CI, production by releases, staging by builds of main")
    with narrator.step(f"CI has built and pushed v1.0.0 and {FIRST_BUILD}"):
        story.release("v1.0.0")
        story.release(FIRST_BUILD)
    with narrator.step(f"{story.forms}, policies and automations are in Git; pods answer 1.0.0"):
        story.deploy(first_release="v1.0.0", first_build=FIRST_BUILD)
    for stage, tag in ((PRODUCTION, "v1.0.1"), (STAGING, NEXT_BUILD)):
        with narrator.step(f"CI pushes {tag}, and the pods of {stage} answer it"):
            legs = story.follow(stage, tag)
        narrator.say(f"{legs}")
    deny_bad_release(story, narrator)


def deny_bad_release(story: NodeStory, narrator: Narrator) -> None:
    """Play a release that does not start. Raises DemoFailed."""
    narrator.title("A bad release")
    watch = Watch(story.api, story.repository, PRODUCTION)
    running, good = story.is_running(PRODUCTION, "v1.0.1"), f"{story.fleet.image}:v1.0.1"
    with narrator.step("CI pushes v1.0.2, which ends right after its start; the pods of 1.0.1 go on answering"):
        story.release("v1.0.2", broken=True)
        wait_for(
            lambda: "CrashLoopBackOff" in pods.waiting_reasons(story.api, PRODUCTION), what="the crash of v1.0.2",
            component="the kubelet", seconds=STEP_SECONDS,
        )  # fmt: skip
        require(running(), what="1.0.1 no longer answers", component="the Deployment")
    with narrator.step("one line in its policy denies v1.0.2; Git and the cluster go back"):
        story.deny("v1.0.2")
        wait_for(
            lambda: watch.applied() == good and len(pods.list_pods(story.api, PRODUCTION)) == 1 and running(),
            what="v1.0.1 in the cluster", component=f"{story.engine} and tagline", seconds=STEP_SECONDS,
        )  # fmt: skip
        text = story.repository.file(story.chosen_file)
        require("v1.0.1 #" in text, what="Git has not gone back", component="tagline")


def measure(story: NodeStory, narrator: Narrator, *, runs: int) -> Legs:
    """Time several builds of staging after another and return the median of each leg."""
    legs = []
    for number in range(runs):
        legs.append(story.follow(STAGING, f"main-{number:07x}-{1700000000 + number}"))
        narrator.say(f"{legs[-1]}")
    return median(legs)
