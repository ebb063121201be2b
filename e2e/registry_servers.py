"""Registries with every kind of login: the CNCF distribution over one storage, a token service, a hostile host."""

import base64
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from hack.env import pki, process, tools
from testing.address import HOST

USER, PASSWORD = "alice", "wonder-land"


@dataclass(frozen=True, slots=True)
class RegistryEndpoint:
    """A running registry; `host` is its name in an image."""

    host: str
    process: process.Process

    def close(self) -> None:
        """Stop the registry."""
        process.stop(self.process, kill=True)


def start_registry(
    folder: Path,
    storage: Path,
    *,
    auth: Mapping[str, Any] | None = None,
    tls: Mapping[str, Any] | None = None,
    authority: Path | None = None,
) -> RegistryEndpoint:
    """Start a registry on `storage` and wait until it answers; `auth` and `http.tls` as in its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    (port,) = process.free_ports(1, HOST)
    config = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(storage)}},
        "http": {"addr": f"{HOST}:{port}", **({"tls": dict(tls)} if tls else {})},
        **({"auth": dict(auth)} if auth else {}),
    }
    (folder / "config.json").write_text(json.dumps(config))  # JSON is YAML
    command = [tools.ensure("registry")["registry"], "serve", folder / "config.json"]
    started = process.start("registry", command, folder, {"OTEL_TRACES_EXPORTER": "none"})
    scheme = "https" if tls else "http"
    if not (tls and "clientcas" in tls):
        process.wait_until(process.http_probe(f"{scheme}://{HOST}:{port}/v2/", authority=authority), started)
    return RegistryEndpoint(f"{HOST}:{port}", started)


def htpasswd(folder: Path) -> dict[str, Any]:
    """Return `auth` for one account by password."""
    folder.mkdir(parents=True, exist_ok=True)
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (folder / "htpasswd").write_text(f"{USER}:{hashed}\n")
    return {"htpasswd": {"realm": "e2e", "path": str(folder / "htpasswd")}}


class TokenServer(ThreadingHTTPServer):
    """A token service of the distribution spec for one account; `requested_scopes` has what was asked for."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__((HOST, 0), _Tokens)
        self.requested_scopes: list[str] = []
        self.url = f"http://{HOST}:{self.server_address[1]}/token"
        folder.mkdir(parents=True, exist_ok=True)
        authority = pki.new_authority("token service")
        certificate, key = authority.issue("tokens", folder)
        self.bundle = folder / "authority.crt"
        self.bundle.write_bytes(authority.certificate_pem())
        loaded = serialization.load_pem_private_key(key.read_bytes(), password=None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        self._key = loaded
        self._chain = x509.load_pem_x509_certificate(certificate.read_bytes())
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def auth(self) -> dict[str, Any]:
        """`auth` of a registry that trusts this service."""
        settings = {"realm": self.url, "service": "e2e", "issuer": "e2e", "rootcertbundle": str(self.bundle)}
        return {"token": settings}

    def token(self, scope: str) -> str:
        """Return a signed token to pull what `scope` names."""
        der = self._chain.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
        kind, name, _ = scope.split(":")
        now = int(time.time())
        claims = {
            "iss": "e2e", "sub": USER, "aud": "e2e", "exp": now + 300, "nbf": now - 10, "iat": now,
            "jti": f"{time.time_ns()}", "access": [{"type": kind, "name": name, "actions": ["pull"]}],
        }  # fmt: skip
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def close(self) -> None:
        """Stop the service."""
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Tokens(BaseHTTPRequestHandler):
    server: TokenServer

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        scope = parse_qs(urlsplit(self.path).query).get("scope", [""])[0]
        self.server.requested_scopes.append(scope)
        allowed = self.headers.get("Authorization") == expected
        answer = {"token": self.server.token(scope), "expires_in": 300} if allowed else {}
        body = json.dumps(answer if allowed else {"errors": [{"code": "UNAUTHORIZED", "message": "who?"}]}).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


Fault = Callable[["HostileRegistryHandler"], None]


class HostileRegistry(ThreadingHTTPServer):
    """A registry whose answers to requests for tags are what `fault` does; `/v2/` is fine."""

    daemon_threads = True

    def __init__(self, fault: Fault) -> None:
        super().__init__((HOST, 0), HostileRegistryHandler)
        self.fault = fault
        self.host = f"{HOST}:{self.server_address[1]}"
        self.requests: list[str] = []
        self.closing = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that go away: that is the point."""

    def close(self) -> None:
        """Stop the server and whatever it is still sending."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        self._thread.join()


class HostileRegistryHandler(BaseHTTPRequestHandler):
    """One connection; faults write to it as they like."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: HostileRegistry

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        if self.path == "/v2/":
            self.answer(200, b"{}")
            return
        self.server.requests.append(self.path)
        self.server.fault(self)

    def do_HEAD(self) -> None:
        """Answer as to GET, without the body."""
        self.do_GET()

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """Return a whole answer; an underscore in a header's name is a hyphen."""
        self.begin(status, **{"Content_Length": str(len(body)), "Content_Type": "application/json"} | headers)
        if self.command != "HEAD":
            self.wfile.write(body)

    def begin(self, status: int, **headers: str) -> None:
        """Send status and headers only."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def tags(self, *tags: str, **headers: str) -> None:
        """Return a page of tags."""
        self.answer(200, json.dumps({"name": "app", "tags": tags}).encode(), **headers)

    def refuse(self, status: int, code: str, **headers: str) -> None:
        """Return a refusal in the form of the specification."""
        self.answer(status, json.dumps({"errors": [{"code": code, "message": "no"}]}).encode(), **headers)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
