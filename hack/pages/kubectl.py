"""A stand-in for kubectl over `tagline automate`: what the pages of a first start ask of a cluster, without one.

A folder of manifests stands for what was applied, and the state file of `tagline automate` for the API server. After
each change the reconcilers run until they are done, as the controllers of a cluster would a moment later. Columns are
those of the CRDs. `python -m hack.pages.kubectl apply -f FILE`, in a folder that TAGLINE_PAGES names.
"""

import argparse
import asyncio
import base64
import io
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from api.kinds import KINDS, RECONCILED, Kind
from cli.main import main as tagline
from controllers.clock import SYSTEM_CLOCK
from controllers.runtime.embedded.api import EmbeddedApi
from hack.pages.printing import format_row, format_table, jsonpath

FOLDER_VARIABLE: Final = "TAGLINE_PAGES"
REQUESTED_AT: Final = "reconcile.fluxcd.io/requestedAt"

Json = dict[str, Any]


class Refused(Exception):
    """The request cannot be carried out; the text says why."""


class StandIn:
    """What was applied, and what the reconcilers made of it."""

    def __init__(self, folder: Path) -> None:
        self.objects = folder / "applied"
        self.state = folder / "state.db"
        self.objects.mkdir(exist_ok=True)

    def put(self, obj: Json) -> str:
        """Store an object; return whether it was created or configured."""
        path = self._path(obj["kind"], obj["metadata"].get("namespace", "default"), obj["metadata"]["name"])
        done = "configured" if path.exists() else "created"
        path.write_text(json.dumps(obj))
        return done

    def find(self, kind: str, namespace: str, name: str) -> Json:
        """Return an object as it was applied. Raises Refused."""
        path = self._path(kind, namespace, name)
        if not path.exists():
            raise Refused(f'Error from server (NotFound): {kind.lower()}s "{name}" not found')
        found: Json = json.loads(path.read_text())
        return found

    def reconcile(self) -> None:
        """Let the controllers see the change. Objects that fail are no error: their conditions say so."""
        if not any(
            path.name.partition("-")[0] in {kind.resource.kind for kind in RECONCILED} for path in self._files()
        ):
            return
        with redirect_stdout(io.StringIO()) as output:
            status = tagline(["automate", str(self.objects), "--once", "--state", str(self.state), "--no-docker-login"])
        if status == 2:
            raise Refused(output.getvalue())

    def read(self, kind: Kind, namespace: str) -> list[Json]:
        """Return the objects of a kind as the API has them, by name."""
        if not self.state.exists():
            return []
        with EmbeddedApi.open(self.state, KINDS, clock=SYSTEM_CLOCK, read_only=True) as api:
            page = asyncio.run(api.connect().list(kind.resource, into=dict, namespace=namespace))
        return sorted(page.items, key=lambda obj: str(obj["metadata"]["name"]))

    def _files(self) -> list[Path]:
        return sorted(self.objects.glob("*.json"))

    def _path(self, kind: str, namespace: str, name: str) -> Path:
        return self.objects / f"{kind}-{namespace}-{name}.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the arguments say; return the exit status."""
    options = _parser().parse_args(argv)
    try:
        options.run(StandIn(Path(os.environ[FOLDER_VARIABLE])), options)
    except Refused as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kubectl", allow_abbrev=False)
    verbs = parser.add_subparsers(required=True)

    def add(name: str, run: Callable[[StandIn, argparse.Namespace], None]) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name)
        verb.add_argument("-n", "--namespace", default="default")
        verb.set_defaults(run=run)
        return verb

    create = add("create", _create)
    create.add_argument("words", nargs="+")
    for flag in ("--docker-server", "--docker-username", "--docker-password"):
        create.add_argument(flag)
    create.add_argument("--from-literal", action="append", default=[])
    create.add_argument("--from-file", action="append", default=[])
    add("apply", _apply).add_argument("-f", "--filename", action="append", type=Path, required=True)
    get = add("get", _get)
    get.add_argument("kind")
    get.add_argument("name", nargs="?", default="")
    get.add_argument("-o", "--output", default="")
    annotate = add("annotate", _annotate)
    annotate.add_argument("kind")
    annotate.add_argument("name")
    annotate.add_argument("value")
    annotate.add_argument("--overwrite", action="store_true")
    patch = add("patch", _patch)
    patch.add_argument("kind")
    patch.add_argument("name")
    patch.add_argument("--type", choices=["merge"], required=True)
    patch.add_argument("-p", "--patch", required=True)
    return parser


def _create(cluster: StandIn, options: argparse.Namespace) -> None:
    match options.words:
        case ["namespace", name]:
            cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            sys.stdout.write(f"namespace/{name} created\n")
        case ["secret", type, name]:
            metadata = {"name": name, "namespace": options.namespace}
            cluster.put({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **_secret(type, options)})
            sys.stdout.write(f"secret/{name} created\n")
        case words:
            raise Refused(f"the stand-in cannot create {' '.join(words)}")


def _secret(type: str, options: argparse.Namespace) -> Json:
    if type == "docker-registry":
        login = {"username": options.docker_username, "password": options.docker_password}
        data = {".dockerconfigjson": json.dumps({"auths": {options.docker_server: login}})}
        return {"type": "kubernetes.io/dockerconfigjson", "data": _encode(data)}
    values = dict(pair.split("=", 1) for pair in options.from_literal)
    values |= {Path(name).name: Path(name).read_text() for name in options.from_file}
    return {"type": "Opaque", "data": _encode(values)}


def _encode(values: dict[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}


def _apply(cluster: StandIn, options: argparse.Namespace) -> None:
    for file in options.filename:
        for obj in YAML(typ="safe").load_all(file):
            done = cluster.put(obj)
            group = obj["apiVersion"].partition("/")[0] if "/" in obj["apiVersion"] else ""
            named = f"{obj['kind'].lower()}{'.' if group else ''}{group}"
            sys.stdout.write(f"{named}/{obj['metadata']['name']} {done}\n")
    cluster.reconcile()


def _get(cluster: StandIn, options: argparse.Namespace) -> None:
    kind = _kind(options.kind)
    found = [obj for obj in cluster.read(kind, options.namespace) if options.name in ("", obj["metadata"]["name"])]
    if options.name and not found:
        raise Refused(f'Error from server (NotFound): {kind.resource.plural} "{options.name}" not found')
    if options.output.startswith("jsonpath="):
        sys.stdout.write(jsonpath(found[0], options.output.removeprefix("jsonpath=")))
        return
    wide = options.output == "wide"
    columns = [c for c in kind.definition.columns[kind.definition.versions[-1]] if wide or not c.priority]
    now = datetime.now(UTC)
    rows = [["NAME", *(column.name.upper() for column in columns)]]
    rows += [format_row(obj, columns, now=now) for obj in found]
    sys.stdout.write(format_table(rows))


def _annotate(cluster: StandIn, options: argparse.Namespace) -> None:
    kind = _kind(options.kind)
    obj = cluster.find(kind.resource.kind, options.namespace, options.name)
    key, _, value = options.value.partition("=")
    obj["metadata"].setdefault("annotations", {})[key] = value
    cluster.put(obj)
    sys.stdout.write(f"{kind.name}.{kind.resource.group}/{options.name} annotated\n")
    cluster.reconcile()


def _patch(cluster: StandIn, options: argparse.Namespace) -> None:
    kind = _kind(options.kind)
    obj = cluster.find(kind.resource.kind, options.namespace, options.name)
    _merge(obj, json.loads(options.patch))
    cluster.put(obj)
    sys.stdout.write(f"{kind.name}.{kind.resource.group}/{options.name} patched\n")
    cluster.reconcile()


def _merge(held: Json, change: Json) -> None:
    """Apply a JSON merge patch (RFC 7386)."""
    for key, value in change.items():
        if value is None:
            held.pop(key, None)
        elif isinstance(value, dict):
            _merge(held.setdefault(key, {}), value)
        else:
            held[key] = value


def _kind(word: str) -> Kind:
    for kind in KINDS:
        names = (kind.name, kind.resource.plural, *kind.definition.short_names)
        if re.split(r"[./]", word)[0] in names:
            return kind
    raise Refused(f'error: the server doesn\'t have a resource type "{word}"')


if __name__ == "__main__":
    sys.exit(main())
