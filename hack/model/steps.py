"""What can happen, as data: a history is a list of steps, which JSON holds and any world plays.

A step names objects by number, and does nothing where there is no such object: so every part of a history is a
history, which is what shrinking needs.
"""

from typing import Any, TypeAlias

import msgspec
from hypothesis import strategies as st

from hack.model.choosing import BAD_RANGE, DENIALS, FILTERS, KINDS, RANGES

TAGS = (
    "1.0.0", "1.0.1", "1.1.0", "v1.1.0", "1.2.0", "1.2.0-rc.1", "2.0.0", "2.0.0-rc.1", "1.0.0.sig",
    "7", "12", "012", "main-7", "main-12", "dev-30", "latest",
)  # fmt: skip
IMAGES = ("org/web", "org/api", "org/none", "Org/Bad")
"""The third is not in the registry, the last is no reference."""
EXCLUSIONS = ("", "^2", "rc|sig", "(")
PATHS = (("./a", "a/", "./missing", "../up"), ("./b", "b", "./b/deep", "./b/gone"))
"""Of each automation: they never meet."""
TEAMS = ("", "a", "b", "?")
REGISTRY_FAULTS = ("500", "401", "404", "cut")
GIT_FAULTS = ("500", "401", "push")
REPOSITORIES, POLICIES, AUTOMATIONS = 2, 3, 2


class _Step(msgspec.Struct, frozen=True, tag=True, repr_omit_defaults=True):
    pass


class Push(_Step, frozen=True):
    """A tag is pushed. scan: somebody asks for a scan then."""

    image: int
    tag: str
    scan: bool = False


class DeleteTag(_Step, frozen=True):
    """A tag is deleted from the registry. scan: as above."""

    image: int
    tag: str
    scan: bool = False


class DeleteChosen(_Step, frozen=True):
    """The tag that a policy has chosen is deleted from the registry, and somebody asks for a scan."""

    policy: int


class Scan(_Step, frozen=True):
    """Somebody asks for a scan."""

    repository: int


class EditRepository(_Step, frozen=True):
    """A field of an ImageRepository gets another value."""

    repository: int
    image: int | None = None
    exclusion: str | None = None
    suspended: bool | None = None


class EditPolicy(_Step, frozen=True):
    """Fields of an ImagePolicy get other values. rules: fields of `choosing.Rules`."""

    policy: int
    rules: dict[str, Any] = {}
    repository: int | None = None
    team: str | None = None
    suspended: bool | None = None


class EditAutomation(_Step, frozen=True):
    """Fields of an ImageUpdateAutomation get other values."""

    automation: int
    path: int | None = None
    team: str | None = None
    hold: bool | None = None
    suspended: bool | None = None


class Delete(_Step, frozen=True):
    """An object is deleted."""

    kind: str
    number: int


class Create(_Step, frozen=True):
    """An object that was deleted is made anew."""

    kind: str
    number: int


class SetValue(_Step, frozen=True):
    """A person writes another tag behind a marker."""

    line: int
    tag: str


class Revert(_Step, frozen=True):
    """A person puts back what was there before the last change of a line."""

    line: int


class DropMarker(_Step, frozen=True):
    """A person removes a line with its marker."""

    line: int


class AddMarker(_Step, frozen=True):
    """A person adds a line with a marker. policy: of one that may not exist."""

    folder: str
    policy: int
    part: str


class Break(_Step, frozen=True):
    """A person makes a file something else than YAML, or mends it."""

    file: int


class FailRegistry(_Step, frozen=True):
    """The registry fails from now on; empty: it recovers, and time passes."""

    how: str


class FailGit(_Step, frozen=True):
    """The Git server fails from now on; empty: it recovers, and time passes."""

    how: str


class Tick(_Step, frozen=True):
    """The intervals of all objects pass."""


class Month(_Step, frozen=True):
    """The processes do not run for two months."""


class Restart(_Step, frozen=True):
    """The processes end; meanwhile other things happen; they begin anew."""

    meanwhile: tuple["Step", ...] = ()


class Crash(_Step, frozen=True):
    """Something happens, and the processes lose the API at one of the writes that follow: before or after it."""

    step: "Step"
    write: int
    is_written: bool


Step: TypeAlias = (
    Push | DeleteTag | DeleteChosen | Scan | EditRepository | EditPolicy | EditAutomation | Delete | Create | SetValue
    | Revert | DropMarker | AddMarker | Break | FailRegistry | FailGit | Tick | Month | Restart | Crash
)  # fmt: skip


def to_json(history: list[Step]) -> str:
    """Return a history as a text of one line a step."""
    return "[\n" + ",\n".join(msgspec.json.encode(step).decode() for step in history) + "\n]"


def from_json(text: str | bytes) -> list[Step]:
    """Return the history that a text holds. Raises msgspec.ValidationError."""
    return msgspec.json.decode(text, type=list[Step])


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


_tags = st.sampled_from(TAGS)
_images = st.integers(0, 1)
_repositories = st.integers(0, REPOSITORIES - 1)
_policies = st.integers(0, POLICIES - 1)
_automations = st.integers(0, AUTOMATIONS - 1)
_lines = st.integers(0, 11)
_rules = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(KINDS),
        "range": st.sampled_from([*RANGES, BAD_RANGE]),
        "descending": st.booleans(),
        "filter": st.sampled_from(list(FILTERS)),
        "deny": st.sampled_from(list(DENIALS)),
        "allow_downgrade": st.booleans(),
        "min_age": st.booleans(),
    },
)
_objects = st.one_of(
    st.tuples(st.just("ImageRepository"), _repositories),
    st.tuples(st.just("ImagePolicy"), _policies),
    st.tuples(st.just("ImageUpdateAutomation"), _automations),
)
_pushes = st.builds(Push, _images, _tags, st.booleans())
_deletions = st.builds(DeleteTag, _images, _tags, st.booleans())
_repository_edits = st.builds(
    EditRepository,
    _repositories,
    image=_maybe(st.integers(0, len(IMAGES) - 1)),
    exclusion=_maybe(st.sampled_from(EXCLUSIONS)),
    suspended=_maybe(st.booleans()),
)
_policy_edits = st.builds(
    EditPolicy,
    _policies,
    rules=_rules,
    repository=_maybe(_repositories),
    team=_maybe(st.sampled_from("ab")),
    suspended=_maybe(st.booleans()),
)
_automation_edits = st.builds(
    EditAutomation,
    _automations,
    path=_maybe(st.integers(0, 3)),
    team=_maybe(st.sampled_from(TEAMS)),
    hold=_maybe(st.booleans()),
    suspended=_maybe(st.booleans()),
)
_commits = st.one_of(
    st.builds(SetValue, _lines, _tags),
    st.builds(Revert, _lines),
    st.builds(DropMarker, _lines),
    st.builds(
        AddMarker, st.sampled_from(("a", "b", "b/deep")), st.integers(0, POLICIES), st.sampled_from(("", "name", "tag"))
    ),
    st.builds(Break, st.integers(0, 5)),
)
_scan_side = st.one_of(_pushes, _deletions, _repository_edits)


def _simple(of_policies: st.SearchStrategy[EditPolicy]) -> st.SearchStrategy[Any]:
    """Make up steps that are no restarts."""
    return st.one_of(
        _pushes,
        _pushes,
        _pushes,
        _deletions,
        st.builds(DeleteChosen, _policies),
        st.builds(Scan, _repositories),
        _repository_edits,
        of_policies,
        of_policies,
        of_policies,
        _automation_edits,
        _objects.map(lambda one: Delete(*one)),
        _objects.map(lambda one: Create(*one)),
        _objects.map(lambda one: Create(*one)),
        _commits,
        _commits,
        _commits,
        st.builds(FailRegistry, st.sampled_from(("", "", *REGISTRY_FAULTS))),
        st.builds(FailGit, st.sampled_from(("", "", *GIT_FAULTS))),
        st.just(Tick()),
        st.just(Tick()),
    )


def histories(*, has_own_clock: bool) -> st.SearchStrategy[Any]:
    """Make up steps. has_own_clock: the world's time is ours to move."""
    # Who scans twice in a second finds new tags at the same time, where that second is not ours.
    of_policies = (
        _policy_edits if has_own_clock else _policy_edits.filter(lambda edit: edit.rules.get("kind") != "newest")
    )
    simple = _simple(of_policies)
    # What a policy keeps depends on the order in which tags and its spec change. While the processes are down they see
    # one change of the two, so that only one of them happens then.
    choice_side = st.one_of(of_policies, _automation_edits, _commits)
    several = st.one_of(st.lists(_scan_side, max_size=4), st.lists(choice_side, max_size=4))
    restarts = several.map(lambda meanwhile: Restart(tuple(meanwhile)))
    crashes = st.builds(Crash, simple, st.integers(1, 6), st.booleans())
    return st.one_of(simple, simple, restarts, crashes, *([st.just(Month())] if has_own_clock else []))
