"""One play: a namespace with a registry and a Git host of its own, in which a scenario runs with at most one fault."""

import asyncio
import itertools
import json
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from api.kinds import EVERY_KIND, EVERY_PROCESS
from api.names import REQUESTED_AT
from e2e.apifaults.positions import Counting, Trial
from e2e.apifaults.repository import Repository, commit_files
from e2e.apifaults.world import PASSWORD, USER, World
from testing.invariants import Write, without_times
from testing.observer import Objects

if TYPE_CHECKING:
    from e2e.apifaults.answers import Block

AUTHOR = "Image Bot"
PATIENCE = 40.0
"""Seconds for every wait: one fault, its retries, and a machine with others on it."""
PLURALS = {kind.resource.kind: kind.resource.plural for kind in EVERY_KIND} | {"Secret": "secrets"}
GROUPS = {kind.resource.kind: f"apis/{kind.resource.api_version}" for kind in EVERY_KIND} | {"Secret": "api/v1"}
OWN_KINDS = tuple(kind.resource.kind for kind in EVERY_PROCESS)
_numbers = itertools.count(1)


@dataclass(slots=True)
class Play:
    """What happens in one namespace. `fired`: whether the fault was injected."""

    world: World
    trial: Trial | None = None
    patience: float = PATIENCE
    number: int = field(default_factory=lambda: next(_numbers))
    counting: Counting = field(default_factory=Counting)
    writes: list[Write] = field(default_factory=list)
    blocks: "list[Block]" = field(default_factory=list)
    fired: bool = False
    failed: str = ""
    """Why the fault itself could not be done."""
    lasted: float = 0.0
    """For how many seconds the fault held up what it came to: the API server took so long to start, for example."""
    broken: list[str] = field(default_factory=list)
    """What the scenario found that must not be."""
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    undo: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    repositories: dict[str, Repository] = field(default_factory=dict)
    applied: set[str] = field(default_factory=set)
    """Kinds of which it has made objects."""
    _written: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    """uid and generation of the objects of the play, as it wrote them last."""
    hook: str = ""
    """The path that its Receiver has now."""

    @property
    def namespace(self) -> str:
        """Its name."""
        return f"play-{self.number}"

    @property
    def address(self) -> str:
        """Where its registry and Git host are."""
        return f"127.{10 + self.number // 62500}.{self.number // 250 % 250}.{1 + self.number % 250}"

    @property
    def registry(self) -> str:
        """Its registry, as images name it."""
        return f"{self.address}:{self.world.registry_proxy.port}"

    @property
    def own_kinds(self) -> list[str]:
        """Those of our kinds of which it has objects."""
        return [kind for kind in OWN_KINDS if kind in self.applied]

    def spawn(self, work: Awaitable[Any]) -> None:
        """Do something beside the scenario; it is over before the play is."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.failed = f"{type(error).__name__}: {error}"

    async def calm(self) -> None:
        """Return when the fault is over: what lasted for a while has been put right again."""
        await asyncio.gather(*self.tasks)

    async def begin(self) -> None:
        """Make the namespace."""
        self.world.hosts[self.address] = self.namespace
        await self.world.namespaces.create(self.namespace)

    async def end(self) -> None:
        """Undo what the fault did, and remove the objects; the namespace goes by itself."""
        for undo in self.undo:
            await undo()
        for task in list(self.tasks):
            task.cancel()
        await self.world.namespaces.delete(self.namespace)

    def image(self, name: str = "app") -> str:
        """Return an image's name."""
        return f"{self.registry}/{self.namespace}/{name}"

    async def push(self, *tags: str, name: str = "app") -> None:
        """Push images as CI does."""
        await asyncio.to_thread(self.world.pusher.push_tags, f"{self.namespace}/{name}", tags)

    async def repository(self, files: Mapping[str, str], name: str = "fleet") -> str:
        """Make a Git repository; return its URL, without a login."""
        path = await asyncio.to_thread(self.world.create_repository, f"{self.namespace}-{name}", files)
        self.repositories[name] = Repository(path)
        return f"http://{self.address}:{self.world.git_proxy.port}/{self.namespace}-{name}.git"

    async def commit(self, files: Mapping[str, str], name: str = "fleet") -> None:
        """Commit as a person does."""
        await asyncio.to_thread(commit_files, self.repositories[name].path, files, "By hand")

    def _path(self, kind: str, name: str) -> str:
        return f"/{GROUPS[kind]}/namespaces/{self.namespace}/{PLURALS[kind]}/{name}"

    async def apply(self, kind: str, name: str, spec: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Apply an object."""
        document: dict[str, Any] = {
            "apiVersion": GROUPS[kind].partition("/")[2],
            "kind": kind,
            "metadata": {"name": name, "namespace": self.namespace},
            **more,
        }
        if spec is not None:
            document["spec"] = spec
        path = f"{self._path(kind, name)}?fieldManager=kubectl&force=true&fieldValidation=Strict"
        self._note(await self.world.call("PATCH", path, document, type_="application/apply-patch+yaml"))
        self.applied.add(kind)

    async def patch(self, kind: str, name: str, change: Mapping[str, Any]) -> None:
        """Merge a change into an object."""
        path = self._path(kind, name)
        self._note(await self.world.call("PATCH", path, change, type_="application/merge-patch+json"))

    def _note(self, written: Mapping[str, Any]) -> None:
        """Remember the version of a spec that was written: the watch may not have brought it yet."""
        meta = written["metadata"]
        self._written[written["kind"], meta["name"]] = (meta["uid"], meta.get("generation", 0))

    async def delete(self, kind: str, name: str) -> None:
        """Delete an object."""
        await self.world.call("DELETE", self._path(kind, name))

    async def read_all(self, kind: str) -> list[dict[str, Any]]:
        """Return the objects of a kind as the API server has them now."""
        found = await self.world.call("GET", f"/{GROUPS[kind]}/namespaces/{self.namespace}/{PLURALS[kind]}")
        return [*found["items"]]

    async def request(self, kind: str, name: str) -> str:
        """Ask for a reconcile; return the token."""
        token = f"{time.time_ns()}"
        await self.patch(kind, name, {"metadata": {"annotations": {REQUESTED_AT: token}}})
        return token

    async def wait(self, probe: Callable[[Objects], Any], what: str) -> Any:
        """Wait until the objects are as they should be. Raises NeverCame."""
        return await self.world.observer.wait(self.namespace, probe, what=what, seconds=self.patience)

    async def wait_ready(self, kind: str, name: str, *, token: str = "", status: str = "True") -> None:
        """Wait until an object is Ready at its generation, and has handled a request."""

        def probe(objects: Objects) -> bool:
            found = objects.get((kind, name))
            if found is None or not self._is_as_written(found):
                return False
            state = found.get("status", {})
            ready: Mapping[str, Any] = next((c for c in state.get("conditions", ()) if c["type"] == "Ready"), {})
            return (
                ready.get("status") == status
                and ready.get("observedGeneration") == found["metadata"]["generation"]
                and (not token or state.get("lastHandledReconcileAt") == token)
            )

        await self.wait(probe, f"{kind} {name} to be Ready={status}" + (" after a request" if token else ""))

    def _is_as_written(self, found: Mapping[str, Any]) -> bool:
        meta = found["metadata"]
        uid, generation = self._written.get((found["kind"], meta["name"]), (meta["uid"], 0))
        return bool(meta["uid"] == uid and meta["generation"] >= generation)

    def expect(self, holds: bool, text: str) -> None:
        """Note a violation unless something holds."""
        if not holds:
            self.broken.append(text)

    async def wait_gone(self, kind: str, name: str) -> None:
        """Wait until an object is gone."""
        await self.wait(lambda objects: (kind, name) not in objects, f"{kind} {name} to be gone")

    async def wait_chosen(self, tag: str, name: str = "app") -> None:
        """Wait until a policy has chosen a tag."""

        def probe(objects: Objects) -> bool:
            status = objects.get(("ImagePolicy", name), {}).get("status", {})
            return bool((status.get("latestRef") or {}).get("tag") == tag)

        await self.wait(probe, f"policy {name} to choose {tag}")
        await self.wait_ready("ImagePolicy", name)

    async def request_and_wait(self, kind: str, name: str, *, status: str = "True") -> None:
        """Ask for a reconcile and wait for its end."""
        await self.wait_ready(kind, name, token=await self.request(kind, name), status=status)

    def file(self, path: str, name: str = "fleet") -> str:
        """Return a file at the tip of main."""
        return self.repositories[name].file(path)

    async def wait_file(self, path: str, text: str, name: str = "fleet") -> None:
        """Wait until a file at the tip of main contains a text."""
        await self.wait(lambda _: text in self.file(path, name), f"{text!r} in {path}")

    def git_secret(self) -> dict[str, str]:
        """Return the content of a Secret for Git."""
        return {"username": USER, "password": PASSWORD}

    def pull_secret(self) -> dict[str, str]:
        """Return the content of a pull Secret."""
        auths = {self.registry: {"username": USER, "password": PASSWORD}}
        return {".dockerconfigjson": json.dumps({"auths": auths})}


_TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_DIGESTS = re.compile(r"sha256:[0-9a-f]{64}")


async def end_state(play: Play) -> dict[str, Any]:
    """Return what a play came to, without what differs between any two plays: times, hashes, addresses."""
    lists = await play.read_all("ImageTagList")
    # Read anew: a watch that was opened under another schema of the CRD goes on by that one.
    objects = {kind: await play.read_all(kind) for kind in OWN_KINDS}
    commits = {name: repository.commits() for name, repository in play.repositories.items()}
    state = {
        "objects": {
            f"{kind}/{found['metadata']['name']}": found.get("status", {})
            for kind, items in sorted(objects.items())
            for found in items
        },
        "lists": {
            item["metadata"]["name"]: {
                key: value for key, value in item["status"].items() if key not in ("firstSeen", "data", "revision")
            }
            | {"dated": bool(item["status"].get("firstSeen"))}
            for item in lists
        },
        "commits": {name: sorted((author, message) for author, message, _ in made) for name, made in commits.items()},
        "files": {
            name: {path: text.decode() for path, text in made[-1][2].after.items()}
            for name, made in commits.items()
            if made
        },
    }
    text = json.dumps(without_times(state), sort_keys=True)
    for made in commits.values():
        if made:
            text = text.replace(f"@sha1:{made[-1][2].id}", "@sha1:TIP")
        # By what they say: who of several commits first is chance.
        for number, (_, _, commit) in enumerate(sorted(made, key=lambda entry: entry[:2])):
            text = text.replace(commit.id, f"commit-{number}").replace(commit.id[:7], f"commit-{number}")
    if play.hook:  # any other path is a difference
        text = text.replace(play.hook, "/hook/PATH")
    text = text.replace(play.registry, "REGISTRY").replace(play.namespace, "PLAY")
    found: dict[str, Any] = json.loads(_DIGESTS.sub("sha256:DIGEST", _TIMES.sub("TIME", text)))
    return found


def differences(expected: Any, found: Any, *, chance: Collection[str] = (), path: str = "") -> list[str]:
    """Return where two end states differ. chance: paths at which they may."""
    if path in chance:
        return []
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            line
            for key in sorted(expected.keys() | found.keys())
            for line in differences(expected.get(key), found.get(key), chance=chance, path=f"{path}/{key}")
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [
            line
            for number, (one, other) in enumerate(zip(expected, found, strict=True))
            for line in differences(one, other, chance=chance, path=f"{path}/{number}")
        ]
    return [] if expected == found else [f"{path}: expected {expected!r}, found {found!r}"[:600]]
