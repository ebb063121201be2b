"""`tagline create`: objects and Secrets, made or changed in a cluster, or printed."""

from typing import Final

from cli.grammar.flags import duration, switch, texts
from cli.grammar.tree import Group, Lazy
from cli.kinds import KINDS, LONE_KINDS
from cli.kinds.kind import CliKind
from controllers.golang.duration import MINUTE

_GROUPS: Final = {"image": "image repositories, policies and updates", "source": "sources"}
_SECRETS: Final = {
    "git": "create or change a Secret for a Git host",
    "oci": "create or change a Secret for a registry",
    "tls": "create or change a Secret with certificates",
    "proxy": "create or change a Secret for a proxy",
    "githubapp": "create or change a Secret of a GitHub App",
}

_FLAGS: Final = (
    switch("--export", help="print YAML; no cluster is needed"),
    duration("--interval", default=MINUTE, help="time between two reconciliations"),
    texts("--label", help="labels of the object, key=value[,key=value]; may be repeated"),
)


def _kind(kind: CliKind) -> Lazy:
    return Lazy(name=kind.word, module=kind.creation.module, summary=kind.creation.summary)


def _kinds(group: str) -> Group:
    children = tuple(_kind(kind) for kind in KINDS if kind.group == group)
    return Group(name=group, summary=f"create or change {_GROUPS[group]}", children=children)


COMMAND: Final = Group(
    name="create",
    summary="create or change objects and Secrets, or print them",
    description="Creates objects in a cluster, or changes them to what the flags say, and waits until they are ready. "
    "With --export they are printed instead.",
    flags=_FLAGS,
    children=(
        *(_kinds(group) for group in dict.fromkeys(kind.group for kind in KINDS)),
        *map(_kind, LONE_KINDS),
        Group(
            name="secret",
            summary="create or change Secrets",
            children=tuple(
                Lazy(name=name, module=f"cli.creation.secrets.{name}", summary=summary)
                for name, summary in _SECRETS.items()
            ),
        ),
    ),
)
