"""`controllers`: answers and Secrets at which parsers give up are users' errors with a message, and crash no run."""

import base64
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from e2e import metrics
from e2e.attacked import Attack
from e2e.cluster import Space, condition
from e2e.crash_inputs import CONFIGS, DEEP, MANIFESTS, ROWS, SECRETS
from e2e.fleet import Fleet
from e2e.hostile_server import HostileServer
from e2e.objects import automation, image_repository, semver_policy
from e2e.registry_servers import HostileRegistry, HostileRegistryHandler
from hack.controllers import KINDS
from testing import costly_keys
from testing.address import HOST

RULES = {"newest": {"by": "BuildDate"}, "platforms": ["linux/amd64"]}
PANICS = "controller_runtime_reconcile_panics_total"


def serve(h: HostileRegistryHandler) -> None:
    """Answer for each repository as the row of the same name says."""
    _, _, name, *rest = h.path.partition("?")[0].split("/")
    if name in ROWS:
        row = ROWS[name]
        h.answer(row.status, row.body, **{key.replace("-", "_"): value for key, value in row.headers.items()})
    elif rest[:1] == ["tags"]:
        h.tags("1.0.0")
    else:
        documents = {**MANIFESTS, **CONFIGS}[name]
        h.answer(200, documents.get(rest[-1], documents["1.0.0"]))


@pytest.fixture
def hosts() -> Iterator[Callable[[], str]]:
    """Yield a function that starts such a registry: what one was asked to wait for must not keep the others back."""
    registries: list[HostileRegistry] = []

    def start() -> str:
        registries.append(HostileRegistry(serve))
        return registries[-1].host

    yield start
    for registry in registries:
        registry.close()


def panics(attack: Attack) -> dict[str, float]:
    return {kind: metrics.total(attack.processes.metrics[kind], PANICS) for kind in KINDS}


def has_ended(policy: dict[str, Any]) -> bool:
    """Return whether a run has chosen, or has said why it could not, other than that there were no tags yet."""
    ready = condition(policy, "Ready")
    return ready.get("status") == "True" or ready.get("reason") not in (None, "Progressing", "DependencyNotReady")


def assert_told(space: Space, kind: str, name: str) -> str:
    """Assert that the object says what is wrong, in words that are not those of a crash; return its message."""
    found = space.wait(
        kind, name, lambda o: condition(o, "Ready").get("status") == "False", what="Ready=False", seconds=60
    )
    message = str(condition(found, "Ready")["message"])
    assert "internal error" not in message.lower(), f"{name}: {message}"
    assert condition(found, "Ready")["reason"] != "InternalError"
    return message


def test_answers_of_registries_that_no_parser_takes(attack: Attack, space: Space, hosts: Callable[[], str]) -> None:
    before = panics(attack)
    for name in ROWS:
        image_repository(space, name, f"{hosts()}/{name}", timeout="20s")
    for name, row in ROWS.items():
        assert row.message in assert_told(space, "ImageRepository", name), name
    assert panics(attack) == before


def test_images_whose_documents_no_parser_takes(attack: Attack, space: Space, hosts: Callable[[], str]) -> None:
    before = panics(attack)
    for name in (*MANIFESTS, *CONFIGS):
        image_repository(space, name, f"{hosts()}/{name}")
        semver_policy(space, name, digestReflectionPolicy="Always", interval="1h", policy=RULES)
    for name in (*MANIFESTS, *CONFIGS):
        found = space.wait("ImagePolicy", name, has_ended, what="the end of a run", seconds=60)
        assert "internal error" not in str(found["status"]).lower()
    assert panics(attack) == before


def test_secrets_that_no_parser_takes(attack: Attack, space: Space, hosts: Callable[[], str]) -> None:
    before = panics(attack)
    for name, (kind, data) in SECRETS.items():
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        space.apply("Secret", name, type=kind, data=encoded)
        field = "certSecretRef" if "tls.key" in data or "ca.crt" in data else "secretRef"
        image_repository(space, name, f"{hosts()}/app", **{field: {"name": name}})
    for name in SECRETS:
        assert_told(space, "ImageRepository", name)
    assert panics(attack) == before


class DeepHandler(BaseHTTPRequestHandler):
    """A Git host that answers what it was not asked."""

    answer = b""

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)


def _packets(*lines: bytes) -> bytes:
    return b"".join(b"%04x%s" % (len(line) + 4, line) for line in lines)


GREETING = _packets(b"# service=git-upload-pack\n") + b"0000"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(GREETING + _packets(b"nothing-but-a-name\n") + b"0000", id="line-without-a-blank"),
        pytest.param(GREETING + b"zzzz", id="no-length"),
        pytest.param(GREETING + _packets(b"\xff\xfe \xff\0\xff\n") + b"0000", id="no-utf-8"),
        pytest.param(GREETING + _packets(b"9" * 5000 + b" refs/heads/main\0x\n") + b"0000", id="digits"),
        pytest.param(DEEP, id="brackets"),
    ],
)
def test_git_answers_that_no_parser_takes(attack: Attack, fleet: Fleet, answer: bytes) -> None:
    before = panics(attack)
    handler = type("Handler", (DeepHandler,), {"answer": answer})
    server = HostileServer(handler)
    fleet.space.patch("GitRepository", "fleet", {"url": f"http://{server.host}/x.git", "secretRef": None})
    automation(fleet.space, "fleet", source="fleet")
    assert "unable to clone" in assert_told(fleet.space, "ImageUpdateAutomation", "fleet")
    server.close()
    assert panics(attack) == before


HOST_KEY = "h ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA=="
SHORT_VECTOR = (
    costly_keys.pem("RSA PRIVATE KEY", bytes(64))
    .decode()
    .replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0011223344556677\n\n", 1)
)
"""At which a library written in Rust panics: what it raises is no Exception, and ended the process."""
GIT_SECRETS = {
    "token-of-no-header": ("https", {"bearerToken": "€"}),
    "token-of-two-lines": ("https", {"bearerToken": "a\nb"}),
    "encrypted-key": ("https", {"tls.crt": "x", "tls.key": costly_keys.pbkdf2_key().decode()}),
    "authority-of-noise": ("https", {"ca.crt": costly_keys.pem("CERTIFICATE", b"\x30\x84\xff\xff\xff\xff").decode()}),
    "identity-of-noise": ("ssh", {"identity": "€" * 99, "known_hosts": "€ € €"}),
    "identity-with-a-short-vector": ("ssh", {"identity": SHORT_VECTOR, "known_hosts": HOST_KEY, "password": "x"}),
    "app-of-digits": ("https", {"githubAppID": "9" * 5000, "githubAppInstallationID": "€", "githubAppPrivateKey": "x"}),
}


def test_git_secrets_that_no_parser_takes(attack: Attack, fleet: Fleet) -> None:
    before = panics(attack)
    for name, (scheme, data) in GIT_SECRETS.items():
        user = "git@" if scheme == "ssh" else ""
        fleet.space.apply("Secret", name, stringData=data)
        provider = {"provider": "github"} if "githubAppID" in data else {}
        spec = {"url": f"{scheme}://{user}{HOST}:9/x", "interval": "1h", "secretRef": {"name": name}, **provider}
        fleet.space.apply("GitRepository", name, {**spec, "ref": {"branch": "main"}})
        automation(fleet.space, name, source=name)
    for name in GIT_SECRETS:
        message = assert_told(fleet.space, "ImageUpdateAutomation", name)
        assert "push spec not provided" not in message
    assert panics(attack) == before
    automation(fleet.space, "fleet", source="fleet")
    fleet.wait_commits(2)
