"""Plays scenarios against controllers that serve Flux's image automation API and records transcripts.

    python -m hack.scenarios.player --kubeconfig K --controllers controllers.json SCENARIO.yaml... --out DIR
    python -m hack.scenarios.player diff [--accepted FILE] GOLDEN_DIR OUT_DIR [SCENARIO...]

Only the Kubernetes API, a registry and a git server (both in this process, loopback) connect the
scenarios with the controllers.  Needs Python 3.11, kubectl and git (gpg to check OpenPGP signatures).
README.md describes the scenario format and how to read a diff.
"""

import argparse
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import time

from hack.scenarios.player.cluster import Kube
from hack.scenarios.player.compare import diff
from hack.scenarios.player.course import Play
from hack.scenarios.player.gitserver import GitServer
from hack.scenarios.player.processes import start_controllers, stop_controllers


def read_scenarios(files):
    """kubectl turns the YAML into JSON: the standard library has no YAML reader."""
    args = [x for f in files for x in ("-f", f)]
    p = subprocess.run(["kubectl", "label", "--local", *args, "-o", "json", "kit=scenarios"], capture_output=True, text=True)
    if p.returncode:
        sys.exit(p.stderr)
    out, text, dec = [], p.stdout.strip(), json.JSONDecoder()
    while text:
        o, end = dec.raw_decode(text)
        out += o["items"] if o["kind"] == "List" else [o]
        text = text[end:].strip()
    return out


def main():
    if sys.argv[1:2] == ["diff"]:
        sys.exit(diff(sys.argv[2:]))
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("scenarios", nargs="+")
    ap.add_argument("--kubeconfig", required=True)
    ap.add_argument("--controllers", required=True)
    ap.add_argument("--crds", action="append", default=[], help="directory or file to apply before (repeatable)")
    ap.add_argument("--work", default="play-work")
    ap.add_argument("--out", required=True)
    ap.add_argument("--jobs", type=int, default=4, help="scenarios played at the same time")
    ap.add_argument("--patience", type=float, default=30, help="seconds that a wait may take where the scenario gives none")
    ap.add_argument("--keep", action="store_true", help="leave the objects in the cluster")
    a = ap.parse_args()
    a.work, a.kubeconfig = os.path.abspath(a.work), os.path.abspath(a.kubeconfig)
    for d in ("git", "state", "home"):
        shutil.rmtree(os.path.join(a.work, d), ignore_errors=True)
    os.makedirs(os.path.join(a.work, "git"))
    os.makedirs(a.out, exist_ok=True)
    for d in a.crds:
        subprocess.run(["kubectl", "--kubeconfig", a.kubeconfig, "apply", "--server-side", "--force-conflicts", "-f", d],
                       check=True, stdout=subprocess.DEVNULL)
    if a.crds:
        subprocess.run(["kubectl", "--kubeconfig", a.kubeconfig, "wait", "crd", "--all", "--for=condition=Established", "--timeout=60s"],
                       check=True, stdout=subprocess.DEVNULL)
    scenarios = read_scenarios(a.scenarios)
    kube, gits = Kube(a.kubeconfig), GitServer(os.path.join(a.work, "git"))
    procs = []
    try:
        procs = start_controllers(a.controllers, a.kubeconfig, a.work)

        def one(sc):
            t = time.monotonic()
            transcript = Play(kube, gits, sc, a.work, patience=a.patience, keep=a.keep).play()
            with open(os.path.join(a.out, transcript["scenario"] + ".json"), "w") as f:
                json.dump(transcript, f, indent=1, ensure_ascii=False)
                f.write("\n")
            vain = [n for s in transcript["snapshots"].values() for n in s.get("notes", []) if " refused: " not in n]
            print(f"{transcript['scenario']}: {time.monotonic() - t:.1f} s" + "".join(f"\n    {n}" for n in vain), flush=True)

        with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
            list(pool.map(one, scenarios))
    finally:
        stop_controllers(procs)
        kube.proxy.terminate()

