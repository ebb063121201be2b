from typing import Any

import pytest

from api.names import IMAGE_POLICIES
from cli.grammar.session import Failed
from cli.kinds.imagepolicy import POLICY
from cli.waiting import NotReconciled, Progress, State, judge, judge_after, wait_for, wait_for_each
from controllers.golang.duration import SECOND
from testing.cluster import FakeCluster, Object, session_on

READY = {"type": "Ready", "status": "True", "reason": "Succeeded", "message": "1.2.0 it is"}
FAILED = {"type": "Ready", "status": "False", "reason": "Failure", "message": "no tag matches"}
WAITS = {"type": "Ready", "status": "False", "reason": "DependencyNotReady", "message": "app does not exist"}
BUSY = {"type": "Ready", "status": "Unknown", "reason": "Progressing", "message": "choosing"}
RECONCILING = {"type": "Reconciling", "status": "True", "reason": "Progressing", "message": "new generation"}
STALLED = {"type": "Stalled", "status": "True", "reason": "InvalidPolicy", "message": "bad range"}


def policy(name: str = "app", *conditions: dict[str, Any], generation: int = 1, observed: int = 1) -> Object:
    meta = {"name": name, "namespace": "apps", "generation": generation}
    return {"metadata": meta, "status": {"observedGeneration": observed, "conditions": list(conditions)}}


@pytest.mark.parametrize(
    ("obj", "state"),
    [
        ({"metadata": {"generation": 1}}, State(Progress.PENDING, "", "its controller has not seen it yet")),
        (policy(), State(Progress.PENDING)),
        (policy("app", READY), State(Progress.DONE, "Succeeded", "1.2.0 it is")),
        (policy("app", READY, generation=2), State(Progress.PENDING, "", "its controller has not seen it yet")),
        (policy("app", READY | {"observedGeneration": 1}, generation=2, observed=2), State(Progress.PENDING)),
        (policy("app", READY, RECONCILING), State(Progress.PENDING, "Progressing", "new generation")),
        (policy("app", BUSY), State(Progress.PENDING, "Progressing", "choosing")),
        (policy("app", FAILED), State(Progress.FAILED, "Failure", "no tag matches")),
        (policy("app", FAILED, RECONCILING), State(Progress.FAILED, "Failure", "no tag matches")),
        (policy("app", WAITS), State(Progress.PENDING, "DependencyNotReady", "app does not exist")),
        (policy("app", READY, STALLED), State(Progress.FAILED, "InvalidPolicy", "bad range")),
        (policy("app", STALLED | {"status": "False"}, READY), State(Progress.DONE, "Succeeded", "1.2.0 it is")),
    ],
)
def test_states_are_judged_as_of_the_present_generation(obj: Object, state: State) -> None:
    assert judge(obj) == state


def test_a_request_counts_once_it_has_been_handled() -> None:
    obj = policy("app", READY)
    assert judge_after("")(obj).progress is Progress.PENDING
    obj["status"]["lastHandledReconcileAt"] = "before"
    assert judge_after("before")(obj).progress is Progress.PENDING
    assert judge_after("")(obj).progress is Progress.DONE


def cluster_with(*names: str) -> FakeCluster:
    cluster = FakeCluster()
    for name in names:
        cluster.put(IMAGE_POLICIES, {"metadata": {"name": name, "namespace": "apps"}, "spec": {}})
    return cluster


def becomes(name: str, *conditions: dict[str, Any]) -> Any:
    return lambda cluster: cluster.set_status(IMAGE_POLICIES, "apps", name, conditions=list(conditions))


def test_changes_of_state_are_told_until_it_is_done() -> None:
    cluster = cluster_with("app")
    cluster.steps = [becomes("app", BUSY), becomes("app", BUSY), becomes("app", WAITS), becomes("app", READY)]
    with session_on(cluster) as (session, said):
        done = wait_for(session, POLICY, cluster.get(IMAGE_POLICIES, "apps", "app"))
    assert done["status"]["conditions"] == [READY]
    assert said.getvalue().splitlines() == [
        "◎ ImagePolicy app: Progressing: choosing",
        "◎ ImagePolicy app: DependencyNotReady: app does not exist",
    ]


@pytest.mark.parametrize(("condition", "why"), [(FAILED, "no tag matches"), (STALLED, "bad range")])
def test_a_failure_ends_the_wait_at_once(condition: dict[str, Any], why: str) -> None:
    cluster = cluster_with("app")
    cluster.steps = [becomes("app", BUSY), becomes("app", condition), lambda _: pytest.fail("it went on waiting")]
    with session_on(cluster) as (session, _), pytest.raises(NotReconciled, match=f"^{why}$"):
        wait_for(session, POLICY, cluster.get(IMAGE_POLICIES, "apps", "app"))


def test_the_end_of_the_time_says_what_was_waited_for_and_whose_time_it_was() -> None:
    cluster = cluster_with("app")
    cluster.steps = [becomes("app", BUSY)]
    with session_on(cluster, timeout=3 * SECOND) as (session, _), pytest.raises(NotReconciled) as caught:
        wait_for(session, POLICY, cluster.get(IMAGE_POLICIES, "apps", "app"))
    assert str(caught.value) == (
        "not done within --timeout=3s: Progressing: choosing; give it longer with --timeout, "
        "or see `tagline events -n apps --for ImagePolicy/app`"
    )


def test_an_object_that_no_controller_has_seen_asks_for_the_controller() -> None:
    cluster = cluster_with("app")
    with session_on(cluster, timeout=SECOND) as (session, _), pytest.raises(NotReconciled, match="is its controller"):
        wait_for(session, POLICY, cluster.get(IMAGE_POLICIES, "apps", "app"))


def test_an_object_that_is_deleted_ends_the_wait() -> None:
    cluster = cluster_with("app", "other")
    cluster.steps = [
        lambda cluster: cluster.remove(IMAGE_POLICIES, "apps", "other"),
        lambda cluster: cluster.remove(IMAGE_POLICIES, "apps", "app"),
    ]
    with session_on(cluster) as (session, _), pytest.raises(Failed, match="ImagePolicy app was deleted meanwhile"):
        wait_for(session, POLICY, cluster.get(IMAGE_POLICIES, "apps", "app"))


def test_several_are_waited_for_side_by_side_with_one_watch() -> None:
    cluster = cluster_with("a", "b", "c", "d")
    becomes("d", READY)(cluster)
    cluster.steps = [becomes("c", FAILED), becomes("a", READY)]
    with session_on(cluster, timeout=SECOND) as (session, _):
        objects = [cluster.get(IMAGE_POLICIES, "apps", name) for name in "abcd"]
        results = list(wait_for_each(session, POLICY, objects))
    assert [(result.name, result.error is None) for result in results] == [
        ("d", True), ("c", False), ("a", True), ("b", False),
    ]  # fmt: skip
    assert [request for request in cluster.requests if request.startswith("watch")] == ["watch imagepolicies apps/"]
