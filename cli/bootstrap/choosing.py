"""What a bootstrap installs, given what the cluster and the repository have."""

from collections.abc import Mapping
from dataclasses import replace

from cli.bootstrap import fluxmanifest, fluxrelease
from cli.bootstrap.files import Parts, own_options
from cli.bootstrap.survey import Survey
from cli.bootstrap.wishes import Wishes
from cli.grammar.session import Session
from cli.installing.components import FEATURES, OWN


def parts_of(session: Session, wishes: Wishes, found: Survey, existing: Mapping[str, bytes]) -> Parts:
    """Return what is to be installed, given the files of the repository. Raises Failed."""
    present = existing.get(wishes.places.components, b"").decode("utf-8", "replace")
    is_of_flux = bool(present) and not fluxmanifest.is_ours(present)
    own = wishes.own
    if own and not wishes.own_was_named and not is_of_flux and found.engine == "flux":
        components = _committed_components(existing, wishes)
        own = replace(own, components=components) if components else None
    if own:
        engine = "flux" if found.sources_are_of_flux else found.engine
        own = own_options(own, engine)
    flux = None
    if found.engine == "flux" and not is_of_flux:
        source = fluxrelease.read(wishes.flux, session.environ, session.deadline)
        flux = fluxmanifest.make(source, wishes.flux)
    return Parts(found.engine, flux, own, found.argo if found.engine == "argocd" else None)


def _committed_components(existing: Mapping[str, bytes], wishes: Wishes) -> tuple[str, ...]:
    """Return which of tagline's components an earlier bootstrap has committed."""
    for line in existing.get(wishes.places.own_components, b"").decode("utf-8", "replace").splitlines()[:8]:
        label, _, names = line.partition("# Components: ")
        if not label and names:
            return tuple(name for name in (*OWN, *FEATURES) if name in names.split(","))
    return ()
