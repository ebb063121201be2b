"""`controllers`: secrets appear in no output of the real processes, whatever is in Secrets and servers say.

`hack/canary_test.py` has many more places, below the process. Here are conditions, status and events as the API server
has them, logs as they are written, metrics as they are served, the commits, and what the command line prints.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from e2e.cluster import Space, condition
from e2e.conftest import Parts
from e2e.objects import AUTHOR, image_repository, semver_policy
from e2e.running import Running
from hack.controllers import KINDS
from testing.address import HOST
from testing.canary import find, marker
from testing.canary_servers import Servers
from testing.gitserver import GIT, CannedResponse, GitServer, Request
from testing.registry_server import ReceivedRequest

MANIFEST = 'image: x/web:1.0.0 # {"$imagepolicy": "NAMESPACE:good"}\n'
NAMES = (
    "token of echo", "token on two lines", "token with euro", "password", "password with bell", "identity token",
    "proxy password", "TLS key", "bearerToken with euro", "bearerToken", "Git password", "Git URL", "signing key",
    "encrypted Git TLS key", "good pull secret", "good Git password",
)  # fmt: skip
MARKS = {name: marker(900 + number) for number, name in enumerate(NAMES)}


@contextmanager
def hostile(root: Path, servers: Servers) -> Iterator[GitServer]:
    """Run a registry and a Git host at one address."""

    def respond(request: Request) -> CannedResponse | None:
        if not request.path.startswith(("/v2", "/token")):
            return servers.git_reply(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = servers.registry_reply(ReceivedRequest(request.method, request.path, headers, request.body))
        return CannedResponse(reply.status, reply.body, reply.headers)

    with GitServer(root) as server:
        servers.registry, servers.git = server.url.removeprefix("http://"), server.url
        server.respond = respond
        yield server


def pull_secret(space: Space, name: str, auths: dict[str, Any]) -> None:
    content = {".dockerconfigjson": json.dumps({"auths": auths})}
    space.apply("Secret", name, type="kubernetes.io/dockerconfigjson", stringData=content)


def source(space: Space, name: str, url: str, **data: str) -> None:
    """Apply a GitRepository with a Secret, and an automation on it."""
    space.apply("Secret", name, stringData=data)
    spec = {"url": url, "interval": "1h", "timeout": "20s", "ref": {"branch": "main"}}
    signed = "identity" in data
    space.apply("GitRepository", name, spec if signed else {**spec, "secretRef": {"name": name}})
    commit: dict[str, Any] = {"author": AUTHOR}
    if signed:
        commit["signingKey"] = {"type": "ssh", "secretRef": {"name": name}}
    reference = {"kind": "GitRepository", "name": name}
    update = {"path": ".", "strategy": "Setters"}
    body = {"sourceRef": reference, "interval": "1h", "git": {"commit": commit}, "update": update}
    space.apply("ImageUpdateAutomation", name, body)


def test_no_secret_is_shown(
    space: Space, parts: Parts, any_controllers: Running, kubeconfig: str, tmp_path: Path
) -> None:
    refusing, accepting, bearer = Servers("403"), Servers("accepts"), Servers("403", answer="bearer")
    with (
        hostile(tmp_path / "refusing", refusing),
        hostile(tmp_path / "accepting", accepting) as git,
        hostile(tmp_path / "bearer", bearer),
    ):
        fleet = git.repository("fleet")
        fleet.commit({"web.yaml": MANIFEST.replace("NAMESPACE", space.name)})
        said = _apply(space, refusing, accepting, bearer)
        for (kind, name), words in said.items():
            if words:
                _wait_failed(space, kind, name, words)
            else:
                space.wait_ready(kind, name)
        commits = subprocess.run(
            [GIT, "-C", str(fleet.path), "log", "--all", "--format=raw"], capture_output=True, check=True
        ).stdout.decode()
    assert "x/web" not in commits
    sent = "\n".join((refusing.seen, accepting.seen, bearer.seen))
    named = {name for name, mark in MARKS.items() if mark in sent}
    assert named == {
        "token of echo", "password", "identity token", "proxy password", "bearerToken", "Git password", "Git URL",
        "good pull secret", "good Git password",
    }, "what was to be sent was, and nothing else"  # fmt: skip
    outputs = {**_of_the_cluster(space, said), **_of_the_processes(any_controllers), "commits": commits}
    outputs["explain"] = _explain(space, kubeconfig)
    assert all(outputs.values()), "an output is empty"
    found = [(where, name) for where, text in outputs.items() for name, mark in MARKS.items() if find(mark, text)]
    assert not found
    print(f"searched {len(outputs)} outputs of {sum(map(len, outputs.values()))} characters for {len(MARKS)} secrets")


def _apply(space: Space, refusing: Servers, accepting: Servers, bearer: Servers) -> dict[tuple[str, str], str]:
    """Apply all objects; return what each says in the end, "" for those that are ready."""
    host, good, token = refusing.registry, accepting.registry, bearer.registry
    m = MARKS
    logins: dict[str, tuple[str, Any, str]] = {
        "echoed": (token, {"registrytoken": f"{m['token of echo']}\n"}, "scan failed"),
        "two-lines": (token, {"registrytoken": f"{m['token on two lines']}\nx"}, "'registrytoken' has a line break"),
        "euro": (token, {"registrytoken": f"{m['token with euro']}€"}, "'registrytoken' has a character in it that is"),
        "identity": (token, {"identitytoken": m["identity token"]}, "scan failed"),
        "basic": (host, {"username": "me", "password": m["password"]}, "REDACTED"),
        "bell": (host, {"username": "me", "password": f"{m['password with bell']}\x07"}, "the password has a control"),
        "good": (good, {"auth": base64.b64encode(f"me:{m['good pull secret']}\n".encode()).decode()}, ""),
    }
    said = {}
    for name, (registry, entry, words) in logins.items():
        pull_secret(space, name, {registry: entry})
        image_repository(space, name, f"{registry}/app", secretRef={"name": name})
        said["ImageRepository", name] = words
    space.apply(
        "Secret", "proxy", stringData={"address": f"http://{host}", "username": "me", "password": m["proxy password"]}
    )
    # An image on this machine, since a proxy there is refused for any other.
    image_repository(space, "proxy", f"{HOST}:5000/app", insecure=True, proxySecretRef={"name": "proxy"})
    key = f"-----BEGIN PRIVATE KEY-----\n{m['TLS key']}\n-----END PRIVATE KEY-----\n"
    space.apply("Secret", "tls", stringData={"tls.crt": key, "tls.key": key})
    image_repository(space, "tls", f"{good}/app", certSecretRef={"name": "tls"})
    semver_policy(space, "good", ">=0.1.0", repository="good")
    said |= {
        ("ImageRepository", "proxy"): "scan failed",
        ("ImageRepository", "tls"): "failed to parse TLS certificate and key",
        ("ImagePolicy", "good"): "",
    }
    fleet = f"{refusing.git}/fleet.git"
    source(space, "euro-token", fleet, bearerToken=f"{m['bearerToken with euro']}€")
    source(space, "token", fleet, bearerToken=m["bearerToken"])
    source(space, "password", fleet, username="me", password=f"{m['Git password']}\n")
    source(space, "url", fleet.replace("//", f"//me:{m['Git URL']}@"))
    locked = (
        f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{m['encrypted Git TLS key']}\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    source(space, "locked", fleet, **{"tls.crt": locked, "tls.key": locked})
    source(space, "signed", f"{accepting.git}/fleet.git", identity=m["signing key"])
    source(space, "works", f"{accepting.git}/fleet.git", username="me", password=m["good Git password"])
    automations = {
        "euro-token": "'bearerToken' has a character in it that is not ASCII", "token": "REDACTED",
        "password": "REDACTED", "url": "REDACTED", "locked": "'tls.key' is encrypted",
        "signed": "could not parse SSH signing key", "works": "",
    }  # fmt: skip
    return said | {("ImageUpdateAutomation", name): words for name, words in automations.items()}


def _wait_failed(space: Space, kind: str, name: str, words: str) -> None:
    def failed(found: dict[str, Any]) -> bool:
        ready = condition(found, "Ready")
        return ready.get("status") == "False" and words in ready["message"]

    space.wait(kind, name, failed, what=f"{words!r} in its Ready condition")


def _of_the_cluster(space: Space, objects: dict[tuple[str, str], str]) -> dict[str, str]:
    found = {}
    for kind, name in objects:
        status = space.get(kind, name)["status"]
        assert condition({"status": status}, "Ready")
        found[f"status of {kind} {name}"] = json.dumps(status, ensure_ascii=False)
    events = json.loads(space.kubectl("get", "events", "-n", space.name, "-o", "json").stdout)["items"]
    named = {event["involvedObject"]["name"] for event in events}
    assert {name for _, name in objects} <= named
    found["events"] = json.dumps(events, ensure_ascii=False)
    return found


def _of_the_processes(controllers: Running) -> dict[str, str]:
    found = {}
    for kind in KINDS:
        text = controllers.log_text(kind)
        assert kind == "imagepolicy" or '"level":"error"' in text, "the failures are not in the log that was read"
        found[f"log of {kind}"] = text
        found[f"metrics of {kind}"] = httpx.get(f"{controllers.metrics[kind]}/metrics", trust_env=False).text
    return found


def _explain(space: Space, kubeconfig: str) -> str:
    command = [
        sys.executable,
        "-m",
        "cli.main",
        "explain",
        "policy",
        f"{space.name}/good",
        f"--kubeconfig={kubeconfig}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
