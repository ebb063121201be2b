"""What differs between two transcripts, without what may differ."""

import argparse
import fnmatch
import glob
import json
import os
import re

# Differences that are never worth a line, whatever the scenario.  The scenarios' own `ignore:` lists add to it.
ALWAYS_IGNORED = [
    {"path": "*/events/*/component", "reason": "controllers may bear other names"},
    {"path": "*/registry/GET ping", "reason": "how often a registry is asked for its auth scheme is up to the client"},
    {"path": "*/registry/GET token", "reason": "tokens may be reused"},
    {"path": "ignore", "reason": "not recorded behaviour"},
    {"path": "description", "reason": "not recorded behaviour"},
]


class Absent:
    def __repr__(self):
        return "(absent)"


ABSENT = Absent()


def compare(golden, got, meant=()):
    """[(path, golden value, other value)] without what golden's ignore list and `meant` allow."""
    out = []
    walk("", golden, got, [*ALWAYS_IGNORED, *golden.get("ignore", []), *meant], out)
    return out


def walk(path, x, y, ignore, out):
    """Leaves (texts, numbers, lists) are compared; a mapping that one side lacks altogether is one difference."""
    if isinstance(x, dict) or isinstance(y, dict):
        found = []
        for key in dict.fromkeys([*(x or {} if isinstance(x, dict) else {}), *(y if isinstance(y, dict) else {})]):
            walk(f"{path}/{key}" if path else key, *(v.get(key, ABSENT) if isinstance(v, dict) else ABSENT for v in (x, y)), ignore, found)
        whole = isinstance(x, dict) and isinstance(y, dict)
        out += found if whole or not found else [(path, x, y)]
        return
    rules = [r for r in ignore if any(fnmatch.fnmatchcase(path, r["path"] + end) for end in ("", "/*"))]
    if any("only" not in r and "drop" not in r for r in rules):
        return
    for r in rules:
        x, y = reduce(x, r), reduce(y, r)
    if x != y and not (x in (ABSENT, []) and y in (ABSENT, [])):
        out.append((path, x, y))


def reduce(x, rule):
    """A leaf without what a rule says not to compare: list entries that `drop` finds, text around what `only` finds."""
    if isinstance(x, list):
        return [reduce(v, rule) for v in x if "drop" not in rule or not re.search(rule["drop"], str(v), re.S)]
    m = re.search(rule["only"], x, re.S) if isinstance(x, str) and "only" in rule else None
    return m[0] if m else x


def show(x):
    if isinstance(x, dict):
        text = json.dumps(x, ensure_ascii=False)
        return text if len(text) < 300 else text[:300] + "…"
    if isinstance(x, list):
        return "".join("\n      " + str(v).replace("\n", "\n      ") for v in x) or "[]"
    return str(x).replace("\n", "\n      ") if isinstance(x, (str, Absent)) else json.dumps(x)


def diff(argv):
    """Prints what differs, of all scenarios with a golden transcript or of those named; 1 if anything does."""
    ap = argparse.ArgumentParser(prog="python -m hack.scenarios.player diff")
    ap.add_argument("golden_dir")
    ap.add_argument("out_dir")
    ap.add_argument("names", nargs="*", help="only these scenarios")
    ap.add_argument("--accepted", help='differences of this implementation that are meant: JSON, [{"scenario", "path", "reason", ...}]')
    a = ap.parse_args(argv)
    golden_dir, out_dir, names = a.golden_dir, a.out_dir, a.names
    accepted = json.load(open(a.accepted)) if a.accepted else []
    alike, different, missing = 0, 0, []
    for path in sorted(glob.glob(os.path.join(golden_dir, "*.json"))):
        name = os.path.basename(path).removesuffix(".json")
        other = os.path.join(out_dir, name + ".json")
        if names and name not in names:
            continue
        if not os.path.exists(other):
            missing.append(name)
            continue
        meant = [r for r in accepted if fnmatch.fnmatchcase(name, r["scenario"])]
        found = compare(json.load(open(path)), json.load(open(other)), meant)
        alike, different = alike + (not found), different + bool(found)
        if found:
            print(f"{name}: {len(found)} difference{'s' * (len(found) > 1)}")
        for p, x, y in found:
            print(f"  {p.removeprefix('snapshots/')}\n    golden: {show(x)}\n    played: {show(y)}")
        if found:
            print()
    if missing:
        print("not played:", *missing)
    print(f"{alike} scenarios alike, {different} different, {len(missing)} not played")
    return 1 if different or missing else 0
