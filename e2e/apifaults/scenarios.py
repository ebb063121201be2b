"""What is played: each scenario is a user's day in one namespace, and says itself when it has come to its end."""

from collections.abc import Awaitable, Callable, Mapping

from e2e.apifaults.observer import Objects
from e2e.apifaults.play import AUTHOR, OWN_KINDS, Play
from e2e.objects import deployment

Scenario = Callable[[Play], Awaitable[None]]
MESSAGE = "{{range .Changed.Changes}}{{.OldValue}} -> {{.NewValue}}{{end}}"


async def begin(play: Play, *tags: str, deployed: str, policy: Mapping[str, object] | None = None) -> None:
    """Set up image, Git, and all objects, of which everything is named `app`."""
    await play.push(*tags)
    files = {
        "apps/app.yaml": deployment(f"{play.image()}:{deployed}", f"{play.namespace}:app"),
        "README.md": "# fleet\n",
    }
    url = await play.repository(files)
    await play.apply("Secret", "git", stringData=play.git_secret())
    await play.apply("Secret", "pull", type="kubernetes.io/dockerconfigjson", stringData=play.pull_secret())
    source = {"url": url, "interval": "1h", "ref": {"branch": "main"}, "secretRef": {"name": "git"}}
    await play.apply("GitRepository", "fleet", source)
    image = {"image": play.image(), "interval": "1h", "insecure": True, "secretRef": {"name": "pull"}}
    await play.apply("ImageRepository", "app", image)
    chosen = policy or {"policy": {"semver": {"range": ">=1.0.0 <2.0.0"}}}
    await play.apply("ImagePolicy", "app", {"imageRepositoryRef": {"name": "app"}, **chosen})
    await play.apply("ImageUpdateAutomation", "app", automation())


def automation(**more: object) -> dict[str, object]:
    """Return the spec of an automation on the repository `fleet`."""
    author = {"name": AUTHOR, "email": "bot@example.com"}
    return {
        "sourceRef": {"kind": "GitRepository", "name": "fleet"},
        "interval": "1h",
        "git": {"commit": {"author": author, "messageTemplate": MESSAGE}},
        "update": {"path": "./apps", "strategy": "Setters"},
        **more,
    }


async def settle(play: Play, tag: str) -> None:
    """Wait until Git has a tag and all objects say so."""
    await play.wait_file("apps/app.yaml", f":{tag} #")

    def recorded(objects: Objects) -> bool:
        status = objects.get(("ImageUpdateAutomation", "app"), {}).get("status", {})
        return bool(status.get("observedPolicies", {}).get("app", {}).get("tag") == tag)

    await play.wait(recorded, f"{tag} in the automation's status")
    for kind in OWN_KINDS:
        await play.wait_ready(kind, "app")


async def release(play: Play, *tags: str) -> None:
    """Push tags, and say so as a registry's hook does."""
    await play.push(*tags)
    await play.wait_ready("ImageRepository", "app", token=await play.request("ImageRepository", "app"))


async def ask_all(play: Play) -> None:
    """Ask each object once more: who has gone deaf is found out, and what is left to be done is done."""
    for kind in OWN_KINDS:
        await play.request_and_wait(kind, "app")


async def tag(play: Play) -> None:
    """One tag is pushed, and reaches Git."""
    await begin(play, "1.0.0", deployed="0.9.0")
    await settle(play, "1.0.0")
    await release(play, "1.0.1")
    await settle(play, "1.0.1")
    await ask_all(play)


SCENARIOS: dict[str, Scenario] = {"tag": tag}
