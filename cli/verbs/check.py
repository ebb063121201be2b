"""`tagline check`: whether a cluster takes the CRDs, and what to do before where it does not.

The API server refuses a CRD that leaves out a version of the old one's `status.storedVersions`, and `kubectl apply`
goes on with everything else: an installation of half the new and half the old. Versions that old releases of Flux
stored are listed in our CRDs, unserved, so these are taken; objects should be rewritten nevertheless. Reads the cluster
with the rights of the kubeconfig; writes nothing.
"""

import argparse
import asyncio
import importlib
import json
from collections.abc import Iterator
from typing import Final

import msgspec

from api.kinds import KINDS, Kind
from api.meta import ObjectMeta
from api.resource import Resource
from api.version import VERSION
from cli.output import write, write_error
from cli.source_options import add_kubeconfig
from controllers.runtime.kube.errors import ApiError, NotConfigured, NotFound
from controllers.runtime.kube.protocols import ApiClient

USER_AGENT: Final = f"tagline-check/{VERSION}"
CRDS: Final = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)


class CrdVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of an installed CRD."""

    name: str
    storage: bool = False


class CrdSpec(msgspec.Struct, frozen=True, kw_only=True):
    versions: tuple[CrdVersion, ...] = ()


class CrdStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    stored_versions: tuple[str, ...] = ()


class Crd(msgspec.Struct, frozen=True, kw_only=True):
    """An installed CRD, as far as it is looked at."""

    spec: CrdSpec = CrdSpec()
    status: CrdStatus = CrdStatus()

    @property
    def storage_version(self) -> str:
        """What objects are written in now."""
        return next((version.name for version in self.spec.versions if version.storage), "")


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """Any object; only whether there is one is of interest."""

    metadata: ObjectMeta


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the grammar of the verb."""
    parser.description = (
        "Says what to do before `kubectl apply -k manifests`. Exit status 1: it would end half applied."
    )
    add_kubeconfig(parser)
    parser.set_defaults(command=check_cluster)


def check_cluster(options: argparse.Namespace) -> int:
    """Print a line for each CRD, and the commands that it needs; 1 when the API server would refuse one of ours."""
    try:
        return asyncio.run(_check(options.kubeconfig))
    except (ApiError, NotConfigured) as error:
        write_error(error)
        return 1


async def _check(kubeconfig: str) -> int:
    refused = False
    connect = importlib.import_module("cli.cluster").connect  # its HTTP library is loaded when it is needed
    async with connect(kubeconfig, user_agent=USER_AGENT) as client:
        for kind in sorted(KINDS, key=crd_name):
            try:
                crd = await client.get(CRDS, "", crd_name(kind), into=Crd)
            except NotFound:
                write(f"ok  {crd_name(kind)}: not installed yet\n")
                continue
            write("".join(report(kind, crd, has_objects=await _has_objects(client, kind, crd))))
            refused |= bool(missing_versions(kind, crd))
    return int(refused)


async def _has_objects(client: ApiClient, kind: Kind, crd: Crd) -> bool:
    resource = Resource(kind.resource.group, crd.storage_version, kind.resource.plural, kind.resource.kind)
    return bool(outdated_versions(crd)) and bool((await client.list(resource, into=StoredObject, limit=1)).items)


def crd_name(kind: Kind) -> str:
    """Return the name of a kind's CRD."""
    return f"{kind.resource.plural}.{kind.resource.group}"


def outdated_versions(crd: Crd) -> tuple[str, ...]:
    """Return the versions besides the present one that objects may be stored in."""
    return tuple(version for version in crd.status.stored_versions if version != crd.storage_version)


def missing_versions(kind: Kind, crd: Crd) -> tuple[str, ...]:
    """Return the stored versions that our CRD does not have, for which the API server refuses it."""
    ours = {*kind.definition.retired, *kind.definition.versions}
    return tuple(version for version in crd.status.stored_versions if version not in ours)


def report(kind: Kind, crd: Crd, *, has_objects: bool) -> Iterator[str]:
    """Yield the lines about one installed CRD.

    A version is named only where it has to go before the apply, or was retired; the commands get rid of all but the one
    in which objects are written now.
    """
    name, retired = crd_name(kind), set(kind.definition.retired)
    missing = missing_versions(kind, crd)
    if missing and crd.storage_version in missing:
        yield f"BAD {name}: stores objects as {crd.storage_version}, which tagline does not know\n"
    elif missing:
        versions = " and ".join(missing)
        yield f"BAD {name}: {versions} in status.storedVersions; kubectl apply would be refused. Before it:\n"
        yield from rewrite_commands(kind, crd, has_objects=has_objects)
    elif old := retired & set(crd.status.stored_versions):
        yield f"ok  {name}: {' and '.join(sorted(old))} in status.storedVersions; before or after the apply:\n"
        yield from rewrite_commands(kind, crd, has_objects=has_objects)
    else:
        yield f"ok  {name}\n"


def rewrite_commands(kind: Kind, crd: Crd, *, has_objects: bool) -> Iterator[str]:
    """Yield the commands that rewrite all objects in the present version, and then say that there is no other."""
    name = crd_name(kind)
    if has_objects:
        yield f"      kubectl get {name} --all-namespaces -o json | kubectl replace -f -\n"
    patch = json.dumps({"status": {"storedVersions": [crd.storage_version]}}, separators=(",", ":"))
    yield f"      kubectl patch crd {name} --subresource=status --type=merge -p '{patch}'\n"
