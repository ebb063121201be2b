"""`cli.verbs`: Receivers are shown and changed as other kinds, and called as their senders would."""

import base64
import http.server
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from api.names import RECEIVERS, REQUESTED_AT, SECRETS
from cli.exporting import manifest
from cli.getting.run import get, request_of
from cli.grammar.session import Failed, Reporter, Session
from cli.hooks import sending, triggering
from cli.hooks.identity import VARIABLE
from cli.hooks.order import Order
from cli.kinds import EVERY_KIND
from cli.kinds.receiver import RECEIVER
from cli.kube.deadline import Deadline
from cli.main import main
from cli.verbs.delete import delete
from cli.verbs.reconcile import reconcile
from cli.verbs.resume import resume
from cli.verbs.suspend import suspend
from controllers.webhooks.hook_path import hook_path
from testing.cluster import FakeCluster, session_on

TOKEN = "k3y-of-the-hook"
PATH = hook_path(TOKEN, "harbor", "apps")
READY = {"type": "Ready", "status": "True", "reason": "Succeeded", "message": "Receiver initialized"}
SPEC = {
    "type": "harbor",
    "interval": "10m",
    "secretRef": {"name": "hook"},
    "resources": [{"kind": "ImageRepository", "name": "*"}],
}


@pytest.fixture
def cluster() -> FakeCluster:
    cluster = FakeCluster()
    cluster.put(RECEIVERS, {"metadata": {"name": "harbor", "namespace": "apps"}, "spec": SPEC})
    cluster.set_status(RECEIVERS, "apps", "harbor", conditions=[READY], webhookPath=PATH)
    data = {"token": base64.b64encode(TOKEN.encode()).decode()}
    cluster.put(SECRETS, {"metadata": {"name": "hook", "namespace": "apps"}, "data": data})
    return cluster


Told = Callable[..., tuple[Session, io.StringIO]]


@pytest.fixture
def told(cluster: FakeCluster) -> Iterator[Told]:
    """Yield what begins a session in the namespace apps, and collects what it says."""
    with ExitStack() as stack:

        def begin(**environ: str) -> tuple[Session, io.StringIO]:
            session, said = stack.enter_context(session_on(cluster, namespace="apps"))
            session.environ = environ
            return session, said

        yield begin


def test_every_verb_knows_receivers_without_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    for verb, word in (
        ("get", "receivers"), ("get", "receiver"), ("export", "receiver"), ("suspend", "receiver"),
        ("resume", "receiver"), ("delete", "receiver"), ("reconcile", "receiver"), ("create", "receiver"),
    ):  # fmt: skip
        assert main([verb, word, "--help"]) == 0
        assert "receiver" in capsys.readouterr().out


def test_words_of_kinds_are_distinct() -> None:
    assert len({kind.phrase for kind in EVERY_KIND}) == len(EVERY_KIND)
    assert (RECEIVER.phrase, RECEIVER.phrase_of_get) == ("receiver", "receivers")


def test_get_shows_what_flux_shows(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    session, _ = told()
    flags = {"all_namespaces": False, "label_selector": "", "status_selector": "", "no_header": False}
    get(session, request_of(session, (RECEIVER,), (), is_all=False, output="", **flags))
    header, row = capsys.readouterr().out.splitlines()[:2]
    assert header.split() == ["NAME", "SUSPENDED", "READY", "MESSAGE"]
    assert row.split() == ["harbor", "False", "True", "Receiver", "initialized"]
    get(session, request_of(session, (RECEIVER,), (), is_all=False, output="wide", **flags))
    assert "ImageRepository/*" in capsys.readouterr().out


def test_verbs_change_them_in_fluxs_words(cluster: FakeCluster, told: Told) -> None:
    session, said = told()
    suspend(session, RECEIVER, ["harbor"], all=False)
    assert said.getvalue() == "► suspending receiver harbor in apps namespace\n✔ receiver suspended\n"
    stored = cluster.stored(RECEIVERS, "apps", "harbor")
    assert stored is not None
    assert stored["spec"]["suspend"] is True
    session, said = told()
    cluster.steps = [lambda one: one.set_status(RECEIVERS, "apps", "harbor", conditions=[READY], webhookPath=PATH)]
    resume(session, RECEIVER, ["harbor"], all=False, wait=None)
    assert said.getvalue().splitlines()[-2:] == [
        "✔ Receiver harbor reconciliation completed", f"✔ generated webhook URL {PATH}",
    ]  # fmt: skip
    delete(session, RECEIVER, ["harbor"], silent=True)
    assert cluster.stored(RECEIVERS, "apps", "harbor") is None


def test_reconcile_waits_for_the_request(cluster: FakeCluster, told: Told) -> None:
    def handle(cluster: FakeCluster) -> None:
        obj = cluster.stored(RECEIVERS, "apps", "harbor")
        assert obj is not None
        at = obj["metadata"]["annotations"][REQUESTED_AT]
        cluster.set_status(RECEIVERS, "apps", "harbor", conditions=[READY], webhookPath=PATH, lastHandledReconcileAt=at)

    cluster.steps = [handle]
    session, said = told()
    reconcile(session, RECEIVER, ["harbor"])
    assert said.getvalue().splitlines() == [
        "► annotating Receiver harbor in apps namespace", "✔ Receiver annotated",
        "◎ waiting for Receiver reconciliation", f"✔ generated webhook URL {PATH}",
    ]  # fmt: skip


def test_export_has_what_somebody_wrote(cluster: FakeCluster) -> None:
    found = manifest(RECEIVER, cluster.get(RECEIVERS, "apps", "harbor"))
    assert found["spec"] == {**SPEC, "interval": "10m0s"}
    assert PATH not in str(found)


def order(**flags: Any) -> Order:
    known: dict[str, Any] = dict.fromkeys(
        ("url", "type", "token", "token_env", "secret_file", "image", "tag", "digest", "payload", "oidc_token",
         "oidc_provider", "oidc_audience"), "",
    )  # fmt: skip
    return Order(**{"name": "harbor", "retries": 0, "retry_delay": 0, **known, **flags})


def test_a_receiver_of_the_cluster_is_called_by_its_type_path_and_secret(told: Told) -> None:
    session, _ = told()
    hook, namespace = triggering.make_hook(
        session, order(image="harbor.example.com/org/app", tag="1.2.3", url="https://h")
    )
    assert (hook.url, namespace) == (f"https://h{PATH}", "apps")
    assert hook.headers["Authorization"] == TOKEN
    assert b'"resource_url":"harbor.example.com/org/app:1.2.3"' in hook.body
    for shown in (repr(order(token=TOKEN)), hook.shown_url):
        assert TOKEN not in shown
        assert PATH not in shown


def test_a_line_end_behind_the_token_is_in_no_header(cluster: FakeCluster, told: Told) -> None:
    data = {"token": base64.b64encode(f"{TOKEN}\n".encode()).decode()}
    cluster.put(SECRETS, {"metadata": {"name": "hook", "namespace": "apps"}, "data": data})
    session, _ = told()
    hook, _ = triggering.make_hook(session, order(image="harbor.example.com/org/app", tag="1.2.3", url="https://h"))
    assert hook.headers["Authorization"] == TOKEN


def test_with_its_token_no_cluster_is_asked(cluster: FakeCluster, told: Told) -> None:
    session, _ = told(WEBHOOK=TOKEN)
    hook, _ = triggering.make_hook(session, order(type="generic-hmac", token_env="WEBHOOK", payload='{"a": 1}'))
    assert cluster.requests == []
    assert (hook.path, hook.body) == (hook_path(TOKEN, "harbor", "apps"), b'{"a": 1}')
    assert hook.headers["X-Signature"].startswith("sha256=")


def test_an_identity_token_needs_no_secret(told: Told) -> None:
    session, _ = told(**{VARIABLE: "jwt"})
    hook, _ = triggering.make_hook(session, order(type="generic-oidc"))
    assert (hook.path, hook.headers["Authorization"]) == (hook_path(b"", "harbor", "apps"), "Bearer jwt")


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ({"token": "a", "token_env": "B"}, "exclude each other"),
        ({"token": "a", "type": "generic-oidc"}, "the Receiver of this type has no secret"),
        ({"url": "ftp://host"}, "--url must begin with https://, not ftp"),
        ({"token": "a", "payload": "{}", "image": "a.io/b/c"}, "leave out --image"),
        ({"token": "a", "tag": "1"}, "need --image"),
        ({"token": "a", "image": "https://a"}, "--image: image 'https://a' should not include URL scheme"),
        ({"token": "a", "type": "harbour"}, 'the type harbour is not known; did you mean "harbor"?'),
        ({"token": "a", "type": "harbor"}, "--image or --payload is required"),
        ({"type": "generic-oidc"}, "an identity token is required"),
        ({"type": "generic-oidc", "oidc_token": "a", "oidc_provider": "github"}, "mutually exclusive"),
        ({"type": "generic-oidc", "oidc_audience": "a"}, "requires --oidc-provider"),
        ({"type": "generic-oidc", "oidc_provider": "gitlab"}, "must be github or forgejo"),
        ({"type": "generic-oidc", "oidc_provider": "github"}, "id-token: write"),
    ],
)
def test_orders_that_cannot_work_are_refused(told: Told, flags: dict[str, str], text: str) -> None:
    session, _ = told()
    with pytest.raises(Failed) as refused:
        triggering.make_hook(session, order(**flags))
    assert text in str(refused.value)


def test_a_receiver_without_a_path_is_said(cluster: FakeCluster, told: Told) -> None:
    cluster.set_status(RECEIVERS, "apps", "harbor", conditions=[])
    session, _ = told()
    with pytest.raises(Failed, match="has no path yet"):
        triggering.make_hook(session, order(image="a.io/b/c"))


def test_without_a_url_a_command_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOK", TOKEN)
    flags = ["--type=harbor", "--token-env=WEBHOOK", "--image=harbor.example.com/org/app", "--tag=1", "-n", "apps"]
    assert main(["trigger", "receiver", "harbor", *flags]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"curl -X POST https://HOST{PATH} \\\n")
    assert '-H "Authorization: $TOKEN"' in text
    assert TOKEN not in text


def test_no_word_of_the_token_is_in_curl(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK", "correct horse battery")
    for kind, shown in (("harbor", "$TOKEN"), ("distribution", "Bearer $TOKEN")):
        flags = [f"--type={kind}", "--token-env=WEBHOOK", "--image=harbor.example.com/org/app", "--tag=1"]
        assert main(["trigger", "receiver", "harbor", *flags]) == 0
        assert f'-H "Authorization: {shown}" \\\n' in capsys.readouterr().out


@dataclass
class Sender:
    """A server that answers with these statuses in turn, and remembers what it got."""

    statuses: list[int]
    got: list[tuple[str, bytes, str]] = field(default_factory=list)
    location: str = ""


Serve = Callable[[Sender], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[tuple[http.server.HTTPServer, threading.Thread]] = []

    def start(sender: Sender) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sender.got.append((self.path, body, self.headers["Authorization"] or ""))
                self.send_response(sender.statuses.pop(0))
                if sender.location:
                    self.send_header("Location", sender.location)
                self.end_headers()
                self.wfile.write(b"why\x1b[31m")

            def log_message(self, *_: object) -> None:
                return None

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        started.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()


def send(url: str, *, retries: int = 3) -> tuple[str, list[float]]:
    """Send a hook; return what was said, and the pauses."""
    said, pauses = io.StringIO(), list[float]()
    hook = sending.Hook(url, PATH, {"Authorization": TOKEN}, b"{}")
    deadline = Deadline(60, sleep=pauses.append)
    try:
        sending.send(hook, deadline, Reporter(said), retries=retries, delay=2.0)
    finally:
        assert TOKEN not in said.getvalue()
        assert PATH not in said.getvalue()
    return said.getvalue(), pauses


def test_a_hook_is_sent_again_where_that_may_help(serve: Serve) -> None:
    sender = Sender([404, 503, 200])
    said, pauses = send(serve(sender))
    assert [path for path, _, _ in sender.got] == [PATH] * 3
    assert sender.got[0][2] == TOKEN
    assert pauses == [2.0, 2.0]
    assert "failed with status 503: why [31m; retrying in 2s (2/3)" in said


@pytest.mark.parametrize(("statuses", "count"), [([401], 1), ([400], 1), ([503, 503], 2)])
def test_a_hook_that_is_refused_fails(serve: Serve, statuses: list[int], count: int) -> None:
    sender = Sender(list(statuses))
    with pytest.raises(Failed, match=f"failed with status {statuses[0]}"):
        send(serve(sender), retries=1)
    assert len(sender.got) == count


def test_a_redirect_is_not_followed(serve: Serve) -> None:
    other = Sender([200])
    sender = Sender([307], location=serve(other))
    with pytest.raises(Failed, match="status 307"):
        send(serve(sender), retries=0)
    assert other.got == []


def test_nobody_there_is_tried_again(serve: Serve) -> None:
    with pytest.raises(Failed, match="failed: "):
        send("http://127.0.0.1:1", retries=1)
