"""What must hold at every moment, whatever fails: rules over histories of objects, writes and choices.

A history is what the API server had (`Version`s, as a watch shows them), what the controllers sent it (`Write`s, as a
proxy shows them); rules of what Git has are in `testing.commit_rules`. Each function returns the violations that it
finds, and does no I/O.

The rules on conditions are those of the API conventions and of kstatus, in the form that Flux's runtime has:
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

import json
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from api.names import REQUESTED_AT

MESSAGE_LIMIT_BYTES = 1024
SECOND = 1.5
"""A second, and how late a watch may be."""
RETURNS = 2
"""How often a status may come back to what it said before the last change: a failure, and one more for its retry."""
OURS = frozenset({"Ready", "Reconciling", "Stalled"})
"""Types of conditions that a controller writes."""
VOLATILE = frozenset(
    {"lastTransitionTime", "lastAutomationRunTime", "lastPushTime", "scanTime", "lastHandledReconcileAt"}
)
"""Fields that say when, not what."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that did not hold, and where."""

    rule: str
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject}: {self.text}"


@dataclass(frozen=True, slots=True)
class Version:
    """An object as the API server had it from one write to the next."""

    kind: str
    namespace: str
    name: str
    uid: str
    resource_version: int
    generation: int
    status: Mapping[str, Any]
    requested_at: str = ""
    is_deleting: bool = False
    is_suspended: bool = False
    """Nobody looks after it: the generation is noted, and the conditions stay as they were, as Flux has it."""
    at: float = 0.0
    """When it was seen, in monotonic seconds."""
    written_at: str = ""
    """When the API server stored it, in whole seconds as it says so itself; empty: unknown."""
    is_listed: bool = False
    """Whether it comes from a list: which versions were before it, or between it and the last one, is not known."""

    @property
    def subject(self) -> str:
        """Name the object."""
        return f"{self.kind} {self.namespace}/{self.name}"

    @classmethod
    def of(cls, document: Mapping[str, Any], *, at: float = 0.0, is_listed: bool = False) -> "Version":
        """Return the version that a whole object in JSON is."""
        meta = document["metadata"]
        return cls(
            document["kind"],
            meta.get("namespace", ""),
            meta["name"],
            meta["uid"],
            int(meta["resourceVersion"]),
            meta.get("generation", 0),
            document.get("status") or {},
            requested_at=(meta.get("annotations") or {}).get(REQUESTED_AT, ""),
            is_deleting=bool(meta.get("deletionTimestamp")),
            is_suspended=bool((document.get("spec") or {}).get("suspend")),
            at=at,
            written_at=max((entry.get("time", "") for entry in meta.get("managedFields") or ()), default=""),
            is_listed=is_listed,
        )


@dataclass(frozen=True, slots=True)
class Write:
    """A request of a controller that changes something, and what the server made of it."""

    writer: str
    """Which process: of two replicas, which one."""
    began: float
    """When it was sent, in monotonic seconds."""
    ended: float
    """When the server had answered."""
    verb: str
    what: str
    """Resource, with its subresource; `receive-pack` for a push."""
    subject: str
    status: int
    """Of the server's answer; 0: there was none."""
    based_on: str = ""
    """resourceVersion that it was a change of."""
    result: str = ""
    """resourceVersion afterwards."""

    @property
    def succeeded(self) -> bool:
        """Whether the server carried it out."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Choice:
    """A policy chose `ref` at a moment; `settled_at`: when Git had it, or a condition said why not."""

    policy: str
    ref: str
    at: float
    settled_at: float | None = None


class Usage(NamedTuple):
    """What a process holds at one moment, or may hold more than before."""

    mib: float
    """Resident memory."""
    descriptors: int
    threads: int
    tasks: int


@dataclass(slots=True)
class Allowance:
    """What a history may have because of what was done to it."""

    returns: int = RETURNS
    write_seconds: float = SECOND
    """How long a status may be under way: where its write fails at first, it has the time of its run."""
    clocks: tuple[int, ...] = (0,)
    """By how many seconds the clock of a writer may have been off."""
    kinds: frozenset[str] = field(default_factory=frozenset)
    """Only these kinds; empty: all."""


def check_versions(
    versions: Iterable[Version], allowance: Allowance | None = None, *, edits: Sequence[int] = ()
) -> list[Violation]:
    """Return what the versions of objects, of any number and in any order, violate.

    edits: resourceVersions, in order, of specs that may be behind a status: an automation follows its policies
    """
    allowance = allowance or Allowance()
    chosen = [v for v in versions if not allowance.kinds or v.kind in allowance.kinds]
    chosen.sort(key=lambda v: (v.uid, v.resource_version))
    out: list[Violation] = []
    for _, group in groupby(chosen, key=lambda v: v.uid):
        history = list(group)
        out += _check_status(history[0], None)
        tokens = _tokens(history[0])
        for before, after in pairwise(history):
            tokens |= _tokens(after)
            out += _check_observed(before, after)
            if after.is_listed:
                out += _check_status(after, None)
            elif after.status != before.status:
                out += _check_status(after, before)
                out += _check_step(before, after, allowance)
                out += _check_handled(after, tokens)
        out += _check_returns(history, allowance.returns, edits)
    return out


def _tokens(version: Version) -> set[str]:
    """Return what a version shows to have been asked for."""
    handled = version.status.get("lastHandledReconcileAt", "") if version.is_listed else ""
    return {version.requested_at, handled}


def _conditions(version: Version) -> dict[str, Mapping[str, Any]]:
    return {condition["type"]: condition for condition in version.status.get("conditions") or ()}


def _check_status(version: Version, before: Version | None) -> Iterator[Violation]:
    """Yield what a status that was written says wrongly."""

    def violation(rule: str, text: str) -> Violation:
        return Violation(rule, version.subject, f"{text} (resourceVersion {version.resource_version})")

    conditions = _conditions(version)
    if len(conditions) != len(version.status.get("conditions") or ()):
        yield violation("conditions", "one type stands there twice")
    observed = version.status.get("observedGeneration", -1)
    if observed > version.generation:
        yield violation("observedGeneration", f"{observed} is ahead of generation {version.generation}")
    for type_, condition in conditions.items():
        if (seen := condition.get("observedGeneration", 0)) > version.generation:
            yield violation("observedGeneration", f"{type_} has {seen}, ahead of generation {version.generation}")
        if (size := len(condition.get("message", "").encode())) > MESSAGE_LIMIT_BYTES:
            yield violation("message", f"{type_} has {size} bytes")
    if (conditions.keys() | (_conditions(before) if before else {}).keys()) & OURS:  # else others have written alone
        yield from (violation("kstatus", text) for text in _contradictions(conditions))
    ready = conditions.get("Ready", {})
    was = _conditions(before).get("Ready", {}) if before else {}
    if ready.get("status") == "True" and ready != was and not version.is_listed:
        if ready.get("observedGeneration") != version.generation:
            text = f"of generation {ready.get('observedGeneration')} was written at {version.generation}"
            yield violation("ready", f"Ready=True {text}")
        if observed != version.generation:
            yield violation("ready", f"Ready=True with observedGeneration {observed} at {version.generation}")


def _contradictions(conditions: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    status = {type_: condition["status"] for type_, condition in conditions.items()}
    ready, reconciling, stalled = (status.get(type_) for type_ in ("Ready", "Reconciling", "Stalled"))
    if ready not in ("True", "False"):
        yield f"Ready is {ready}"
    if reconciling not in (None, "True") or stalled not in (None, "True"):
        yield f"Reconciling={reconciling}, Stalled={stalled}: they are there only while True"
    if reconciling and stalled:
        yield "Reconciling and Stalled at the same time"
    if ready == "True" and (reconciling or stalled):
        yield "Ready beside Reconciling or Stalled"
    if ready == "False" and not (reconciling or stalled):
        yield "not Ready, and neither Reconciling nor Stalled"


def _check_observed(before: Version, after: Version) -> Iterator[Violation]:
    was, now = before.status.get("observedGeneration", -1), after.status.get("observedGeneration", -1)
    if now < was:
        yield Violation("observedGeneration", after.subject, f"went back from {was} to {now}")


def _check_step(before: Version, after: Version, allowance: Allowance) -> Iterator[Violation]:
    """Yield what the change from one status to the next violates."""
    if before.is_deleting and after.is_deleting:
        text = f"its status was written after its deletion had begun (resourceVersion {after.resource_version})"
        yield Violation("deleted", after.subject, text)
    old, ready = _conditions(before), _conditions(after).get("Ready", {})
    was, now = (version.status.get("observedGeneration", -1) for version in (before, after))
    if now != was and ready == old.get("Ready") and ready.get("status") == "True" and not after.is_suspended:
        text = f"observedGeneration {was} -> {now}, and Ready=True stayed that of {ready.get('observedGeneration')}"
        yield Violation("ready", after.subject, text)
    for type_, condition in _conditions(after).items():
        if type_ not in old:
            continue
        moved = condition.get("lastTransitionTime") != old[type_].get("lastTransitionTime")
        changed = condition["status"] != old[type_]["status"]
        if moved != changed and not (changed and _is_of_now(condition, before, after, allowance)):
            step = f"{type_} {old[type_]['status']} -> {condition['status']}"
            text = f"{step}, but its time {'moved' if moved else 'did not'}"
            yield Violation("lastTransitionTime", after.subject, text)


def _is_of_now(condition: Mapping[str, Any], before: Version, after: Version, allowance: Allowance) -> bool:
    """Return whether a condition that changed may have the time that it had: times are whole seconds."""
    if not after.written_at:
        return after.at - before.at < allowance.write_seconds
    written, moved = (datetime.fromisoformat(time) for time in (after.written_at, condition["lastTransitionTime"]))
    age = (written - moved).total_seconds()
    return any(abs(age + off) < allowance.write_seconds for off in allowance.clocks)


def _check_handled(after: Version, tokens: set[str]) -> Iterator[Violation]:
    handled = after.status.get("lastHandledReconcileAt", "")
    if handled and handled not in tokens:
        yield Violation("lastHandledReconcileAt", after.subject, f"{handled!r} was never asked for")


def _check_returns(history: Sequence[Version], allowed: int, edits: Sequence[int]) -> Iterator[Violation]:
    """Yield a violation when a status goes back and forth between two states more often than it was given cause to."""
    for _, group in groupby(history, key=lambda v: (v.generation, v.requested_at, bisect(edits, v.resource_version))):
        states = [state for state, _ in groupby(_steady(version.status) for version in group)]
        returns = sum(one == other for one, other in zip(states, states[2:], strict=False))
        if returns > allowed:
            yield Violation("flapping", history[0].subject, f"{returns} times back to the state before the last")


def _steady(value: Any) -> str:
    return json.dumps(without_times(value), sort_keys=True)


def without_times(value: Any) -> Any:
    """Return a JSON value without the fields that say when."""
    if isinstance(value, Mapping):
        return {key: without_times(item) for key, item in value.items() if key not in VOLATILE}
    if isinstance(value, list | tuple):
        return [without_times(item) for item in value]
    return value


def check_writes(writes: Iterable[Write], *, runs: float | None = None, drops: bool = False) -> list[Violation]:
    """Return what the writes of controllers violate.

    runs: how many runs the controllers made; each may write one status
    drops: whether the server may drop fields, which a process learns by one write to each state of an object
    """
    written = [write for write in writes if write.succeeded]
    idle = [
        write
        for write in written
        if write.verb in ("patch", "update") and write.based_on and write.based_on == write.result
    ]
    if drops:
        first = {(write.writer, write.what, write.subject, write.result): id(write) for write in reversed(idle)}
        excused = set(first.values())
        idle = [write for write in idle if id(write) not in excused]
    out = [
        Violation("idle write", write.subject, f"{write.writer} wrote what was there (resourceVersion {write.result})")
        for write in idle
    ]
    statuses = sum(write.what.endswith("/status") for write in written)
    if runs is not None and statuses > runs:
        out.append(Violation("one write a run", "all", f"{statuses} statuses were written in {runs:.0f} runs"))
    return out


def check_leaders(writes: Iterable[Write], leases: Iterable[Write]) -> list[Violation]:
    """Return the writes that were begun by a process after another one had taken the lease.

    leases: the successful writes of one lease by which a process took or kept it, `writer` being its holder since
    """
    tenures = sorted((lease.ended, lease.writer) for lease in leases if lease.succeeded)
    out = []
    for write in writes:
        holders = [writer for ended, writer in tenures if ended <= write.began]
        if write.succeeded and holders and holders[-1] != write.writer:
            text = f"{write.writer} wrote {write.what} while {holders[-1]} held the lease"
            out.append(Violation("two leaders", write.subject, text))
    return out


def choices_of(versions: Iterable[Version]) -> list[Choice]:
    """Return the choices of the policies of one namespace, whose automations use all of them.

    A choice is settled when each automation has it, one says why not, or the policy has chosen anew. Its time runs
    while an automation is there that is neither suspended nor being deleted.
    """
    out: list[Choice] = []
    open_: dict[str, Choice] = {}
    automations: dict[str, Version] = {}
    for version in sorted(versions, key=lambda v: v.resource_version):
        if version.kind == "ImageUpdateAutomation":
            automations[version.name] = version
        elif version.kind == "ImagePolicy" and (ref := version.status.get("latestRef")):
            known = [choice.ref for choice in (*out, *open_.values()) if choice.policy == version.name]
            if not known or known[-1] != ref.get("tag"):
                if version.name in open_:
                    out.append(replace(open_.pop(version.name), settled_at=version.at))
                open_[version.name] = Choice(version.name, ref.get("tag", ""), version.at)
        at_work = [found for found in automations.values() if not (found.is_suspended or found.is_deleting)]
        says_why = any(found is version and _is_failing(found) for found in at_work)
        for policy, choice in list(open_.items()):
            if not at_work:
                open_[policy] = replace(choice, at=version.at)
            elif says_why or all(_has(found, choice) for found in at_work):
                out.append(replace(open_.pop(policy), settled_at=version.at))
    return out + list(open_.values())


def _has(automation: Version, choice: Choice) -> bool:
    policies: Mapping[str, Any] = automation.status.get("observedPolicies", {})
    return bool(policies.get(choice.policy, {}).get("tag") == choice.ref)


def _is_failing(version: Version) -> bool:
    return _conditions(version).get("Ready", {}).get("status") == "False"


def check_choices(choices: Iterable[Choice], *, within: float) -> list[Violation]:
    """Return the choices that neither reached Git nor were explained by a condition within so many seconds."""
    return [
        Violation("reaches Git", choice.policy, f"{choice.ref} did not within {within:g} s, and nothing said why")
        for choice in choices
        if choice.settled_at is None or choice.settled_at - choice.at > within
    ]


def check_flat(before: Usage, after: Usage, slack: Usage) -> list[Violation]:
    """Return what a process holds more of than before, beyond what caches and connections may take."""
    return [
        Violation("flat", name, f"{old:.0f} -> {new:.0f}")
        for name, old, new, more in zip(Usage._fields, before, after, slack, strict=True)
        if new - old > more
    ]
