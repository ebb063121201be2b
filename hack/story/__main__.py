"""`python -m hack.story [--runs N] [--image ARCHIVE] [--engine argocd]`: times the legs of the story on a node."""

import argparse
import sys
import tempfile
from pathlib import Path

from hack.demo.narration import Narrator
from hack.demo.node import FIRST_BUILD, STORIES, measure
from hack.image.build import CLOUD


def main() -> int:
    """Print every run and the medians; return 0."""
    parser = argparse.ArgumentParser(prog="python -m hack.story", description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--image", type=Path, default=CLOUD.archive, help="archive of tagline's image (make image)")
    parser.add_argument("--engine", choices=list(STORIES), default="flux", help="who deploys from Git")
    options = parser.parse_args()
    narrator = Narrator()
    with tempfile.TemporaryDirectory(prefix="tagline-story-") as folder, STORIES[options.engine](Path(folder)) as story:
        with narrator.step("an empty cluster is bootstrapped"):
            story.publish_controllers(options.image)
            story.bootstrap()
        with narrator.step("the application runs"):
            for tag in ("v1.0.0", FIRST_BUILD):
                story.release(tag)
            story.deploy(first_release="v1.0.0", first_build=FIRST_BUILD)
        narrator.title(f"staging, {options.runs} builds, intervals of 2 s")
        narrator.say(f"median: {measure(story, narrator, runs=options.runs)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
