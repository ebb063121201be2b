"""The demo on a control plane: everything is brought up, both stories are played, what is there is shown."""

import statistics
import tempfile
import time
from pathlib import Path

from hack.controllers import KINDS, KubectlFailed
from hack.demo import journeys
from hack.demo.demo_environment import NAMESPACE, DemoEnvironment, build
from hack.demo.narration import DemoFailed, Narrator
from hack.env import process, tools


def play(*, keep: bool) -> int:
    """Play the demo and return 0 when every step succeeded; keep: leave everything running."""
    narrator = Narrator()
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="tagline-demo-"))
    narrator.title("A real cluster, registry and Git host on loopback")
    if any(tools.find_built(program) is None for program in ("etcd", "kube-apiserver", "registry", "gitea")):
        narrator.say("The first run builds etcd, the Kubernetes API server, a registry and Gitea: about ten minutes.")
        narrator.say("`make demo` shows the same without them, in seconds.")
    try:
        world = build(narrator, folder)
    except (tools.BuildFailed, process.NotStarted, KubectlFailed) as error:
        narrator.failed(error)
        return 1
    code = 1
    try:
        journeys.production(world)
        journeys.staging(world)
        _show(world)
        narrator.title(f"Done in {time.monotonic() - started:.1f} s.")
        code = 0
    except (DemoFailed, KubectlFailed, RuntimeError) as error:
        narrator.failed(error)
        narrator.say(f"logs: {folder}")
    finally:
        world.close(keep=keep or code != 0)
    if keep:
        _how_to_look_around(world)
    elif code:
        world.controllers.stop()
        for running in world.env.processes:
            process.stop(running, kill=True)
    return code


def _show(world: DemoEnvironment) -> None:
    narrator, kubectl = world.narrator, world.kubectl
    narrator.title("What kubectl shows")
    for version in ("v1beta2", "v1"):
        for kind in KINDS:
            command = f"get {kind}.{version}.image.toolkit.fluxcd.io -n {NAMESPACE}"
            narrator.show(f"kubectl {command}", kubectl(*command.split()).stdout)
    for kind in KINDS:
        command = f"describe {kind} k8s-demo -n {NAMESPACE}"
        described = kubectl(*command.split()).stdout
        narrator.show(f"kubectl {command} | sed -n '/^Status:/,$p'", "Status:" + described.partition("\nStatus:")[2])
    narrator.title("What is in Git")
    for name in ("fleet", "staging"):
        log = world.git.repository(name).log("-p", "-1", "--stat")
        narrator.show(f"git -C {name} log -p -1 --stat", log)
    narrator.title("How long it took")
    seconds = ", ".join(f"{s:.2f}" for s in world.seconds)
    narrator.say(f"from pushed tag to pushed commit: {seconds} s (median {statistics.median(world.seconds):.2f} s)")
    memory = ", ".join(f"{kind} {mib:.0f} MiB" for kind, mib in world.controllers.rss_mib().items())
    narrator.say(f"resident memory: {memory}")


def _how_to_look_around(world: DemoEnvironment) -> None:
    narrator = world.narrator
    narrator.title("Everything is left running.")
    narrator.say(f"export KUBECONFIG={world.env.kubeconfig}")
    narrator.say(f"Git host: {world.env.git_url} (user {world.env.git_user}, password {world.env.git_password})")
    narrator.say(
        f"registry: {world.env.registry} (user {world.env.registry_user}, password {world.env.registry_password})"
    )
    pids = [p.pid for p in (*world.controllers.processes.values(), *world.env.processes)]
    narrator.say(f"stop it with: kill {' '.join(map(str, pids))}")
