"""What is played: each scenario is a user's day in one namespace, and says itself when it has come to its end."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from e2e.apifaults.play import AUTHOR, Play
from e2e.apifaults.sender import Sender
from e2e.objects import deployment
from hack.controllers import KINDS
from testing.observer import Objects

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
    await apply_image(play)
    chosen = policy or {"policy": {"semver": {"range": ">=1.0.0 <2.0.0"}}}
    await play.apply("ImagePolicy", "app", {"imageRepositoryRef": {"name": "app"}, **chosen})
    await play.apply("ImageUpdateAutomation", "app", automation())


async def apply_image(play: Play) -> None:
    """Apply the ImageRepository."""
    image = {"image": play.image(), "interval": "1h", "insecure": True, "secretRef": {"name": "pull"}}
    await play.apply("ImageRepository", "app", image)


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


async def settle(play: Play, tag: str, *, end: str = " #") -> None:
    """Wait until Git has a tag and all objects say so. end: what is behind the tag in the file."""
    await play.wait_file("apps/app.yaml", f":{tag}{end}")
    await wait_recorded(play, tag)
    for kind in play.own_kinds:
        await play.wait_ready(kind, "app")


async def wait_recorded(play: Play, tag: str, name: str = "app") -> None:
    """Wait until an automation says that Git has a tag."""

    def is_recorded(objects: Objects) -> bool:
        status = objects.get(("ImageUpdateAutomation", name), {}).get("status", {})
        return bool(status.get("observedPolicies", {}).get("app", {}).get("tag") == tag)

    await play.wait(is_recorded, f"{tag} in the status of automation {name}")


async def release(play: Play, *tags: str) -> None:
    """Push tags, and say so as a registry's hook does."""
    await play.push(*tags)
    await play.wait_ready("ImageRepository", "app", token=await play.request("ImageRepository", "app"))


async def ask_all(play: Play) -> None:
    """Ask each object once more: who has gone deaf is found out, and what is left to be done is done."""
    await play.calm()
    for kind in play.own_kinds:
        await play.request_and_wait(kind, "app")


async def tag(play: Play) -> None:
    """One tag is pushed, and reaches Git."""
    await begin(play, "1.0.0", deployed="0.9.0")
    await settle(play, "1.0.0")
    await release(play, "1.0.1")
    await settle(play, "1.0.1")
    await ask_all(play)


async def edit(play: Play) -> None:
    """Specs are edited: one stalls and is mended, an automation is suspended and goes on, tags are excluded."""
    await begin(play, "1.0.0", "1.1.0", "2.0.0", deployed="0.9.0")
    await settle(play, "1.1.0")
    await play.patch("ImagePolicy", "app", {"spec": {"policy": {"semver": {"range": "not a range"}}}})
    await play.wait_ready("ImagePolicy", "app", status="False")
    await play.patch("ImagePolicy", "app", {"spec": {"policy": {"semver": {"range": ">=1.0.0"}}}})
    await settle(play, "2.0.0")
    await play.patch("ImageUpdateAutomation", "app", {"spec": {"suspend": True}})
    await release(play, "2.0.1")
    await play.wait_chosen("2.0.1")
    play.expect(":2.0.0 #" in play.file("apps/app.yaml"), "a suspended automation has pushed")
    await play.patch("ImageUpdateAutomation", "app", {"spec": {"suspend": False}})
    await settle(play, "2.0.1")
    await play.patch("ImageRepository", "app", {"spec": {"exclusionList": ["^1\\."]}})
    await play.wait_ready("ImageRepository", "app")
    await ask_all(play)


async def life(play: Play) -> None:
    """Objects are deleted, one of them held by somebody's finalizer, and made anew under the same names."""
    await begin(play, "1.0.0", deployed="0.9.0")
    await settle(play, "1.0.0")
    for kind in ("ImageUpdateAutomation", "ImageRepository"):
        await play.patch(kind, "app", {"metadata": {"finalizers": ["example.com/hold"]}})
    await play.delete("ImageUpdateAutomation", "app")
    await play.push("1.0.1")
    await play.request("ImageRepository", "app")
    await play.delete("ImageRepository", "app")  # while it is scanned
    for kind in ("ImageUpdateAutomation", "ImageRepository"):
        await play.patch(kind, "app", {"metadata": {"finalizers": []}})
        await play.wait_gone(kind, "app")
    play.expect(":1.0.0 #" in play.file("apps/app.yaml"), "a deleted automation has pushed")
    await play.wait_ready("ImagePolicy", "app", status="False")
    await apply_image(play)
    await play.wait_chosen("1.0.1")
    await play.apply("ImageUpdateAutomation", "app", automation())
    await settle(play, "1.0.1")
    await ask_all(play)


async def company(play: Play) -> None:
    """Two automations and a person commit to one branch, and a policy wants digests."""
    policy = {"policy": {"semver": {"range": ">=1.0.0"}}, "digestReflectionPolicy": "Always", "interval": "10m"}
    await begin(play, "1.0.0", deployed="0.9.0", policy=policy)
    await settle(play, "1.0.0", end="@")
    await play.commit(
        {"README.md": "# by hand\n", "more/app.yaml": deployment("x:0", f"{play.namespace}:app:tag", "more")}
    )
    more = {"git": automation()["git"], "update": {"path": "./more", "strategy": "Setters"}}
    await play.apply("ImageUpdateAutomation", "more", automation(**more))
    await play.wait_file("more/app.yaml", "image: 1.0.0 #")
    await wait_recorded(play, "1.0.0", "more")
    await play.wait_ready("ImageUpdateAutomation", "more")
    await release(play, "1.0.1")
    await play.wait_file("more/app.yaml", "image: 1.0.1 #")
    await wait_recorded(play, "1.0.1", "more")
    await settle(play, "1.0.1", end="@")
    await play.request_and_wait("ImageUpdateAutomation", "more")
    await ask_all(play)


async def hook(play: Play) -> None:
    """Webhooks announce tags: the token is replaced, the Receiver suspended, and what it may wake changed.

    What was taken once reaches Git without any further request: the image is scanned once an hour.
    """
    everything, other = ([{"kind": "ImageRepository", "name": name}] for name in ("*", "other"))
    await begin(play, "1.0.0", deployed="0.9.0")
    sender = await hand_out_token(play, "first-token")
    await play.apply(
        "Receiver", "app", {"type": "distribution", "secretRef": {"name": "hook"}, "resources": everything}
    )
    await settle(play, "1.0.0")
    await sender.announce(await sender.push("1.0.1"))
    await settle(play, "1.0.1")

    old, sender = sender, await hand_out_token(play, "second-token")
    await old.expect("NotFound")  # its path has moved
    await wait_path(play)
    await Sender(play, "first-token", path=sender.path).expect("InvalidToken")
    await sender.announce(await sender.push("1.0.2"))
    await settle(play, "1.0.2")

    await play.patch("Receiver", "app", {"spec": {"suspend": True}})
    await sender.expect("Suspended")
    pushed = await sender.push("1.0.3")
    was_refused = await sender.expect("Suspended", pushed)
    await play.patch("Receiver", "app", {"spec": {"suspend": False, "resources": other}})
    await play.wait_ready("Receiver", "app")
    if await sender.expect("NothingToWake", pushed) and was_refused and not sender.is_excused:
        play.expect(":1.0.2 #" in play.file("apps/app.yaml"), "what was refused has woken an image")
    await play.patch("Receiver", "app", {"spec": {"resources": everything}})
    await play.wait_ready("Receiver", "app")
    await sender.announce(pushed)
    await settle(play, "1.0.3")
    await ask_all(play)


async def hand_out_token(play: Play, token: str) -> Sender:
    """Put a token into the Secret of the hook; return the registry that knows it."""
    sender = Sender(play, token)
    await play.apply("Secret", "hook", stringData={"token": token})
    play.hook = sender.path
    return sender


async def wait_path(play: Play) -> None:
    """Wait until the Receiver shows the path of its token, which only the replica that leads writes: ask it."""
    await play.request("Receiver", "app")

    def is_published(objects: Objects) -> bool:
        return bool(objects.get(("Receiver", "app"), {}).get("status", {}).get("webhookPath") == play.hook)

    await play.wait(is_published, "the path of the new token in the status")
    await play.wait_ready("Receiver", "app")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario."""

    run: Callable[[Play], Awaitable[None]]
    chance: frozenset[str] = frozenset()
    """Where its end depends on what was quicker, as `differences` names it."""
    processes: frozenset[str] = frozenset(KINDS)
    """Those of which it asks what no other scenario does: faults are at what these do."""


SCENARIOS = {
    "tag": Scenario(tag),
    "edit": Scenario(edit),
    # Whether the second tag was chosen before its repository was deleted; a choice keeps when the tag was first seen.
    "life": Scenario(life, chance=frozenset({"/objects/ImagePolicy/app/selection/firstSeen"})),
    "company": Scenario(company),
    # Policies and automations follow a scan in it as they do in others.
    "hook": Scenario(hook, processes=frozenset({"imagerepository", "receiver"})),
}
