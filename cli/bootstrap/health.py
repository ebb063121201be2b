"""Waits until what was bootstrapped works, until one deadline for all of it, and says what is missing."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from api.names import DEPLOYMENTS, FALSE, GIT_REPOSITORIES, KUSTOMIZATIONS, READY, STALLED, TRUE
from api.resource import Resource
from cli.bootstrap.argocd import APPLICATIONS, ArgoPlace
from cli.fields import field, mapping, mappings, number, text
from cli.grammar.session import Failed, Reporter, Session
from cli.installing import readiness
from cli.kinds.kind import condition, is_suspended, status

if TYPE_CHECKING:
    from cli.kube.deadline import Deadline

POLL_SECONDS: Final = 0.5
_MAX_GRACE_SECONDS: Final = 5.0
"""Kept of the time for saying what is missing."""

Judge = Callable[[Mapping[str, Any]], tuple[str, bool]]
"""From an object to what it still lacks, "" for nothing, and whether it will never have that."""


class Health:
    """Collects what is not ready."""

    def __init__(self, session: Session) -> None:
        left = session.deadline.remaining()
        grace = None if left is None else min(left * 0.2, _MAX_GRACE_SECONDS)
        self._until: Deadline = session.deadline.within(None if left is None or grace is None else left - grace)
        self._session = session
        self._report: Reporter = session.report
        self._failures: list[str] = []

    def wait_for_source(self, namespace: str, is_newest: Callable[[str], bool]) -> None:
        """Wait until source-controller has the repository. is_newest: whether a revision is what is to be synced."""

        def judge(obj: Mapping[str, Any]) -> tuple[str, bool]:
            lacks, is_final = _judge_ready(obj)
            revision = text(obj, "status", "artifact", "revision")
            if lacks or is_newest(revision):
                return lacks, is_final
            return f"it has {revision or 'no revision'}, which is not the newest commit", False

        self._wait(GIT_REPOSITORIES, namespace, namespace, judge)

    def wait_for_kustomization(self, namespace: str, is_newest: Callable[[str], bool]) -> None:
        """Wait until kustomize-controller has applied the repository."""

        def judge(obj: Mapping[str, Any]) -> tuple[str, bool]:
            lacks, is_final = _judge_ready(obj)
            revision = text(obj, "status", "lastAppliedRevision")
            if lacks or is_newest(revision):
                return lacks, is_final
            return f"it has applied {revision or 'no revision'}, which is not the newest commit", False

        self._wait(KUSTOMIZATIONS, namespace, namespace, judge)

    def wait_for_application(self, place: ArgoPlace, name: str, is_newest_commit: Callable[[str], bool]) -> None:
        """Wait until Argo CD has synced the repository."""

        def judge(obj: Mapping[str, Any]) -> tuple[str, bool]:
            return _judge_application(obj, is_newest_commit), False

        self._wait(APPLICATIONS, place.namespace, name, judge)

    def confirm_components(self, deployments: Mapping[str, str]) -> None:
        """Wait until Deployments are ready. deployments: their names, each with its namespace."""
        self._report.action("confirming components are healthy")
        reasons = self._unready(dict(sorted(deployments.items())))
        for name, reason in reasons.items():
            self._report.failure(f"{name}: deployment not ready: {reason}")
        if reasons:
            missing = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
            self._failures.append(
                f"{self._too_late}: {missing}; see `{self._session.program} check`, and `kubectl get pods -A`"
            )
            return
        self._report.success("all components are healthy")

    def _unready(self, waiting: dict[str, str]) -> dict[str, str]:
        """Return what Deployments still wait for when time is up; empty as soon as all are ready."""
        cluster, said = self._session.cluster, dict.fromkeys(waiting, "")
        while True:
            reasons = {}
            for name, namespace in list(waiting.items()):
                found = self._get(DEPLOYMENTS, namespace, name)
                if found is not None and readiness.is_ready(found):
                    del waiting[name]
                    self._report.success(f"{name}: deployment ready")
                else:
                    reasons[name] = readiness.explain(cluster, found)
            if not waiting or not self._until.allows(readiness.POLL_SECONDS):
                return reasons
            for name, reason in reasons.items():
                if reason != said[name]:
                    self._report.waiting(f"{name}: {reason}")
            said = reasons
            self._until.sleep(readiness.POLL_SECONDS)

    def conclude(self) -> None:
        """Raise Failed unless all was ready."""
        if self._failures:
            told = self._failures[0] if len(self._failures) == 1 else f"[{', '.join(self._failures)}]"
            raise Failed(
                f"bootstrap failed with {len(self._failures)} health check failure(s): {told}. All is committed and "
                "applied: wait and look again, or repeat the same command"
            )

    @property
    def _too_late(self) -> str:
        return f"not ready within --timeout={self._session.timeout_seconds:g}s"

    def _wait(self, resource: Resource, namespace: str, name: str, judge: Judge) -> None:
        kind, place = resource.kind, f"{namespace}/{name}"
        self._report.waiting(f'waiting for {kind} "{place}" to be reconciled')
        lacks, is_final = self._lacking(resource, namespace, name, judge)
        if not lacks:
            self._report.success(f"{kind} reconciled successfully")
            return
        when = "" if is_final else f"{self._too_late}: "
        look = self._next_command(resource, namespace, name, lacks)
        self._report.failure(f"{kind} {place}: {when}{lacks}; {look}")
        self._failures.append(f"error while waiting for {kind} to be ready: '{when}{lacks}'")

    def _lacking(self, resource: Resource, namespace: str, name: str, judge: Judge) -> tuple[str, bool]:
        """Return what an object lacks when time is up, or it will never have it; "" as soon as it lacks nothing."""
        said = ""
        while True:
            obj = self._get(resource, namespace, name)
            lacks, is_final = judge(obj) if obj is not None else (f"there is no such {resource.kind}", False)
            if not lacks or is_final or not self._until.allows(POLL_SECONDS):
                return lacks, is_final
            if lacks not in (said, _NOT_SEEN) and obj is not None and status(obj):
                self._report.waiting(f"{resource.kind} {namespace}/{name}: {lacks}")
            said = lacks
            self._until.sleep(POLL_SECONDS)

    def _get(self, resource: Resource, namespace: str, name: str) -> Mapping[str, Any] | None:
        from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

        try:
            return self._session.cluster.get(resource, namespace, name)
        except NotFound:
            return None

    def _next_command(self, resource: Resource, namespace: str, name: str, lacks: str) -> str:
        if lacks == _NOT_SEEN:
            return f"is its controller running? See `{self._session.program} check`"
        if resource is APPLICATIONS:
            return f"see `kubectl -n {namespace} describe {resource.plural} {name}`"
        return (
            f"give it longer with --timeout, or see `{self._session.program} events -n {namespace} --for "
            f"{resource.kind}/{name}`"
        )


_NOT_SEEN: Final = "its controller has not seen it yet"


def _judge_ready(obj: Mapping[str, Any]) -> tuple[str, bool]:
    """Return what keeps an object from being ready as of its present generation, and whether that is for good."""
    generation = number(obj, "metadata", "generation")
    if is_suspended(obj):
        return "it is suspended: resume it", True
    if number(obj, "status", "observedGeneration") < generation:
        return _NOT_SEEN, False
    stalled, ready = (condition(obj, one) for one in (STALLED, READY))
    if text(stalled, "status") == TRUE:
        return _told(stalled), True
    if ready is None:
        return "it has no condition yet", False
    is_present = field(ready, "observedGeneration") is None or number(ready, "observedGeneration") >= generation
    return ("", False) if text(ready, "status") == TRUE and is_present else (_told(ready), False)


def _judge_application(obj: Mapping[str, Any], is_newest_commit: Callable[[str], bool]) -> str:
    for one in mappings(obj, "status", "conditions"):
        if text(one, "type").endswith("Error"):
            return _joined(text(one, "type"), text(one, "message"))
    if not mapping(obj, "status", "sync"):
        return _NOT_SEEN
    state, revision, health = (
        text(obj, "status", *path) for path in (("sync", "status"), ("sync", "revision"), ("health", "status"))
    )
    if state != "Synced":
        return _joined(f"it is {state or 'unknown'}", text(obj, "status", "operationState", "message"))
    if not is_newest_commit(revision):
        return f"it has {revision or 'no revision'}, which is not the newest commit"
    if health not in ("Healthy", ""):
        return _joined(f"it is {health}", text(obj, "status", "health", "message"))
    return ""


def _told(found: Mapping[str, Any] | None) -> str:
    told = _joined(text(found, "reason"), text(found, "message"))
    return told or ("it is not ready" if text(found, "status") == FALSE else "it is being reconciled")


def _joined(*words: str) -> str:
    return ": ".join(word for word in words if word)


def deployments_of(objects: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the names of Deployments, each with its namespace."""
    return {obj["metadata"]["name"]: obj["metadata"]["namespace"] for obj in objects if obj["kind"] == "Deployment"}
