"""`cli.verbs`: reconcile, suspend, resume and delete on a cluster in memory; recordings are played in e2e."""

import io
from collections.abc import Callable
from typing import Any

import pytest

from api.names import IMAGE_POLICIES, IMAGE_REPOSITORIES, REQUESTED_AT
from cli.grammar.globals import GLOBAL_FLAGS
from cli.grammar.run import run
from cli.grammar.session import Failed, Reporter, Said
from cli.grammar.tree import Group
from cli.kinds import IMAGE_KINDS
from cli.kinds.imagepolicy import POLICY
from cli.kube.objects import NoSuchKind
from cli.main import main
from cli.verbs import delete as delete_verb
from cli.verbs import reconcile as reconcile_verb
from cli.verbs import resume as resume_verb
from cli.verbs import suspend as suspend_verb
from cli.verbs.delete import delete
from cli.verbs.reconcile import reconcile, reconcile_all
from cli.verbs.resume import resume
from cli.verbs.suspend import suspend
from controllers.runtime.kube.errors import NotFound
from testing.cluster import FakeCluster, session_on

READY = {"type": "Ready", "status": "True", "reason": "Succeeded", "message": "chosen"}
FAILED = {"type": "Ready", "status": "False", "reason": "Failure", "message": "no tag matches"}


@pytest.fixture
def cluster() -> FakeCluster:
    cluster = FakeCluster()
    for name in ("app", "web"):
        cluster.put(IMAGE_POLICIES, {"metadata": {"name": name, "namespace": "apps"}, "spec": {}})
        cluster.set_status(
            IMAGE_POLICIES, "apps", name, conditions=[READY], latestRef={"name": "x/app", "tag": "1.2.0"}
        )
    return cluster


def handled(name: str, condition: dict[str, Any] = READY) -> Callable[[FakeCluster], None]:
    """Return what a controller does with a request."""

    def handle(cluster: FakeCluster) -> None:
        obj = cluster.stored(IMAGE_POLICIES, "apps", name)
        assert obj is not None
        token = obj["metadata"]["annotations"][REQUESTED_AT]
        ref = {"name": "x/app", "tag": "1.3.0"}
        cluster.set_status(
            IMAGE_POLICIES, "apps", name, conditions=[condition], latestRef=ref, lastHandledReconcileAt=token
        )

    return handle


def test_reconcile_asks_and_tells_the_result(cluster: FakeCluster) -> None:
    cluster.steps = [handled("app")]
    with session_on(cluster, namespace="apps") as (session, said):
        reconcile(session, POLICY, ["app"])
    assert said.getvalue().splitlines() == [
        "► annotating ImagePolicy app in apps namespace",
        "✔ ImagePolicy annotated",
        "◎ waiting for ImagePolicy reconciliation",
        "✔ selected ref x/app:1.3.0",
    ]


def test_reconcile_of_several_goes_on_after_one_that_fails(cluster: FakeCluster) -> None:
    cluster.steps = [handled("web", FAILED), handled("app")]
    with session_on(cluster, namespace="apps") as (session, said), pytest.raises(Said):
        reconcile(session, POLICY, ["web", "app", "web"])
    assert said.getvalue().splitlines()[-3:] == [
        "✗ ImagePolicy web: no tag matches",
        "✔ ImagePolicy app: selected ref x/app:1.3.0",
        "✗ reconciliation failed for 1 of 2 objects",
    ]


def test_reconcile_all_leaves_out_what_is_suspended(cluster: FakeCluster) -> None:
    cluster.put(IMAGE_REPOSITORIES, {"metadata": {"name": "app", "namespace": "apps"}, "spec": {"suspend": True}})
    cluster.steps = [handled("app"), handled("web")]
    with session_on(cluster, namespace="apps") as (session, said):
        reconcile_all(session, IMAGE_KINDS)
    assert "⚠️  ImageRepository app is suspended, so it is left out" in said.getvalue().splitlines()
    assert said.getvalue().count("✔ ImagePolicy annotated") == 2


def test_reconcile_all_of_nothing_fails() -> None:
    with session_on(FakeCluster(), namespace="apps") as (session, _), pytest.raises(Failed, match="no objects found"):
        reconcile_all(session, IMAGE_KINDS)


def test_what_is_suspended_is_not_reconciled(cluster: FakeCluster) -> None:
    cluster.put(IMAGE_POLICIES, {"metadata": {"name": "app", "namespace": "apps"}, "spec": {"suspend": True}})
    with session_on(cluster, namespace="apps") as (session, _):
        with pytest.raises(Failed, match=r"^resource is suspended$"):
            reconcile(session, POLICY, ["app"])
        with pytest.raises(Failed, match=r"^ImagePolicy app is suspended$"):
            reconcile(session, POLICY, ["app", "web"])
    assert not any(request.startswith("patch") for request in cluster.requests)


def test_a_name_that_is_not_there_suggests_another(cluster: FakeCluster) -> None:
    with session_on(cluster, namespace="apps") as (session, said):
        with pytest.raises(Failed, match=r'"apt" not found; did you mean "app"\?'):
            reconcile(session, POLICY, ["apt"])
        suspend(session, POLICY, ["nope", "wbe"], all=False)
        resume(session, POLICY, ["apq"], all=False, wait=None)
    assert said.getvalue().splitlines() == [
        "✗ ImagePolicy nope not found in apps namespace",
        '✗ ImagePolicy wbe not found in apps namespace; did you mean "web"?',
        "✗ ImagePolicy object 'apq' not found in apps namespace; did you mean \"app\"?",
    ]


def test_suspend_and_resume_change_nothing_but_that(cluster: FakeCluster) -> None:
    with session_on(cluster, namespace="apps") as (session, said):
        suspend(session, POLICY, [], all=True)
        assert [cluster.get(IMAGE_POLICIES, "apps", name)["spec"] for name in ("app", "web")] == [{"suspend": True}] * 2
        resume(session, POLICY, ["app", "web"], all=False, wait=None)
    assert cluster.get(IMAGE_POLICIES, "apps", "app")["spec"] == {}
    assert "waiting" not in said.getvalue()


@pytest.mark.parametrize(("names", "wait"), [(["app"], None), (["app", "web"], True)])
def test_resume_waits_for_the_next_reconciliation(names: list[str], wait: bool | None, cluster: FakeCluster) -> None:
    with session_on(cluster, namespace="apps") as (session, said):
        suspend(session, POLICY, [], all=True)
        cluster.steps = [
            lambda cluster: cluster.set_status(IMAGE_POLICIES, "apps", "app", conditions=[READY]),
            lambda cluster: cluster.set_status(IMAGE_POLICIES, "apps", "web", conditions=[FAILED]),
        ]
        if len(names) == 1:
            resume(session, POLICY, names, all=False, wait=wait)
        else:
            with pytest.raises(Said):
                resume(session, POLICY, names, all=False, wait=wait)
    assert "✔ ImagePolicy app reconciliation completed" in said.getvalue()
    assert ("✗ ImagePolicy web reconciliation failed: no tag matches" in said.getvalue()) == (len(names) == 2)


def test_nothing_is_deleted_unless_all_that_is_named_is_there(cluster: FakeCluster) -> None:
    with session_on(cluster, namespace="apps") as (session, _):
        with pytest.raises(Failed, match="not found"):
            delete(session, POLICY, ["app", "nope"], silent=True)
        assert cluster.stored(IMAGE_POLICIES, "apps", "app")
        delete(session, POLICY, ["app", "app", "web"], silent=True)
    assert not cluster.stored(IMAGE_POLICIES, "apps", "app")
    assert not cluster.stored(IMAGE_POLICIES, "apps", "web")


@pytest.mark.parametrize(
    ("answer", "refused"),
    [("y\n", ""), ("YES\n", ""), ("\n", "not confirmed"), ("n\n", "not confirmed"), ("", "nobody")],
)
def test_deletion_is_asked_for(
    answer: str, refused: str, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    with session_on(cluster, namespace="apps") as (session, _):
        if refused:
            with pytest.raises(Failed, match=refused):
                delete(session, POLICY, ["app"], silent=False)
        else:
            delete(session, POLICY, ["app"], silent=False)
    assert (cluster.stored(IMAGE_POLICIES, "apps", "app") is None) == (not refused)
    assert capsys.readouterr().out.startswith("Are you sure you want to delete this image policy? [y/N] ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("reconcile image policy", "ImagePolicy name is required"),
        ("suspend image update", "image update automation name is required"),
        ("resume source git", "source git name is required"),
        ("delete image repository", "image repository name is required"),
    ],
)
def test_a_name_is_required(words: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    verbs = tuple(module.COMMAND for module in (reconcile_verb, suspend_verb, resume_verb, delete_verb))
    root = Group(name="tagline", summary="", flags=GLOBAL_FLAGS, children=verbs)
    assert run(root, words.split(), environ={"KUBECONFIG": "/nowhere"}) == 1
    assert capsys.readouterr().err == f"✗ {sentence}\n"


def test_suspending_all_of_nothing_fails_and_resuming_does_not(cluster: FakeCluster) -> None:
    """As with the reference, whose exit statuses scripts know."""
    with session_on(cluster, namespace="empty") as (session, said):
        with pytest.raises(Failed, match="no ImagePolicy objects found in empty namespace"):
            suspend(session, POLICY, [], all=True)
        resume(session, POLICY, [], all=True, wait=None)
    assert said.getvalue() == "✗ no ImagePolicy objects found in empty namespace\n"


def test_a_kind_that_is_not_served_is_no_missing_object(cluster: FakeCluster) -> None:
    cluster.failures["get imagepolicies apps/app"] = NoSuchKind("get", "no matches for kind", status=404)
    with session_on(cluster, namespace="apps") as (session, _):
        with pytest.raises(NoSuchKind):
            suspend(session, POLICY, ["app"], all=False)
        with pytest.raises(NoSuchKind):
            resume(session, POLICY, ["app"], all=False, wait=None)


class Unread(io.StringIO):
    """A stream whose reader has left."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("stream", [None, Unread()])
def test_what_nobody_reads_keeps_no_work_from_being_done(stream: io.StringIO | None, cluster: FakeCluster) -> None:
    with session_on(cluster, namespace="apps") as (session, _):
        session.report = Reporter(stream)
        suspend(session, POLICY, [], all=True)
    found = [cluster.stored(IMAGE_POLICIES, "apps", name) for name in ("app", "web")]
    assert [obj["spec"] for obj in found if obj] == [{"suspend": True}] * 2


def test_standard_input_that_is_closed_is_no_answer(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with session_on(cluster, namespace="apps") as (session, _), pytest.raises(Failed, match="nobody answered"):
        delete(session, POLICY, ["app"], silent=False)


class Slow:
    """Standard input of somebody who says yes after the object has been replaced."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster

    def readline(self) -> str:
        found = self._cluster.stored(IMAGE_POLICIES, "apps", "app")
        assert found is not None
        found["metadata"]["uid"] = "of-another"
        return "y\n"


def test_what_has_got_the_name_since_is_not_deleted(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Slow(cluster))
    with session_on(cluster, namespace="apps") as (session, said), pytest.raises(Said):
        delete(session, POLICY, ["app", "web"], silent=False)
    assert cluster.stored(IMAGE_POLICIES, "apps", "app")
    assert cluster.stored(IMAGE_POLICIES, "apps", "web") is None
    assert "✗ image policy app was replaced by another meanwhile, which is left alone\n" in said.getvalue()


@pytest.mark.parametrize("answer", ["y\n", ""])
def test_a_question_that_nobody_can_read_is_no_success(
    answer: str, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    monkeypatch.setattr("sys.stdout", Unread())
    with session_on(cluster, namespace="apps") as (session, _), pytest.raises(Failed, match="so nothing was done"):
        delete(session, POLICY, ["app"], silent=False)
    assert cluster.stored(IMAGE_POLICIES, "apps", "app")


GONE = NotFound("patch", 'imagepolicies.image.toolkit.fluxcd.io "app" not found', status=404)


def test_an_object_that_goes_between_two_steps_keeps_no_other_back(cluster: FakeCluster) -> None:
    cluster.failures["patch imagepolicies apps/app"] = GONE
    with session_on(cluster, namespace="apps") as (session, said):
        suspend(session, POLICY, [], all=True)
        resume(session, POLICY, ["app", "web"], all=False, wait=False)
    lines = said.getvalue().splitlines()
    assert lines.count("✗ ImagePolicy app was deleted meanwhile") == 2
    assert [line for line in lines if line.startswith("✔")] == ["✔ image policy suspended", "✔ image policy resumed"]


def test_reconcile_of_several_goes_on_after_one_that_is_deleted(cluster: FakeCluster) -> None:
    cluster.put(IMAGE_POLICIES, {"metadata": {"name": "old", "namespace": "apps"}, "spec": {}})
    cluster.failures["patch imagepolicies apps/app"] = GONE
    cluster.steps = [lambda cluster: cluster.remove(IMAGE_POLICIES, "apps", "old"), handled("web")]
    with session_on(cluster, namespace="apps") as (session, said), pytest.raises(Said):
        reconcile(session, POLICY, ["app", "old", "web"])
    assert said.getvalue().splitlines()[-3:] == [
        "✗ ImagePolicy old: ImagePolicy old was deleted meanwhile",
        "✔ ImagePolicy web: selected ref x/app:1.3.0",
        "✗ reconciliation failed for 2 of 3 objects",
    ]


def test_what_somebody_else_has_deleted_is_deleted(cluster: FakeCluster) -> None:
    cluster.failures["delete imagepolicies apps/app"] = GONE
    with session_on(cluster, namespace="apps") as (session, said):
        delete(session, POLICY, ["app", "web"], silent=True)
    assert "⚠️  image policy app was deleted already" in said.getvalue()
    assert cluster.stored(IMAGE_POLICIES, "apps", "web") is None


@pytest.mark.parametrize("verb", ["reconcile", "export"])
def test_all_and_one_that_is_named_contradict_each_other(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "image", "all", "app"]) == 1
    assert capsys.readouterr().err == f'✗ unknown command "app" for "tagline {verb} image all"\n'
