"""Where things are in the repository. Pure."""

import posixpath
import re
from dataclasses import dataclass

from cli.grammar.session import Failed

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Places:
    """Paths from the root of the repository, in the layout that users of Flux know."""

    path: str
    """What is synced: "" for the whole repository."""
    namespace: str

    @property
    def folder(self) -> str:
        """The folder that is bootstrap's own."""
        return posixpath.join(self.path, self.namespace)

    @property
    def components(self) -> str:
        """Flux's deploying controllers."""
        return f"{self.folder}/gotk-components.yaml"

    @property
    def sync(self) -> str:
        """What syncs the path."""
        return f"{self.folder}/gotk-sync.yaml"

    @property
    def kustomization(self) -> str:
        """What is applied of the folder."""
        return f"{self.folder}/kustomization.yaml"

    @property
    def root_kustomization(self) -> str:
        """What is applied of the path, where that has to be said: Argo CD makes none of its own."""
        return posixpath.join(self.path, "kustomization.yaml")

    @property
    def own_kustomization(self) -> str:
        """What is applied of tagline's part."""
        return f"{self.folder}/tagline/kustomization.yaml"

    @property
    def own_components(self) -> str:
        """Tagline's part."""
        return f"{self.folder}/tagline/components.yaml"

    @property
    def shown(self) -> str:
        """The path as objects have it: `./clusters/my-cluster`."""
        return f"./{self.path}"

    @property
    def all(self) -> tuple[str, ...]:
        """Every file that a bootstrap reads or writes."""
        return (
            self.components, self.sync, self.kustomization, self.own_kustomization, self.own_components,
            self.root_kustomization,
        )  # fmt: skip


def safe_path(given: str) -> str:
    """Return a path from the root of the repository that stays inside of it; "" for the root. Raises Failed."""
    if _CONTROL.search(given):
        raise Failed("--path has a control character in it; give a path like clusters/my-cluster")
    return posixpath.normpath(f"/{given.strip()}").strip("/")
