"""Git over HTTP on loopback, and the repositories of a scenario."""

import base64
import http.server
import os
import random
import re
import subprocess
import threading
import time
import urllib.parse

from hack.scenarios.player.registry import Server, send

GIT_ENV = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
POST_RECEIVE = """#!/bin/sh
options=""; i=0
while [ "$i" -lt "${GIT_PUSH_OPTION_COUNT:-0}" ]; do eval "o=\\$GIT_PUSH_OPTION_$i"; options="$options $o"; i=$((i+1)); done
while read old new ref; do echo "$old $new $ref$options" >> pushes.log; done
"""


def git(repo, *args, data=None, env=None, check=True):
    p = subprocess.run(["git", "-C", repo, *args], input=data, capture_output=True, env={**GIT_ENV, **(env or {})})
    if check and p.returncode:
        raise RuntimeError(f"git {args[0]}: {p.stderr.decode(errors='replace')}")
    return p.stdout.decode(errors="replace")


class GitServer:
    """`git http-backend` for bare repositories at ROOT/<scenario>/<repo>.git; basic auth and faults per repository."""

    def __init__(self, root):
        self.root, self.auth, self.broken = root, {}, {}
        self.backend = os.path.join(subprocess.check_output(["git", "--exec-path"], text=True).strip(), "git-http-backend")
        srv = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version, timeout = "HTTP/1.1", 60

            def log_message(self, *a):
                pass

            def do_GET(self):
                srv.serve(self)

            do_POST = do_GET

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.2,), daemon=True).start()

    def serve(self, h):
        url = urllib.parse.urlsplit(h.path)
        repo = "/".join(url.path.split("/")[1:3])
        body = self.body(h)
        want, user = self.auth.get(repo), ""
        if want:
            a = h.headers.get("Authorization", "")
            got = base64.b64decode(a[6:]).decode() if a.lower().startswith("basic ") else ""
            if got != f"{want['username']}:{want['password']}":
                return send(h, 401, b"Unauthorized\n", {"WWW-Authenticate": 'Basic realm="git"', "Content-Type": "text/plain"})
            user = want["username"]
        if self.broken.get(repo):
            return send(h, self.broken[repo], b"broken\n", {"Content-Type": "text/plain"})
        env = {**GIT_ENV, "GIT_PROJECT_ROOT": self.root, "GIT_HTTP_EXPORT_ALL": "1", "REMOTE_USER": user or "anonymous",
               "REQUEST_METHOD": h.command, "PATH_INFO": url.path, "QUERY_STRING": url.query, "SERVER_PROTOCOL": "HTTP/1.1",
               "CONTENT_TYPE": h.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)), "REMOTE_ADDR": "127.0.0.1",
               "HTTP_CONTENT_ENCODING": h.headers.get("Content-Encoding", ""), "GIT_PROTOCOL": h.headers.get("Git-Protocol", "")}
        p = subprocess.run([self.backend], input=body, capture_output=True, env=env)
        head, _, out = p.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        send(h, int(headers.pop("Status", "200").split()[0]), out, headers)

    @staticmethod
    def body(h):
        if "chunked" not in h.headers.get("Transfer-Encoding", ""):
            return h.rfile.read(int(h.headers.get("Content-Length") or 0))
        parts = []
        while size := int(h.rfile.readline().split(b";")[0], 16):
            parts.append(h.rfile.read(size))
            h.rfile.readline()
        h.rfile.readline()
        return b"".join(parts)


class Repo:
    """A bare repository of one scenario, with helpers for 'someone else' who commits to it."""

    def __init__(self, path):
        self.path = path
        os.makedirs(path)
        git(path, "init", "-q", "--bare", "-b", "main")
        git(path, "config", "receive.advertisePushOptions", "true")
        git(path, "config", "uploadpack.allowAnySHA1InWant", "true")
        git(path, "config", "http.receivepack", "true")
        self.hook("post-receive", POST_RECEIVE)

    def hook(self, name, text):
        path = os.path.join(self.path, "hooks", name)
        if text is None:
            return os.remove(path)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o755)

    def commit(self, branch, files, message, author="Someone Else <someone@example.com>", parent=None, when=None):
        index = {"GIT_INDEX_FILE": os.path.join(self.path, f"index-{random.random()}")}
        head = parent or git(self.path, "rev-parse", "-q", "--verify", f"refs/heads/{branch}", check=False).strip()
        if head:
            git(self.path, "read-tree", head, env=index)
        for path, content in files.items():
            if content is None:
                git(self.path, "update-index", "--index-info", data=f"0 {'0' * 40}\t{path}\n".encode(), env=index)
                continue
            mode, content = (content.get("mode", "100644"), content["content"]) if isinstance(content, dict) else ("100644", content)
            blob = git(self.path, "hash-object", "-w", "--stdin", data=content.encode()).strip()
            git(self.path, "update-index", "--add", "--cacheinfo", f"{mode},{blob},{path}", env=index)
        tree = git(self.path, "write-tree", env=index).strip()
        name, email = re.fullmatch(r"(.*) <(.*)>", author).groups()
        date = when or f"{int(time.time())} +0000"
        sha = git(self.path, "commit-tree", tree, *(["-p", head] if head else []), data=message.encode(), env={
            "GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": email, "GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": email,
            "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}).strip()
        git(self.path, "update-ref", f"refs/heads/{branch}", sha)
        os.remove(index["GIT_INDEX_FILE"])
        return sha

    def refs(self):
        return dict(reversed(x.split()) for x in git(self.path, "for-each-ref", "--format=%(objectname) %(refname)").splitlines())
