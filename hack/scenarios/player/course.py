"""One scenario, from its setup to the transcript."""

import base64
import collections
import json
import os
import random
import re
import subprocess
import time
import traceback

from hack.scenarios.player.cluster import api_path, at, conditions
from hack.scenarios.player.gitserver import GIT_ENV, Repo, git
from hack.scenarios.player.kinds import IMAGE, PLURAL, SOURCE, WATCHED
from hack.scenarios.player.registry import Registry


class Play:
    def __init__(self, kube, gits, scenario, work, *, patience=30, keep=False):
        self.kube, self.gits, self.sc, self.patience, self.keep = kube, gits, scenario, patience, keep
        self.in_vain = False  # has a wait been in vain?  Then the later ones are short
        self.name = scenario["metadata"]["name"]
        self.run = "%04x" % random.randrange(1 << 16)
        self.ns = f"{self.name}-{self.run}"
        self.dir = os.path.join(gits.root, self.ns)
        os.makedirs(self.dir)
        self.home = os.path.join(work, "home", self.ns)
        self.registry = Registry()
        self.repos, self.commits, self.mine, self.recorded = {}, {}, set(), set()
        self.namespaces, self.warned, self.event_counts = [self.ns], set(), {}
        self.pushes_seen = collections.Counter()
        self.notes = []
        self.values = {"registry": f"127.0.0.1:{self.registry.port}", "registry2": f"127.0.0.2:{self.registry.port}",
                       "port": str(self.registry.port), "git": f"http://127.0.0.1:{gits.port}/{self.ns}", "ns": self.ns}

    # text in, text out
    def expand(self, x):
        if isinstance(x, dict):
            return {self.expand(k): self.expand(v) for k, v in x.items()}
        if isinstance(x, list):
            return [self.expand(v) for v in x]
        if not isinstance(x, str):
            return x
        x = re.sub(r"\$\{(registry2?|port|git|ns)\}", lambda m: self.values[m[1]], x)
        x = re.sub(r"\$\{commit:([\w-]+):([^}]+)\}", lambda m: git(self.repos[m[1]].path, "rev-parse", m[2]).strip(), x)
        return re.sub(r"\$\{base64:([^}]*)\}", lambda m: base64.b64encode(m[1].encode()).decode(), x)

    def plain(self, s):
        """A text with everything that changes from run to run replaced by a symbol."""
        for name in ("git", "registry", "registry2", "ns"):
            s = s.replace(self.values[name], f"<{name}>")
        s = re.sub(rf"(localhost)?:{self.registry.port}\b", lambda m: "<registry-localhost>" if m[1] else ":<port>", s)
        s = re.sub(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>", s)
        s = re.sub(r"\b[0-9a-f]{40}\b", lambda m: self.commits.get(m[0], "<unknown commit>"), s)
        s = re.sub(r"(?<=pushed commit ')[0-9a-f]{7,12}(?=')",
                   lambda m: next((v for k, v in self.commits.items() if k.startswith(m[0])), "<unknown commit>"), s)
        s = re.sub(r"\b(\d+h)?(\d+m)?\d+\.\d+(s|ms|µs)\b", "<duration>", s)
        s = re.sub(r"(?:/[\w.-]+)*/<ns>-[\w.-]+?\d{5,}", "<checkout>", s)
        return re.sub(r"127\.0\.0\.\d:\d+", "<address>", s)

    def clean(self, x, key=""):
        if isinstance(x, dict):
            return {self.plain(k): self.clean(v, k) for k, v in x.items()}
        if isinstance(x, list):
            return [self.clean(v) for v in x]
        return self.plain(x) if isinstance(x, str) else x

    # cluster helpers
    def space(self, logical):
        return self.ns if not logical else f"{self.ns}-{logical}"

    def write(self, what, method, path, body, ctype):
        status, o = self.kube.call(method, path, body, ctype)
        if status >= 300:
            self.notes.append(f"{what} refused: {self.plain(o.get('message', str(status)))}")

    def target(self, step):
        kind = next(k for k in step if k in PLURAL)
        name = self.space(step[kind]) if kind == "Namespace" else step[kind]
        return kind, name, api_path(kind, self.space(step.get("namespace")), name)

    # setup
    def setup(self):
        s = self.expand(self.sc.get("setup") or {})
        self.namespaces += [self.space(n) for n in s.get("namespaces") or {}]
        for ns, labels in [(self.ns, s.get("labels")), *((self.space(n), x) for n, x in (s.get("namespaces") or {}).items())]:
            self.kube.call("POST", "/api/v1/namespaces", {"metadata": {"name": ns, "labels": labels or {}}})
        reg = s.get("registry") or {}
        self.registry.configure(reg)
        for repo, tags in (reg.get("repos") or {}).items():
            self.registry.push(repo, tags)
        for name, cfg in (s.get("git") or {}).items():
            self.new_repo(name, cfg)
        self.do_apply(s.get("objects") or [])

    def new_repo(self, name, cfg):
        repo = self.repos[name] = Repo(os.path.join(self.dir, f"{name}.git"))
        start = cfg.get("from") or {}
        branches = cfg.get("branches") or {"main": cfg.get("files") or {}}
        for branch, files in sorted(branches.items(), key=lambda b: b[0] in start):  # those that start from another come last
            parent = start.get(branch)
            self.mine.add(repo.commit(branch, files, f"Start of {branch}", parent=repo.refs()[f"refs/heads/{parent}"] if parent else None))
        for tag, branch in (cfg.get("tags") or {}).items():
            git(repo.path, "tag", tag, branch)
        for hook, text in (cfg.get("hooks") or {}).items():
            repo.hook(hook, text)
        if cfg.get("auth"):
            self.gits.auth[f"{self.ns}/{name}.git"] = cfg["auth"]

    # steps
    def do_apply(self, objects):
        for o in objects:
            o = dict(o)
            kind = o["kind"]
            meta = o.setdefault("metadata", {})
            for k in ("name", "labels", "annotations"):
                if k in o:
                    meta[k] = o.pop(k)
            ns = self.space(o.pop("namespace", None))
            meta["namespace"] = ns
            o.setdefault("apiVersion", f"{IMAGE}/v1" if kind in WATCHED else f"{SOURCE}/v1" if kind == "GitRepository" else "v1")
            self.write(f"{kind} {meta['name']}", "PATCH", api_path(kind, ns, meta["name"], o["apiVersion"] if "/" in o["apiVersion"] else None)
                       + "?fieldManager=play&force=true", o, "application/apply-patch+yaml")

    def do_patch(self, step):
        kind, name, path = self.target(step)
        self.write(f"{kind} {name}", "PATCH", path, step["merge"], "application/merge-patch+json")

    def do_annotate(self, step):
        kind, name, path = self.target(step)
        a = step.get("annotations") or {"reconcile.fluxcd.io/requestedAt": step["requestedAt"]}
        self.write(f"{kind} {name}", "PATCH", path, {"metadata": {"annotations": a}}, "application/merge-patch+json")

    def do_delete(self, step):
        kind, name, path = self.target(step)
        self.write(f"{kind} {name}", "DELETE", path, None, "application/json")

    def do_push_tags(self, step):
        for repo, tags in step.items():
            self.registry.push(repo, tags)

    def do_rebuild_tags(self, step):
        for repo, tags in step.items():
            self.registry.push(repo, tags, rebuild=True)

    def do_remove_tags(self, step):
        for repo, tags in step.items():
            self.registry.remove(repo, tags)

    def do_registry(self, step):
        self.registry.configure(step)

    def do_faults(self, faults):
        with self.registry.lock:
            self.registry.faults = [dict(f) for f in faults or []]

    def do_commit(self, step):
        repo = self.repos[step["repo"]]
        kw = {"author": step["author"]} if "author" in step else {}
        self.mine.add(repo.commit(step.get("branch", "main"), step["files"], step.get("message", "Change by someone else"), **kw))

    def do_git(self, step):
        """Anything else about a repository: new, branch (name: from), tag (name: ref), delete (ref), hooks, auth, status."""
        name = step["repo"]
        if name not in self.repos:
            self.new_repo(name, step)
            return
        repo, key = self.repos[name], f"{self.ns}/{name}.git"
        for b, start in (step.get("branch") or {}).items():
            git(repo.path, "branch", "-f", b, start)
        for t, start in (step.get("tag") or {}).items():
            git(repo.path, "tag", "-f", t, start)
        for ref in step.get("delete") or []:
            git(repo.path, "update-ref", "-d", ref)
        for hook, text in (step.get("hooks") or {}).items():
            repo.hook(hook, text)
        if "auth" in step:
            self.gits.auth[key] = step["auth"]
        if "status" in step:
            self.gits.broken[key] = step["status"]

    def do_sleep(self, seconds):
        time.sleep(seconds)

    def do_wait(self, step):
        """Waits until all that the step names is so; a wait in vain becomes part of the transcript."""
        seconds = step.get("timeout", self.patience)
        end = time.monotonic() + (min(seconds, 5) if self.in_vain else seconds)
        while not self.holds(step):
            if time.monotonic() > end:
                self.in_vain = True
                self.notes.append("waited in vain for " + self.plain(json.dumps(step, sort_keys=True)))
                return
            time.sleep(0.15)

    def holds(self, step):
        if "git" in step:
            repo, ref = self.repos[step["git"]], f"refs/heads/{step.get('branch', 'main')}"
            n = git(repo.path, "rev-list", "--count", ref, check=False).strip()
            return int(n or 0) >= step["commits"]
        if "requests" in step:
            return all(self.registry.counts[k] >= v for k, v in step["requests"].items())
        kind, name, path = self.target(step)
        status, o = self.kube.call("GET", path)
        if step.get("gone"):
            return status == 404
        if status != 200:
            return False
        c, st = conditions(o), o.get("status", {})
        ready = c.get("Ready", {})
        if "ready" in step:
            if ready.get("reason") != step["ready"]:
                return False
            if step["ready"] == "Succeeded" and (st.get("observedGeneration") != o["metadata"]["generation"] or "Reconciling" in c):
                return False
        if "stalled" in step and c.get("Stalled", {}).get("reason") != step["stalled"]:
            return False
        if "message" in step and not re.search(step["message"], ready.get("message", "")):
            return False
        if "handled" in step and st.get("lastHandledReconcileAt") != step["handled"]:
            return False
        if "tag" in step and at(st, "latestRef.tag") != step["tag"]:
            return False
        return all(at(o, k) == v for k, v in (step.get("field") or {}).items())

    def do_settle(self, step):
        self.settle(**{k: v for k, v in (step or {}).items() if k in ("quiet", "timeout")})

    def settle(self, quiet=1.2, timeout=25):
        """The objects as they are when they, events and refs have not changed for `quiet` seconds and nothing is in progress."""
        end, last, since = time.monotonic() + timeout, None, time.monotonic()
        while time.monotonic() < end:
            objects, busy = self.objects()
            state = json.dumps([self.clean(objects), sorted(self.event_rows()), [r.refs() for r in self.repos.values()]], sort_keys=True)
            if state != last or busy:
                last, since = state, time.monotonic()
            elif time.monotonic() - since >= quiet:
                return objects
            time.sleep(0.25)
        self.notes.append("did not come to rest")
        return objects

    # recording
    def objects(self):
        out, busy = {}, False
        for ns in self.namespaces:
            for kind in WATCHED:
                _, items = self.kube.call("GET", api_path(kind, ns))
                for o in items.get("items", []):
                    m, status = o["metadata"], dict(o.get("status", {}))
                    cs = {}
                    for c in status.pop("conditions", []):
                        busy |= c["type"] == "Reconciling" and c["reason"] == "Progressing" and not o["spec"].get("suspend")
                        cs[c["type"]] = {k: v for k, v in c.items() if k not in ("type", "lastTransitionTime")}
                    if cs:
                        status["conditions"] = cs
                    name = f"{kind} {m['name']}" if ns == self.ns else f"{kind} {ns.removeprefix(self.ns + '-')}/{m['name']}"
                    out[name] = {"generation": m["generation"], "finalizers": m.get("finalizers", []), "status": status,
                                 **({"deleting": True} if "deletionTimestamp" in m else {})}
        return out, busy

    def event_rows(self):
        rows = {}
        for ns in self.namespaces:
            _, items = self.kube.call("GET", f"/api/v1/namespaces/{ns}/events")
            for e in items.get("items", []):
                i = e["involvedObject"]
                if i["kind"] in WATCHED:
                    prefix = "" if ns == self.ns else ns.removeprefix(self.ns + "-") + "/"
                    component = (e.get("source") or {}).get("component") or e.get("reportingComponent") or ""
                    key = (f"{i['kind']} {prefix}{i['name']}", f"{e['type']} {e['reason']}", component, self.plain(e["message"]))
                    rows[key] = rows.get(key, 0) + max(e.get("count") or 1, (e.get("series") or {}).get("count", 1))
        return rows

    def events(self):
        """New since the last snapshot: Normal events by their count, warnings (which retries repeat) only once in a scenario."""
        out = {}
        rows = self.event_rows()
        for key, n in sorted(rows.items()):
            obj, what, component, message = key
            if n <= self.event_counts.get(key, 0) or (what.startswith("Warning") and key in self.warned):
                continue
            self.warned.add(key)
            e = out.setdefault(obj, {}).setdefault(what, {"component": component, "messages": []})
            e["messages"].append(message)
        self.event_counts = rows
        return out

    def name_commits(self):
        """Symbols for commits, numbered in the order of history, ref by ref."""
        for name, repo in sorted(self.repos.items()):
            for ref in sorted(repo.refs()):
                for sha in git(repo.path, "rev-list", "--reverse", "--topo-order", ref).split():
                    if sha not in self.commits:
                        prefix = f"<{name}:theirs#" if sha in self.mine else f"<{name}#"
                        n = sum(1 for v in self.commits.values() if v.startswith(prefix))
                        self.commits[sha] = f"{prefix}{n + 1}>"

    def git_state(self):
        out = {}
        for name, repo in sorted(self.repos.items()):
            refs = {r: self.commits[git(repo.path, "rev-parse", sha + "^{commit}").strip()] for r, sha in repo.refs().items()}
            fresh = [s for s, symbol in self.commits.items() if s not in self.recorded and symbol.startswith((f"<{name}#", f"<{name}:"))]
            new = {self.commits[s]: self.commit_record(repo, s) for s in fresh if s not in self.mine}
            self.recorded.update(fresh)
            log = os.path.join(repo.path, "pushes.log")
            lines = open(log).read().splitlines() if os.path.exists(log) else []
            pushes = [self.plain(x.replace("0" * 40, "<none>")) for x in lines[self.pushes_seen[name]:]]
            pushes.sort(key=lambda x: x.split()[2])  # the order among refs is chance, that on one ref is not
            self.pushes_seen[name] = len(lines)
            out[name] = {"refs": refs, "commits": new, "pushes": pushes}
        return out

    def commit_record(self, repo, sha):
        raw = git(repo.path, "cat-file", "commit", sha)
        head, _, message = raw.partition("\n\n")
        who = {k: re.search(rf"^{k} (.*) \d+ [+-]\d+$", head, re.M)[1] for k in ("author", "committer")}
        diff = git(repo.path, "diff-tree", "-p", "--root", "--no-renames", "--no-commit-id", "--no-color", "-U1", sha)
        diff = [self.plain(x) for x in diff.splitlines() if not x.startswith(("index ", "diff --git"))]
        return {**{k: self.plain(v) for k, v in who.items()}, "message": self.plain(message), "diff": diff,
                "parents": [self.commits.get(p, p) for p in re.findall(r"^parent (\w+)$", head, re.M)],
                "signature": self.signature(repo, sha, head)}

    def signature(self, repo, sha, head):
        if "\ngpgsig" not in head:
            return "none"
        kind = "ssh" if "BEGIN SSH SIGNATURE" in head else "openpgp"
        os.makedirs(self.home, mode=0o700, exist_ok=True)
        keys, extra = self.sc.get("signers") or {}, []
        if kind == "ssh":
            with open(os.path.join(self.home, "allowed"), "w") as f:
                f.write(keys.get("ssh", ""))
            extra = ["-c", f"gpg.ssh.allowedSignersFile={self.home}/allowed"]
        elif "openpgp" in keys:
            subprocess.run(["gpg", "--homedir", self.home, "--batch", "--quiet", "--import"], input=keys["openpgp"].encode(), capture_output=True)
        ok = subprocess.run(["git", "-C", repo.path, *extra, "verify-commit", sha], capture_output=True,
                            env={**GIT_ENV, "HOME": self.home, "GNUPGHOME": self.home}).returncode == 0
        return f"{kind}, {'good' if ok else 'not verified'}"

    def do_snapshot(self, name):
        objects = self.settle()
        self.name_commits()
        record = {"objects": self.clean(objects), "events": self.events(), "git": self.git_state(),
                  "registry": dict(sorted(self.registry.counts.items()))}
        self.registry.counts.clear()
        if self.notes:
            record["notes"] = self.notes
        self.notes = []
        self.snapshots[name] = json.loads(json.dumps(record, sort_keys=True))

    def play(self):
        self.snapshots = {}
        try:
            self.setup()
            for step in self.sc["steps"]:
                (verb, arg), = step.items()
                if verb in ("commit", "git"):  # what these may make unreachable keeps its symbol
                    self.name_commits()
                getattr(self, "do_" + verb.replace("-", "_"))(self.expand(arg))
        except Exception as e:  # the transcript so far is worth having
            self.notes.append(f"the play broke off: {type(e).__name__}: {e}")
            traceback.print_exc()
        if self.notes:
            self.snapshots["(end)"] = {"notes": self.notes}
        if not self.keep:
            self.clear()
        return {"scenario": self.name, "description": self.sc.get("description", ""), "ignore": self.sc.get("ignore") or [],
                "snapshots": self.snapshots}

    def clear(self):
        for ns in self.namespaces:
            for kind in (*WATCHED, "GitRepository"):
                self.kube.call("DELETE", api_path(kind, ns))
        end = time.monotonic() + 8
        while time.monotonic() < end and any(self.left()):
            time.sleep(0.3)
        for path in self.left():
            self.kube.call("PATCH", path, {"metadata": {"finalizers": None}}, "application/merge-patch+json")
        for ns in self.namespaces:
            self.kube.call("DELETE", f"/api/v1/namespaces/{ns}")

    def left(self):
        return [api_path(k, ns, o["metadata"]["name"]) for ns in self.namespaces for k in WATCHED
                for o in self.kube.call("GET", api_path(k, ns))[1].get("items", [])]
