"""Names of components: tagline's own, and those that people know from Flux."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cli.grammar.session import Failed
from cli.grammar.spelling import nearest

OWN: Final = ("imagerepository-controller", "imagepolicy-controller", "imageupdateautomation-controller")
"""In the order in which data flows through them."""
STANDS_FOR: Final = {
    "image-reflector-controller": ("imagerepository-controller", "imagepolicy-controller"),
    "image-automation-controller": ("imageupdateautomation-controller",),
}
"""Flux's controllers that ours take the place of."""
OF_FLUX: Final = (
    "source-controller", "kustomize-controller", "helm-controller", "notification-controller", "source-watcher",
)  # fmt: skip
"""Flux's components that tagline has nothing in the place of."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which components were asked for."""

    own: tuple[str, ...]
    of_flux: tuple[str, ...]


def choose(components: Sequence[str], extra: Sequence[str]) -> Choice:
    """Return what `--components` and `--components-extra` ask for; all of tagline's where they name none of them.

    Raises Failed for a name that there is not, and where `--components` is given and names only Flux's.
    """
    named = [*components, *extra]
    for name in named:
        if name not in (*OWN, *STANDS_FOR, *OF_FLUX):
            meant = nearest(name, (*OWN, *STANDS_FOR, *OF_FLUX))
            raise Failed(f"component {name} is not available" + (f'; did you mean "{meant}"?' if meant else ""))
    of_flux = tuple(name for name in OF_FLUX if name in named)
    wanted = {own for name in named for own in STANDS_FOR.get(name, (name,))}
    own = tuple(name for name in OWN if name in wanted)
    if components and not own:
        raise Failed(
            f"--components names only components of Flux ({', '.join(of_flux)}), which `flux install` installs; "
            f"tagline's are {', '.join(OWN)}"
        )
    return Choice(own or OWN, of_flux)
