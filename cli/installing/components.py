"""Names of components: tagline's own, and those that people know from Flux."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cli.grammar.session import Failed
from cli.grammar.spelling import nearest

OWN: Final = ("imagerepository-controller", "imagepolicy-controller", "imageupdateautomation-controller")
"""In the order in which data flows through them."""
RECEIVER: Final = "receiver-controller"
FEATURES: Final = {RECEIVER: "receiver"}
"""Components that are installed only when they are asked for, and their folders of manifests/components."""
NEEDS: Final = {"receiver-automations": "receiver"}
"""Folders of manifests/components that only add to another one."""
STANDS_FOR: Final = {
    "image-reflector-controller": ("imagerepository-controller", "imagepolicy-controller"),
    "image-automation-controller": ("imageupdateautomation-controller",),
}
"""Flux's controllers that ours take the place of."""
OF_FLUX: Final = (
    "source-controller", "kustomize-controller", "helm-controller", "notification-controller", "source-watcher",
)  # fmt: skip
"""Flux's components that tagline has nothing in the place of."""
_NAMES: Final = {
    **{name: (name,) for name in (*OWN, *FEATURES)},
    **{feature: (name,) for name, feature in FEATURES.items()},
    **STANDS_FOR,
}
"""What may be asked for, and what that is of ours."""
_NOTIFICATIONS: Final = "notification-controller"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which components were asked for."""

    own: tuple[str, ...]
    of_flux: tuple[str, ...]


def choose(components: Sequence[str], extra: Sequence[str]) -> Choice:
    """Return what `--components` and `--components-extra` ask for; all of tagline's where they name none of them.

    The receiver is beside others, unless `--components` names it alone.
    Raises Failed for a name that there is not, where `--components` is given and names only Flux's, and for two that
    serve the same kind.
    """
    named = [*components, *extra]
    for name in named:
        if name not in (*_NAMES, *OF_FLUX):
            meant = nearest(name, (*_NAMES, *OF_FLUX))
            raise Failed(f"component {name} is not available" + (f'; did you mean "{meant}"?' if meant else ""))
    of_flux = tuple(name for name in OF_FLUX if name in named)
    own = tuple(name for name in OWN if name in _ours(named))
    more = tuple(name for name in FEATURES if name in _ours(named))
    if RECEIVER in more and _NOTIFICATIONS in of_flux:
        raise Failed(
            f"{RECEIVER} and {_NOTIFICATIONS} serve the same kind, Receiver: leave out one of them; Flux's wakes "
            "tagline's ImageRepositories, too"
        )
    if components and not own and not more:
        raise Failed(
            f"--components names only components of Flux ({', '.join(of_flux)}), which `flux install` installs; "
            f"tagline's are {', '.join(OWN)}"
        )
    is_alone = not own and bool(_ours(components))
    return Choice((*(own if own or is_alone else OWN), *more), of_flux)


def is_ours(name: str) -> bool:
    """Return whether a name asks for something of tagline's."""
    return name in _NAMES


def _ours(names: Sequence[str]) -> set[str]:
    return {own for name in names for own in _NAMES.get(name, ())}
