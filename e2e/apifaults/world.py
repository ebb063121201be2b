"""What all plays share: control plane, registry, Git, and the controllers behind proxies of their own.

The receiver is among them, and its hooks are behind a proxy, too, as they are behind an Ingress.
"""

import asyncio
import itertools
import json
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from api.kinds import EVERY_PROCESS, RECEIVER
from e2e import manifests
from e2e.apifaults.admission import install_policy
from e2e.apifaults.calls import API, DELIVER, GIT, HOOK, REGISTRY, Call, describe_api, describe_git, describe_registry
from e2e.apifaults.namespaces import Namespaces
from e2e.apifaults.plane import Plane
from e2e.apifaults.proxy import Director, Proxy
from e2e.apifaults.repository import commit_files
from hack import controllers
from hack.controllers import Kubectl
from hack.env import pki, process, registry, tools
from hack.githttp import GitHttpServer
from hack.oci import Pusher
from testing.observer import Observer

FLAGS = (
    "--concurrent=20", "--min-retry-delay=100ms", "--max-retry-delay=2s", "--requeue-dependency=2s",
)  # fmt: skip
ELECTION = (
    "--enable-leader-election", "--leader-election-lease-duration=6s", "--leader-election-renew-deadline=4s",
    "--leader-election-retry-period=500ms",
)  # fmt: skip
GIT_CONFIG = """
[core]
\tfsync = none
[receive]
\tautogc = false
"""
"""Of repositories: they last for seconds."""
PROCESSES = tuple(kind.name for kind in EVERY_PROCESS)
USER, PASSWORD = "robot", "robot-secret"


class Nursery:
    """A process that has loaded a controller, and forks one whenever it is asked to."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "e2e.apifaults.process", kind],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=controllers.ROOT,
            env={**os.environ, "PYTHONPATH": str(controllers.ROOT)}, start_new_session=True,
        )  # fmt: skip
        self._folder = folder

    def start(self, name: str, flags: Sequence[str], env: Mapping[str, str]) -> process.Process:
        """Start a controller that logs to `<name>.log`."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        log = self._folder / f"{name}.log"
        self._child.stdin.write(json.dumps({"flags": flags, "env": env, "log": str(log)}) + "\n")
        self._child.stdin.flush()
        return process.adopt(name, int(self._child.stdout.readline()), log)

    def close(self) -> None:
        """End it; what it has started goes on."""
        self._child.kill()
        self._child.communicate()


@dataclass(slots=True)
class Replica:
    """A controller process: its API proxy stays while it is killed and started again."""

    kind: str
    name: str
    folder: Path
    proxy: Proxy
    nursery: Nursery
    flags: tuple[str, ...] = ()
    running: process.Process | None = None
    health: str = ""
    metrics: str = ""
    debug: str = ""
    hooks: str = ""
    """Where it serves hooks, if it does."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    starts: int = 0

    @property
    def clock(self) -> Path:
        """The file that shifts its clock."""
        return self.folder / f"{self.name}.clock"

    def start(self) -> None:
        """Start it; do not wait."""
        ports = process.free_ports(4)
        self.metrics, self.health, self.debug, self.hooks = (f"http://127.0.0.1:{port}" for port in ports)
        temporary = self.folder / f"{self.name}.tmp"
        temporary.mkdir(exist_ok=True)
        flags = [
            f"--metrics-addr=127.0.0.1:{ports[0]}", f"--health-addr=127.0.0.1:{ports[1]}",
            f"--debug-addr=127.0.0.1:{ports[2]}", *FLAGS, *self.flags,
            *([f"--receiverAddr=127.0.0.1:{ports[3]}"] if self.kind == RECEIVER.name else ()),
        ]  # fmt: skip
        env = {
            "KUBECONFIG": str(self.folder / self.name / f"{self.kind}.kubeconfig"),
            "RUNTIME_NAMESPACE": controllers.NAMESPACE,
            "TMPDIR": str(temporary),
            "TAGLINE_TEST_CLOCK": str(self.clock),
        }
        self.running = self.nursery.start(self.name, flags, env)
        self.starts += 1

    async def wait_ready(self, seconds: float = 60) -> None:
        """Return when its caches are in sync."""
        assert self.running is not None
        ready = process.http_probe(f"{self.health}/readyz", below=300)
        await asyncio.to_thread(process.wait_until, ready, self.running, timeout_seconds=seconds)

    async def stop(self, *, kill: bool = True) -> None:
        """End it."""
        if self.running is not None:
            await asyncio.to_thread(process.stop, self.running, kill=kill, grace_seconds=10)

    async def crash(self) -> None:
        """Kill it and start it again."""
        async with self.lock:
            await self.stop()
            self.start()


class World:
    """Start it with `async with`; everything is stopped at the end."""

    def __init__(self, folder: Path, director: Director, *, replicas: int = 1) -> None:
        self.folder = folder
        self._director, self._count = director, replicas
        self.hosts: dict[str, str] = {}
        """Address of a play's servers → its namespace."""
        self.replicas: dict[str, Replica] = {}
        self.deaf_until = 0.0
        """Until then a receiver may have heard nothing for a while, and cannot know it."""
        self._turns = itertools.count()

    async def __aenter__(self) -> "World":
        self.folder.mkdir(parents=True, exist_ok=True)
        async with AsyncExitStack() as started:
            await self._start(started)
            self._started = started.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._started.aclose()

    async def _start(self, started: AsyncExitStack) -> None:
        self.plane = await Plane.start(self.folder)
        started.callback(self.plane.close)
        self.kubectl = Kubectl(tools.ensure("kubectl")["kubectl"], self.plane.kubeconfig)
        self.registry, _ = await asyncio.gather(
            asyncio.to_thread(registry.start, self.folder / "registry"),
            asyncio.to_thread(self._install),
        )
        started.callback(process.stop, self.registry.process, kill=True)
        self.pusher = started.enter_context(Pusher(self.registry.host))
        (self.folder / "git").mkdir(exist_ok=True)
        self.git = started.enter_context(GitHttpServer(self.folder / "git", user=USER, password=PASSWORD))
        self.git.create("template")
        shutil.rmtree(self.folder / "git/template.git/hooks")  # samples
        with (self.folder / "git/template.git/config").open("a") as config:
            config.write(GIT_CONFIG)
        self.tls = ssl.create_default_context(cafile=str(self.plane.authority))
        self.observer = Observer(self.plane.server, token=self.plane.token, tls=self.tls)
        started.push_async_callback(self.observer.close)
        await self.observer.start()
        self.namespaces = Namespaces(self.call, self.observer)
        await install_policy(self.call)
        await self._start_proxies(started)
        started.push_async_callback(self.namespaces.close)
        for replica in self.replicas.values():
            started.push_async_callback(replica.stop)
            replica.start()
        await asyncio.gather(*(replica.wait_ready() for replica in self.replicas.values()))
        keeper = asyncio.create_task(self._keep_running())
        started.callback(keeper.cancel)

    def _install(self) -> None:
        folder = self.folder / "kustomization"
        folder.mkdir(exist_ok=True)
        controllers.install(self.kubectl, manifests.kustomize(folder, RECEIVER.name))

    async def _keep_running(self) -> None:
        """Start again what has ended by itself, as a kubelet does."""
        while True:
            await asyncio.sleep(0.5)
            for replica in self.replicas.values():
                if not replica.lock.locked() and replica.running and not process.is_running(replica.running):
                    replica.start()

    async def _start_proxies(self, started: AsyncExitStack) -> None:
        authority = pki.new_authority("apifaults")
        file = self.folder / "proxies.crt"
        file.write_bytes(authority.certificate_pem())
        certificate, key = authority.issue("proxy", self.folder)
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate, key)
        nurseries = {kind: Nursery(kind, self.folder) for kind in PROCESSES}
        for nursery in nurseries.values():
            started.callback(nursery.close)
        for number in range(self._count):
            for kind in PROCESSES:
                name = kind if not number else f"{kind}-{number}"
                proxy = Proxy(
                    self.plane.server,
                    classify=self._api_classifier(kind, name),
                    director=self._director,
                    upstream_tls=self.tls,
                )
                started.push_async_callback(proxy.close)
                await proxy.start(tls=tls)
                folder = self.folder / name
                folder.mkdir(exist_ok=True)
                await asyncio.to_thread(
                    controllers.write_account_kubeconfig, self.kubectl, kind, folder,
                    server=f"https://127.0.0.1:{proxy.port}", authority=file,
                )  # fmt: skip
                flags = ELECTION if self._count > 1 else ()
                self.replicas[name] = Replica(kind, name, self.folder, proxy, nurseries[kind], flags)
        self.registry_proxy = Proxy(
            f"http://{self.registry.host}", classify=self._classify_registry, director=self._director
        )
        self.git_proxy = Proxy(self.git.url, classify=self._classify_git, director=self._director)
        self.hook_proxy = Proxy(
            lambda call: self.replicas[call.replica].hooks, classify=self._classify_hook, director=self._director
        )
        for proxy in (self.registry_proxy, self.git_proxy, self.hook_proxy):
            started.push_async_callback(proxy.close)
            await proxy.start(address="0.0.0.0")  # noqa: S104 -- all of 127.0.0.0/8: a host a play

    def _api_classifier(self, kind: str, name: str) -> Any:
        def classify(request: web.BaseRequest, body: bytes) -> Call:
            namespace, verb, what, object_ = describe_api(request.method, request.path_qs)
            return Call(
                kind, name, API, namespace, verb, what, object_, request.method, request.raw_path, request.headers, body
            )

        return classify

    def _play_of(self, request: web.BaseRequest) -> str:
        return self.hosts.get(request.headers.get("Host", "").partition(":")[0], "")

    def _sender(self, request: web.BaseRequest, kind: str) -> str:
        """Return the replica that holds the other end of the connection."""
        candidates = [r for r in self.replicas.values() if r.kind == kind and r.running]
        if len(candidates) < 2 or request.transport is None:
            return kind
        port = request.transport.get_extra_info("peername")[1]
        return next((r.name for r in candidates if r.running and owns_port(r.running.pid, port)), kind)

    def _classify_registry(self, request: web.BaseRequest, body: bytes) -> Call:
        agent = request.headers.get("User-Agent", "")
        kind = "imagepolicy" if "imagepolicy" in agent else "imagerepository"
        verb, what = describe_registry(request.method, request.path_qs)
        return Call(
            kind, self._sender(request, kind), REGISTRY, self._play_of(request), verb, what, "",
            request.method, request.raw_path, request.headers, body,
        )  # fmt: skip

    def _classify_git(self, request: web.BaseRequest, body: bytes) -> Call:
        verb, what = describe_git(request.method, request.path_qs, request.headers, body)
        kind = "imageupdateautomation"
        return Call(
            kind, self._sender(request, kind), GIT, self._play_of(request), verb, what, "",
            request.method, request.raw_path, request.headers, body,
        )  # fmt: skip

    def _classify_hook(self, request: web.BaseRequest, body: bytes) -> Call:
        """Give a hook to each replica in turn: all serve."""
        serving = [replica.name for replica in self.replicas.values() if replica.kind == RECEIVER.name]
        return Call(
            RECEIVER.name, serving[next(self._turns) % len(serving)], HOOK, self._play_of(request), DELIVER, HOOK, "",
            request.method, request.raw_path, request.headers, body,
        )  # fmt: skip

    async def call(self, method: str, path: str, body: Any = None, *, type_: str = "application/json") -> Any:
        """Ask the API server itself, with an administrator's rights; return the answer's JSON. Raises RuntimeError.

        While the server is away, it is asked again, as a person would.
        """
        deadline = time.monotonic() + 30
        while True:
            try:
                status, content = await self._ask(method, path, body, type_)
            except (aiohttp.ClientError, OSError):
                status, content = 0, {"message": "no answer"}
            if status in (0, 429, 500, 503) and time.monotonic() < deadline:
                await asyncio.sleep(0.2)
                continue
            repeated = (method, status) in (("DELETE", 404), ("POST", 409))
            if (status >= 300 or not status) and not repeated:
                raise RuntimeError(f"{method} {path} answered {status}: {content.get('message')}")
            return content

    async def _ask(self, method: str, path: str, body: Any, type_: str) -> tuple[int, Any]:
        headers = {"Content-Type": type_}
        async with self.observer.session.request(method, path, data=json.dumps(body), headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def columns(self, path: str) -> set[str] | None:
        """Return the names of the columns that the API server shows of a list now; None while it is away."""
        headers = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        try:
            async with self.observer.session.get(path, headers=headers) as answer:
                table = await answer.json(content_type=None)
        except (aiohttp.ClientError, OSError):
            return None
        return {column["name"] for column in table["columnDefinitions"]} if "columnDefinitions" in table else None

    def create_repository(self, name: str, files: Mapping[str, str]) -> Path:
        """Make a Git repository with one commit on main; return its folder. Blocks for some milliseconds."""
        path = self.folder / "git" / f"{name}.git"
        shutil.copytree(self.folder / "git" / "template.git", path)
        commit_files(path, files, "Start")
        return path


def owns_port(pid: int, port: int) -> bool:
    """Return whether a process has a TCP connection from that port of 127.0.0.0/8."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port:
            inodes.add(fields[9])
    try:
        links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return False
    return any(link == f"socket:[{inode}]" for link in links for inode in inodes)
