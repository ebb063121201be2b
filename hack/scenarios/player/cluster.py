"""The Kubernetes API, through `kubectl proxy`."""

import http.client
import json
import subprocess
import threading
import time

from hack.scenarios.player.kinds import IMAGE, PLURAL, SOURCE, WATCHED


class Kube:
    """JSON over `kubectl proxy`, so that any kubeconfig works."""

    def __init__(self, kubeconfig):
        self.proxy = subprocess.Popen(["kubectl", "--kubeconfig", kubeconfig, "proxy", "--port=0"], stdout=subprocess.PIPE, text=True)
        self.port = int(self.proxy.stdout.readline().strip().rsplit(":", 1)[1])
        self.local = threading.local()

    def call(self, method, path, body=None, ctype="application/json"):
        """(status, object) of one request; the connection is kept per thread."""
        data = None if body is None else json.dumps(body)
        for attempt in (1, 2, 3):
            c = getattr(self.local, "conn", None) or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            self.local.conn = c
            try:
                c.request(method, path, data, {"Content-Type": ctype, "Accept": "application/json"})
                r = c.getresponse()
                raw = r.read()
                return r.status, (json.loads(raw) if raw else {})
            except (OSError, http.client.HTTPException):
                c.close()
                self.local.conn = None
                if attempt == 3:
                    raise
                time.sleep(0.3)


def api_path(kind, namespace, name="", version=None):
    group = IMAGE if kind in WATCHED else SOURCE if kind == "GitRepository" else ""
    base = f"/apis/{version or group + '/v1'}" if group else "/api/v1"
    ns = "" if kind == "Namespace" else f"/namespaces/{namespace}"
    return f"{base}{ns}/{PLURAL[kind]}" + (f"/{name}" if name else "")


def conditions(o):
    return {c["type"]: c for c in o.get("status", {}).get("conditions", [])}


def at(o, path):
    for k in path.split("."):
        o = o.get(k, {}) if isinstance(o, dict) else {}
    return o if o != {} else None
