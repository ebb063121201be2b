"""The way to the server: TLS, client certificates, proxies, and what is said when there is none."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from tempfile import NamedTemporaryFile
from typing import Any

import pytest

from cli.kube.client import Cluster
from cli.kube.connection import Connection, Identity, Trust
from cli.kube.credentials import FixedIdentity
from cli.kube.deadline import Deadline
from controllers.runtime.kube.errors import NotConfigured, Unreachable
from testing.certificates import KeyPair, create_authority, issue_server_key_pair
from testing.proxy import ProxyServer
from testing.scripted_http import Answer, ScriptedHttp

AUTHORITY = create_authority("authority")
SERVER = issue_server_key_pair(AUTHORITY, "127.0.0.1")
OTHER = create_authority("other.example")
TRUST = Trust(AUTHORITY.certificate, "ca.crt")


def connect(url: str, **settings: Any) -> Cluster:
    settings.setdefault("credentials", FixedIdentity(Identity()))
    return Cluster(Connection(url, **settings), Deadline(10))


def failure(url: str, **settings: Any) -> str:
    with connect(url, **settings) as api, pytest.raises(Unreachable) as caught:
        api.server_version()
    assert str(caught.value) == caught.value.message
    assert caught.value.message.startswith(f"cannot reach the API server at {url}")
    return caught.value.message.partition(url)[2]


@contextmanager
def tls_server(pair: KeyPair = SERVER, *, clients: KeyPair | None = None) -> Iterator[ScriptedHttp]:
    context = pair.server_context()
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.certificate.decode())
    with ScriptedHttp(Answer(), tls=context) as server:
        yield server


def test_trust() -> None:
    with tls_server() as server:
        with connect(server.url, trust=TRUST) as api:
            api.server_version()
            api.server_version()
        assert {request.connection for request in server.requests} == {1}, "the connection is not kept"
        with connect(server.url, trust=Trust(insecure=True)) as api:
            api.server_version()
        said = failure(server.url, trust=Trust(OTHER.certificate, "ca.crt"))
        assert said.startswith(": its certificate does not verify: ")
        assert said.endswith("; name the cluster's authority with --certificate-authority, or in the kubeconfig")
        assert "--certificate-authority" in failure(server.url)
        said = failure(server.url, trust=TRUST._replace(server_name="other.example"))
        assert said.startswith(": its certificate is not for other.example; name the host")


def test_a_server_may_have_another_name() -> None:
    with tls_server(OTHER) as server:
        trust = Trust(OTHER.certificate, "ca.crt", server_name="other.example")
        with connect(server.url, trust=trust) as api:
            api.server_version()
        said = failure(server.url, trust=trust._replace(server_name=""))
        assert said.startswith(": its certificate is not for 127.0.0.1; name the host that it is for with --tls-server")


def test_client_certificates() -> None:
    identity = Identity("", SERVER.certificate, SERVER.key, "f")
    with tls_server(clients=AUTHORITY) as server:
        with connect(server.url, trust=TRUST, credentials=FixedIdentity(identity)) as api:
            api.server_version()
        assert "or that we have none (tlsv13 alert certificate required)" in failure(server.url, trust=TRUST)
        other = Identity("", OTHER.certificate, OTHER.key, "f")
        said = failure(server.url, trust=TRUST, credentials=FixedIdentity(other))
        assert said.startswith(": it refuses our client certificate, or that we have none (")


@pytest.mark.parametrize(
    ("trust", "identity", "error"),
    [
        (Trust(b"nope", "the ca"), Identity(), "the ca has no certificate in PEM"),
        (Trust("ä".encode(), "the ca"), Identity(), "the ca has no certificate in PEM"),
        (TRUST, Identity("", SERVER.certificate, OTHER.key, "f"), "f: the client certificate and its key"),
        (TRUST, Identity("", b"nope", b"hush", "f"), "f: the client certificate and its key"),
        (TRUST._replace(server_name=".x"), Identity(), "correct tls-server-name"),
        (TRUST._replace(server_name="a..b"), Identity(), "correct tls-server-name"),
        (TRUST._replace(server_name="ü" * 60), Identity(), "correct tls-server-name"),
        (TRUST._replace(server_name="a" * 70), Identity(), "correct tls-server-name"),
    ],
)
def test_material_that_cannot_be_used(trust: Trust, identity: Identity, error: str) -> None:
    with (
        tls_server() as server,
        connect(server.url, trust=trust, credentials=FixedIdentity(identity)) as api,
        pytest.raises(NotConfigured, match=error) as caught,
    ):
        api.server_version()
    assert "hush" not in str(caught.value)


def test_a_name_that_no_host_can_have() -> None:
    with connect("https://a..b") as api, pytest.raises(NotConfigured, match="not a name that a host can have"):
        api.server_version()


def test_other_protocols() -> None:
    with ScriptedHttp(Answer()) as server:
        url = server.url.replace("http", "https")
        assert failure(url).startswith(": what answers there does not speak TLS; check the scheme")
    with tls_server() as server:
        url = server.url.replace("https", "http")
        assert failure(url)
    with silent_server(b"SSH-2.0-OpenSSH_9\r\n") as url:
        assert failure(url).startswith(": the answer is not HTTP; check that the server")


@contextmanager
def silent_server(says: bytes) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1)
                connection.sendall(says)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1024):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_a_proxy() -> None:
    with ProxyServer("http", login="me:hush") as proxy, tls_server() as server:
        url = proxy.url.replace("//", "//me:hush@")
        with connect(server.url, trust=TRUST, proxy=url) as api:
            api.server_version()
        assert proxy.asked == [f"CONNECT 127.0.0.1:{server.port}"]
        said = failure(server.url, trust=TRUST, proxy=proxy.url.replace("//", "//me:wrong@"))
        assert said.startswith(f" through the proxy {proxy.url}: the proxy answers 407 Proxy Authentication Required; ")
        proxy.refusal = "HTTP/1.1 502 no"
        assert "the proxy answers 502 Bad Gateway" in failure(server.url, trust=TRUST, proxy=url)
    said = failure("https://h.example", proxy="http://me:hush@127.0.0.1:1")
    assert said.startswith(" through the proxy http://127.0.0.1:1: Connection refused; check proxy-url")


def test_a_proxy_for_a_server_without_tls() -> None:
    """The proxy itself gets the request, with the whole URL in it."""
    with (
        ScriptedHttp(Answer()) as proxy,
        connect("http://h.example:8080", proxy=proxy.url.replace("//", "//me:hush@")) as api,
    ):
        api.server_version()
    (request,) = proxy.requests
    assert request.target == "http://h.example:8080/version"
    assert request.header("Host") == "h.example:8080"
    assert request.header("Proxy-Authorization").startswith("Basic ")


def test_a_proxy_with_tls_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS to the proxy, with this machine's authorities, and the server's TLS inside of it."""
    with NamedTemporaryFile() as authorities, tls_server() as server, TlsFront() as front:
        authorities.write(AUTHORITY.certificate)
        authorities.flush()
        monkeypatch.setenv("SSL_CERT_FILE", authorities.name)
        with connect(server.url, trust=TRUST, proxy=front.url) as api:
            api.server_version()
            api.server_version()
        assert len(server.requests) == 2


class TlsFront:
    """TLS in front of a proxy, for one connection."""

    def __init__(self) -> None:
        self._proxy = ProxyServer("http")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> "TlsFront":
        self._proxy.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listener.close()
        self._proxy.__exit__()

    def _serve(self) -> None:
        plain, _ = self._listener.accept()
        host, _, port = self._proxy.netloc.partition(":")
        with (
            SERVER.server_context().wrap_socket(plain, server_side=True) as near,
            socket.create_connection((host, int(port))) as far,
        ):
            back = threading.Thread(target=_copy, args=(far, near))
            back.start()
            _copy(near, far)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_a_host_that_says_nothing_is_left_before_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.kube.transport.CONNECT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        assert failure(url, trust=TRUST).startswith(": no answer in time; check that the cluster runs")


def test_a_repr_has_no_secret() -> None:
    connection = Connection("https://h", FixedIdentity(Identity("Bearer hush")), proxy="http://me:hush@p")
    assert "hush" not in repr(replace(connection, headers=(("A", "hush"),)))
