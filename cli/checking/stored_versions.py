"""Versions of CRDs: whether the API server takes ours, and what to do before where it does not.

It refuses a CRD that leaves out a version of the old one's `status.storedVersions`. Versions that old releases of Flux
stored are listed in our CRDs, unserved, so these are taken; objects should be rewritten nevertheless.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from api.kinds import KINDS, Kind
from api.resource import Resource
from cli.installing.build import GIT_REPOSITORY_CRD
from cli.installing.preflight import installed_crds, leaves_git_repositories_to_flux

if TYPE_CHECKING:
    from cli.kube.client import Cluster


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


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be done about one installed CRD."""

    text: str
    commands: tuple[str, ...] = ()
    is_refused: bool = False
    """True: the API server would refuse ours as long as it is not done."""


def look(cluster: "Cluster") -> list[Finding]:
    """Return what is to be done before or after our CRDs are applied. Raises ApiError."""
    crds = installed_crds(cluster, [crd_name(kind) for kind in KINDS])
    if leaves_git_repositories_to_flux(crds):
        del crds[GIT_REPOSITORY_CRD]
    known = [(kind, read(crds[crd_name(kind)])) for kind in sorted(KINDS, key=crd_name) if crd_name(kind) in crds]
    found = (judge(kind, crd, has_objects=_has_objects(cluster, kind, crd)) for kind, crd in known)
    return [finding for finding in found if finding is not None]


def read(crd: Mapping[str, Any]) -> Crd:
    """Return what is looked at of a CRD as the API server sends it."""
    return msgspec.convert(crd, Crd)


def _has_objects(cluster: "Cluster", kind: Kind, crd: Crd) -> bool:
    resource = Resource(kind.resource.group, crd.storage_version, kind.resource.plural, kind.resource.kind)
    return bool(outdated_versions(crd)) and next(iter(cluster.list(resource, page_size=1)), None) is not None


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


def judge(kind: Kind, crd: Crd, *, has_objects: bool) -> Finding | None:
    """Return what is to be done about one installed CRD, None for nothing.

    A version is named only where it has to go before the installation, or was retired; the commands get rid of all but
    the one in which objects are written now.
    """
    name, missing = crd_name(kind), missing_versions(kind, crd)
    if missing and crd.storage_version in missing:
        return Finding(f"{name}: stores objects as {crd.storage_version}, which tagline does not know", is_refused=True)
    commands = tuple(rewrite_commands(kind, crd, has_objects=has_objects))
    if missing:
        versions = " and ".join(missing)
        text = f"{name}: {versions} in status.storedVersions; the API server would refuse ours. Before it:"
        return Finding(text, commands, is_refused=True)
    old = set(kind.definition.retired) & set(crd.status.stored_versions)
    if old:
        text = f"{name}: {' and '.join(sorted(old))} in status.storedVersions; before or after the installation:"
        return Finding(text, commands)
    return None


def rewrite_commands(kind: Kind, crd: Crd, *, has_objects: bool) -> Iterator[str]:
    """Yield the commands that rewrite all objects in the present version, and then say that there is no other."""
    name = crd_name(kind)
    if has_objects:
        yield f"kubectl get {name} --all-namespaces -o json | kubectl replace -f -"
    patch = json.dumps({"status": {"storedVersions": [crd.storage_version]}}, separators=(",", ":"))
    yield f"kubectl patch crd {name} --subresource=status --type=merge -p '{patch}'"
