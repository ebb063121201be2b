"""The controllers that are played with, as processes."""

import json
import os
import signal
import string
import subprocess
import sys
import time
import urllib.request


def start_controllers(file, kubeconfig, work):
    procs = []
    for c in json.load(open(file))["controllers"]:
        state = os.path.join(work, "state", c["name"])
        os.makedirs(state, exist_ok=True)
        values = {**os.environ, "STATE": state, "KUBECONFIG": kubeconfig, "NAMESPACE": "default", "PYTHON": sys.executable}

        def fill(text, values=values):
            return string.Template(text).safe_substitute(values)

        env = {**os.environ, "KUBECONFIG": kubeconfig, "TMPDIR": state, **{k: fill(v) for k, v in (c.get("env") or {}).items()}}
        with open(os.path.join(work, c["name"] + ".log"), "ab") as log:
            p = subprocess.Popen([fill(x) for x in c["cmd"]], stdout=log, stderr=log, env=env, cwd=state, start_new_session=True)
        procs.append((c, p))
    for c, p in procs:
        end = time.monotonic() + 60
        while c.get("health"):
            try:
                if urllib.request.urlopen(c["health"], timeout=2).status == 200:
                    break
            except OSError:
                pass
            if p.poll() is not None or time.monotonic() > end:
                stop_controllers(procs)
                sys.exit(f"controller {c['name']} did not start; see {work}/{c['name']}.log")
            time.sleep(0.2)
    return procs


def stop_controllers(procs):
    for _, p in procs:
        if p.poll() is None:
            os.killpg(p.pid, signal.SIGTERM)
    for _, p in procs:
        try:
            p.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()
