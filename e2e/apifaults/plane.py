"""The control plane of a world: only what plays need of it, tuned for little processor time; it can be broken."""

import asyncio
import json
from pathlib import Path

import aiohttp

from hack.env import controlplane, process

CONTROLLERS = "garbage-collector-controller"
"""Of Kubernetes: namespaces are removed by `e2e.apifaults.namespaces`, and no Pod needs a ServiceAccount."""
ENVIRONMENT = {"GOGC": "400", "GOMEMLIMIT": "1GiB"}
"""Go's garbage collector comes less often: memory for processor time, up to a limit."""
API_SERVER_STARTS = 20
"""How often the API server is started before it is given up."""


class Plane:
    """A running control plane; `restart` and `compact` break it for a while."""

    def __init__(self, folder: Path, started: controlplane.ControlPlane, token: str) -> None:
        """Build it of what was started in a folder. token: an administrator's."""
        self.server, self.authority, self.kubeconfig = started.server, started.authority, started.kubeconfig
        self.token = token
        self._folder = folder
        self._processes = {running.name: running for running in started.processes}
        self._lock = asyncio.Lock()

    @classmethod
    async def start(cls, folder: Path) -> "Plane":
        """Start one in a folder."""
        started = await asyncio.to_thread(controlplane.start, folder, controllers=CONTROLLERS, env=ENVIRONMENT)
        return cls(folder, started, json.loads(started.kubeconfig.read_text())["users"][0]["user"]["token"])

    def close(self) -> None:
        """Stop it."""
        for running in self._processes.values():
            process.stop(running, kill=True)

    async def restart_api_server(self) -> None:
        """Kill the API server and start it again."""
        async with self._lock:
            running = self._processes["kube-apiserver"]
            command = process.command_of(running)
            await asyncio.to_thread(process.stop, running, kill=True)
            probe = process.http_probe(f"{self.server}/readyz", authority=self.authority, token=self.token, below=300)
            for attempt in range(API_SERVER_STARTS):
                started = process.start("kube-apiserver", command, self._folder, ENVIRONMENT)
                self._processes["kube-apiserver"] = started
                try:
                    await asyncio.to_thread(process.wait_until, probe, started)
                except process.NotStarted:  # somebody may have its port for a moment
                    if attempt == API_SERVER_STARTS - 1:
                        raise
                    await asyncio.sleep(0.5)
                else:
                    return

    async def compact(self) -> None:
        """Have etcd forget everything before its newest revision."""
        command = process.command_of(self._processes["kube-apiserver"])
        etcd = command[command.index("--etcd-servers") + 1]
        async with aiohttp.ClientSession(etcd) as session:
            async with session.post("/v3/maintenance/status", json={}) as answer:
                revision = (await answer.json())["header"]["revision"]
            async with session.post("/v3/kv/compaction", json={"revision": revision, "physical": True}) as answer:
                answer.raise_for_status()
