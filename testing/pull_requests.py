"""An automation that asks for pull requests, for the tests of its runs."""

from typing import Any

from msgspec.structs import replace

from api.imagepolicy import ImageRef
from api.pullrequest import PullRequestSpec
from testing.automation_harness import MAIN, AutomationHarness, manifest
from testing.builders import git_spec

HEAD = "tagline/apps-fleet"
BRANCH = f"refs/heads/{HEAD}"
URL = "https://git.example/org/fleet/pulls/1"
API = ImageRef(name="x/api", tag="2.0.0")


def ask(harness: AutomationHarness, **pull_request: Any) -> None:
    """Have the automation offer pull requests."""
    spec = PullRequestSpec(**{"forge": "gitea", **pull_request})
    harness.spec(git=replace(git_spec(), pull_request=spec))
    harness.allow_token()


def with_two_policies(harness: AutomationHarness, **pull_request: Any) -> None:
    """Have it offer the images of two policies, each in a file of its own."""
    harness.git.put(MAIN, {"apps/api.yaml": manifest("1.0.0", marker="apps:api").replace(b"x/web", b"x/api")})
    harness.choose("api", API)
    ask(harness, **pull_request)


def human_commit(harness: AutomationHarness, branch: str = BRANCH) -> str:
    """Commit to its branch as a person does."""
    return harness.git.put(branch, {"human.md": b"mine\n"})
