"""The demo without a cluster: nothing but Python and git, all on loopback, in a folder that is removed at the end."""

import shutil
import tempfile
import time
from pathlib import Path

from hack.demo import local_stories
from hack.demo.local_environment import PASSWORD, USER, LocalEnvironment, git, make_registry
from hack.demo.narration import DemoFailed, Narrator
from hack.env import process
from hack.githttp import GitHttpServer


def play(*, keep: bool) -> int:
    """Play both stories and return 0 when every step succeeded; keep: leave everything running until Ctrl-C."""
    narrator = Narrator()
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="tagline-demo-"))
    (folder / "git").mkdir()
    code = 1
    narrator.title("A registry, Git's own server and tagline on this machine; no cluster")
    with make_registry() as registry, GitHttpServer(folder / "git", user=USER, password=PASSWORD) as server:
        world = LocalEnvironment(folder, narrator, registry, server)
        try:
            narrator.say(f"registry {registry.host} with logins by token; Git at {server.url}; folder {folder}")
            local_stories.production(world)
            local_stories.staging(world)
            _show(world)
            narrator.title(f"Done in {time.monotonic() - started:.1f} s.")
            code = 0
            if keep:
                _wait(world)
        except (DemoFailed, process.NotStarted, RuntimeError) as error:
            narrator.failed(error)
        except KeyboardInterrupt:
            narrator.say("stopped")
        finally:
            world.close()
    if code == 0 or keep:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        narrator.say(f"logs: {folder}")
    return code


def _show(world: LocalEnvironment) -> None:
    narrator = world.narrator
    narrator.title("What is in Git")
    for name in ("fleet", "staging"):
        narrator.show(f"git -C {name} log -p -1 --stat", git(world.folder / name, "log", "-p", "-1", "--stat"))
    narrator.title("Why")
    explain = ("explain", "staging/web.yaml:10", "-f", "staging-objects")
    narrator.show(f"tagline {' '.join(explain)}", world.tagline(*explain))
    narrator.title("How long it took")
    once, *staying = world.seconds
    narrator.say(f"a run of tagline automate --once, from start to end: {once:.2f} s")
    seconds = ", ".join(f"{s:.2f}" for s in staying)
    narrator.say(f"the process that stays, from being asked for a scan to the commit in Git: {seconds} s")
    narrator.title("To look around")
    narrator.say("make demo KEEP=1            leaves all this running, and says where")
    narrator.say("tagline preview             in a repository of yours: what would be committed, and why")
    narrator.say("tagline adopt               in a repository without policies and markers: proposes them")
    narrator.say("make demo-cluster           the same on a Kubernetes API server, which is built first")


def _wait(world: LocalEnvironment) -> None:
    narrator = world.narrator
    narrator.say(f"Everything is left running in {world.folder} until you press Ctrl-C.")
    narrator.say(f"registry: {world.registry.host}, Git: {world.git_server.url} (user {USER}, password {PASSWORD})")
    narrator.say(f"push a tag: python -m hack.oci {world.registry.host}/org/web main-abc-1800000000 "
                 f"--user {USER} --password {PASSWORD}")  # fmt: skip
    narrator.say("it is committed at the next scan, within a minute: git -C staging pull")
    while True:
        time.sleep(60)
