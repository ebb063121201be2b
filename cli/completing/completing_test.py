"""`cli.completing`: what completion offers, and that it never gets in the way."""

import threading
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any, cast

import pytest

from api.names import IMAGE_POLICIES, NAMESPACES
from cli.completing import candidates, run
from cli.grammar.session import Session
from cli.grammar.tree import Command, Group
from cli.kube.client import Cluster
from cli.main import main
from controllers.runtime.kube.errors import Unreachable
from testing.readable_cluster import ReadableCluster

Complete = Callable[..., list[str]]
KUBECONFIG = """
contexts: [{name: "arn:aws:eks:prod", context: {cluster: c, user: u}}, {name: home, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {}}]
"""


@pytest.fixture
def cluster() -> ReadableCluster:
    found = ReadableCluster()
    for namespace, name in (("flux-system", "app"), ("flux-system", "app-beta"), ("flux-system", "web"), ("apps", "x")):
        found.put(IMAGE_POLICIES, {"metadata": {"name": name, "namespace": namespace}})
    for name in ("apps", "flux-system"):
        found.put(NAMESPACES, {"metadata": {"name": name, "namespace": ""}})
    return found


@pytest.fixture
def complete(cluster: ReadableCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Complete:
    connect = partial(Session, connect=lambda _: nullcontext(cast("Cluster", cluster)))
    monkeypatch.setattr(candidates, "Session", connect)
    monkeypatch.delenv("FLUX_SYSTEM_NAMESPACE", raising=False)

    def call(*words: str) -> list[str]:
        assert main(["__complete", *words]) == 0
        shown = capsys.readouterr()
        directive = {":4": "NoFileComp", ":0": "Default"}[shown.out.splitlines()[-1]]
        assert shown.err == f"Completion ended with directive: ShellCompDirective{directive}\n"
        return shown.out.splitlines()

    return call


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["get", "images", "policy", ""], ["app", "app-beta", "web", ":4"]),
        (["get", "images", "policy", "app"], ["app", "app-beta", ":4"]),
        (["get", "images", "policy", "app", "a"], ["app-beta", ":4"]),
        (["get", "image", "policy", "-n", "apps", ""], ["x", ":4"]),
        (["-napps", "get", "images", "policy", ""], ["x", ":4"]),
        (["get", "images", "policy", "--namespace=apps", ""], ["x", ":4"]),
        (["get", "images", "policy", "--", "w"], ["web", ":4"]),
        (["tree", "image", "policy", "w"], ["web", ":4"]),
        (["tree", "image", "policy", "web", ""], [":4"]),
        (["get", "images", "policy", "-n", ""], ["apps", "flux-system", ":4"]),
        (["-n", "f"], ["flux-system", ":4"]),
        (["get", "images", "policy", "-An", "a"], ["apps", ":4"]),
        (["get", "images", "policy", "-o", ""], ["json", "yaml", "name", "wide", ":4"]),
        (["get", "images", "policy", "--output=j"], ["json", ":4"]),
        (["get", "images", "policy", "--watch=f"], ["false", ":4"]),
        (["events", "--types", "Normal,W"], ["Normal,Warning", ":4"]),
        (["events", "--for", "ImageP"], ["ImagePolicy", ":4"]),
        (["logs", "--level", "d"], ["debug", ":4"]),
        (["version", "-o", "j"], ["json", ":4"]),
        (["get", "images", "policy", "--label-selector", "x"], [":0"]),
        (["--kubeconfig", ""], [":0"]),
        (["--kubeconfig="], [":0"]),
        (["lint", ""], [":0"]),
        (["nope", ""], [":4"]),
        (["get", "images", "policy", "--nope", ""], [":4"]),
        (["get", "images", "policy", "--timeout=x", ""], [":4"]),
        (["get", "images", "policy", "--nope=x"], [":4"]),
    ],
)
def test_it_offers(complete: Complete, words: list[str], offered: list[str]) -> None:
    assert complete(*words) == offered


def test_commands_come_with_what_they_do(complete: Complete) -> None:
    assert complete("get", "images", "") == [
        "all\tGet all image statuses",
        "policy\tGet ImagePolicy status",
        "repository\tGet ImageRepository status",
        "update\tGet ImageUpdateAutomation status",
        ":4",
    ]
    assert [line.split("\t")[0] for line in complete("ge")] == ["get", ":4"]
    assert len(complete()) > 20


def test_flags_are_offered_once(complete: Complete) -> None:
    offered = [line.split("\t")[0] for line in complete("get", "images", "policy", "-A", "-")]
    assert "--all-namespaces" not in offered
    assert [flag for flag in offered if flag in ("--output", "-o")] == ["--output", "-o"]
    assert offered[-3:] == ["--help", "-h", ":4"]
    assert [line.split("\t")[0] for line in complete("get", "images", "policy", "--st")] == ["--status-selector", ":4"]


def test_contexts_are_those_of_the_kubeconfig(
    complete: Complete, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert complete("--context", "") == ["arn:aws:eks:prod", "home", ":4"]
    assert complete("--context=h") == ["home", ":4"]
    assert complete("--user", "") == ["u", ":4"]
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    assert complete(f"--kubeconfig={tmp_path / 'config'}", "--cluster", "") == ["c", ":4"]


def test_errors_say_nothing(complete: Complete, cluster: ReadableCluster) -> None:
    cluster.failures["list imagepolicies flux-system/"] = Unreachable("list", "gone away")
    assert complete("get", "images", "policy", "") == [":4"]


def test_a_cluster_that_does_not_answer_is_not_waited_for(
    complete: Complete, cluster: ReadableCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    monkeypatch.setattr(run, "SECONDS", 0.01)
    monkeypatch.setattr(cluster, "list", lambda *_, **__: iter(lambda: answer.wait(30), True))
    assert complete("get", "images", "policy", "") == [":4"]
    answer.set()


def test_a_cluster_is_given_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    group = Group(
        name="tagline",
        summary="",
        flags=candidates_flags(),
        children=(Command(name="x", run=lambda *_: None, summary="", complete=lambda s, _: iter(note(s))),),
    )

    def note(session: Session) -> list[str]:
        seen.append(session.timeout_seconds)
        return []

    list(candidates.offer(group, ["x", ""], {}).candidates)
    assert seen == [2.0]


def candidates_flags() -> Any:
    from cli.grammar.globals import GLOBAL_FLAGS  # noqa: PLC0415

    return GLOBAL_FLAGS


@pytest.mark.parametrize("verb", ["reconcile", "suspend"])
def test_verbs_that_say_nothing_of_their_arguments_take_names_of_their_kind(
    cluster: ReadableCluster, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    connect = partial(Session, connect=lambda _: nullcontext(cast("Cluster", cluster)))
    monkeypatch.setattr(candidates, "Session", connect)

    def offered(name: str, *words: str) -> list[str]:
        policy = Command(name="policy", run=lambda *_: None, summary="")
        image = Group(name="image", summary="", children=(policy,))
        root = Group(
            name="tagline",
            summary="",
            flags=candidates_flags(),
            children=(Group(name=name, summary="", children=(image,)),),
        )
        return list(candidates.offer(root, [name, "image", "policy", *words], {}).candidates)

    assert offered(verb, "a") == ["app", "app-beta"]
    assert offered(verb, "app", "") == ["app-beta", "web"]
    assert offered("create", "") == []
