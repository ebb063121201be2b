"""An OCI registry on loopback, as ill-mannered as a scenario says."""

import base64
import collections
import hashlib
import http.server
import json
import re
import socket
import ssl
import tempfile
import threading
import time
import urllib.parse


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 64

    def handle_error(self, request, client_address):
        """Clients may hang up or dislike a certificate: silence."""


class Registry:
    """A registry for one scenario: tags per repository, auth, faults; counts requests by "METHOD kind"."""

    def __init__(self):
        self.lock = threading.Lock()
        self.repos, self.builds, self.faults, self.counts = {}, collections.Counter(), [], collections.Counter()
        self.auth, self.users, self.page_size, self.public, self.tls = "none", {}, 0, [], None
        reg = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version, timeout = "HTTP/1.1", 30

            def log_message(self, *a):
                pass

            def setup(self):
                self.refusal = ""
                tls = self.request.recv(1, socket.MSG_PEEK) == b"\x16"
                if tls and reg.tls:
                    self.request = reg.tls.wrap_socket(self.request, server_side=True)
                elif tls or reg.tls:
                    self.refusal = f"Client sent an {'HTTPS' if tls else 'HTTP'} request to an {'HTTP' if tls else 'HTTPS'} server."
                super().setup()

            def handle(self):
                if self.refusal:
                    self.connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n" + self.refusal.encode())
                else:
                    super().handle()

            def do_GET(self):
                reg.answer(self)

            do_HEAD = do_GET

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        # the same registry under an address that is not exempt from HTTPS
        self.second = Server(("127.0.0.2", self.port), Handler)
        for s in (self.server, self.second):
            threading.Thread(target=s.serve_forever, args=(0.2,), daemon=True).start()

    def push(self, repo, tags, rebuild=False):
        have = self.repos.setdefault(repo, [])
        for t in tags:
            if t not in have:
                have.append(t)
            if rebuild:
                self.builds[repo, t] += 1

    def remove(self, repo, tags):
        if tags == "all":
            del self.repos[repo]
        else:
            self.repos[repo] = [t for t in self.repos[repo] if t not in tags]

    def configure(self, cfg):
        with self.lock:
            self.auth, self.users = cfg.get("auth", self.auth), cfg.get("users", self.users)
            self.page_size, self.public = cfg.get("page-size", self.page_size), cfg.get("public", self.public)
        if "tls" in cfg:
            with tempfile.NamedTemporaryFile("w") as f:
                f.write(cfg["tls"]["certificate"] + "\n" + cfg["tls"]["key"])
                f.flush()
                self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self.tls.load_cert_chain(f.name)

    def manifest(self, repo, tag):
        return json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                           "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2,
                                      "digest": "sha256:" + hashlib.sha256(b"{}").hexdigest()},
                           "layers": [], "annotations": {"ref": f"{repo}:{tag}", "build": str(self.builds[repo, tag])}},
                          sort_keys=True).encode()

    def fault(self, kind, repo):
        with self.lock:
            for f in self.faults:
                if f.get("kind", "any") in ("any", kind) and f.get("repo", repo) == repo and f.get("times", 1) != 0:
                    if "times" in f:
                        f["times"] -= 1
                    return f
        return None

    def answer(self, h):
        url = urllib.parse.urlsplit(h.path)
        q = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        m = re.fullmatch(r"/v2/(.+)/(tags/list|manifests/([^/]+))", url.path)
        kind = "ping" if url.path == "/v2/" else "token" if url.path == "/token" else \
            ("tags" if m and m[3] is None else "manifest" if m else "other")
        repo = m[1] if m else q.get("scope", "::").split(":")[1] if kind == "token" else ""
        with self.lock:
            self.counts[f"{h.command} {kind}"] += 1
        f = self.fault(kind, repo)
        if f:
            time.sleep(f.get("delay", 0))
            if "status" in f:
                return send(h, f["status"], errors(f.get("code", "UNKNOWN"), f.get("message", "fault")),
                            {k: str(f[k]) for k in ("Retry-After",) if k in f})
            if "body" in f:
                return send(h, 200, f["body"].encode())
        if kind == "token":
            user = self.basic(h)
            if user is False:
                return send(h, 401, errors("UNAUTHORIZED", "incorrect username or password"))
            return send(h, 200, json.dumps({"token": token(user, repo)}).encode())
        if not self.allowed(h, kind, repo):
            host = h.headers.get("Host", f"127.0.0.1:{self.port}")
            challenge = 'Basic realm="registry"' if self.auth == "basic" else \
                f'Bearer realm="http://{host}/token",service="registry"' + (f',scope="repository:{repo}:pull"' if repo else "")
            return send(h, 401, errors("UNAUTHORIZED", "authentication required"), {"WWW-Authenticate": challenge})
        if kind == "ping":
            return send(h, 200, b"{}")
        if kind == "other":
            return send(h, 404, errors("UNSUPPORTED", "no such endpoint"))
        tags = self.repos.get(repo)
        if tags is None:
            return send(h, 404, errors("NAME_UNKNOWN", "repository name not known to registry"))
        if kind == "tags":
            page = sorted(t for t in tags if t > q.get("last", ""))
            n = min([int(x) for x in (q.get("n"), self.page_size) if x and int(x) > 0] or [10000])
            more = {"Link": f'</v2/{repo}/tags/list?n={n}&last={urllib.parse.quote(page[n - 1])}>; rel="next"'} if len(page) > n else {}
            return send(h, 200, json.dumps({"name": repo, "tags": page[:n]}).encode(), more)
        tag = m[3]
        if tag.startswith("sha256:"):
            tag = next((t for t in tags if digest(self.manifest(repo, t)) == m[3]), None)
        if tag not in tags:
            return send(h, 404, errors("MANIFEST_UNKNOWN", "manifest unknown"))
        body = self.manifest(repo, tag)
        send(h, 200, body, {"Content-Type": "application/vnd.oci.image.manifest.v1+json", "Docker-Content-Digest": digest(body)})

    def basic(self, h):
        """The user of a basic Authorization; None without one; False if it is wrong."""
        a = h.headers.get("Authorization", "")
        if not a.lower().startswith("basic "):
            return None
        user, _, password = base64.b64decode(a[6:]).decode().partition(":")
        return user if self.users.get(user) == password else False

    def allowed(self, h, kind, repo):
        if self.auth == "none":
            return True
        if self.auth == "basic":
            return bool(self.basic(h)) or (kind != "ping" and repo in self.public)
        a = h.headers.get("Authorization", "")
        if not a.lower().startswith("bearer "):
            return False
        return kind == "ping" or any(a[7:] == token(u, repo) for u in [*self.users, *([None] if repo in self.public else [])])


def token(user, repo):
    return hashlib.sha256(f"{user} {repo}".encode()).hexdigest()


def digest(body):
    return "sha256:" + hashlib.sha256(body).hexdigest()


def errors(code, message):
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


def send(h, status, body, headers=None):
    h.send_response(status)
    for k, v in {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}.items():
        h.send_header(k, v)
    h.end_headers()
    if h.command != "HEAD":
        h.wfile.write(body)
