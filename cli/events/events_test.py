"""`cli.events`: `events`, as its users meet it."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from api.names import EVENTS, IMAGE_POLICIES
from cli.events.selection import scopes_for
from cli.kube.client import Cluster
from testing.readable_cluster import CommandLine, ReadableCluster, command_line

IMAGE_API = "image.toolkit.fluxcd.io/v1"


def event(name: str, seconds: int, kind: str, subject: str, **fields: Any) -> dict[str, Any]:
    namespace = fields.pop("namespace", "flux-system")
    involved = {"apiVersion": fields.pop("api", IMAGE_API), "kind": kind, "name": subject, "namespace": namespace}
    times = {"firstTimestamp": ago(seconds), "lastTimestamp": ago(seconds)}
    return {
        "metadata": {"name": name, "namespace": namespace}, "involvedObject": involved, "type": "Normal",
        "reason": "Succeeded", "message": name, **times, **fields,
    }  # fmt: skip


def ago(seconds: int) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def cluster() -> ReadableCluster:
    found = ReadableCluster()
    found.put(EVENTS, event("new", 60, "ImagePolicy", "app", type="Warning"))
    found.put(EVENTS, event("old", 630, "ImageRepository", "app"))
    found.put(EVENTS, event("pod", 5, "Pod", "app", api="v1"))
    found.put(EVENTS, event("other", 45, "ImageRepository", "web", namespace="apps"))
    spec = {"imageRepositoryRef": {"name": "web", "namespace": "apps"}}
    found.put(IMAGE_POLICIES, {"metadata": {"name": "app", "namespace": "flux-system"}, "spec": spec})
    return found


@pytest.fixture
def call(cluster: ReadableCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return command_line(cluster, monkeypatch, capsys)


def messages(out: str) -> list[str]:
    return [line.rstrip().split("\t")[-1].strip() for line in out.splitlines()[1:]]


def test_events_of_flux_are_shown_the_newest_last(call: CommandLine) -> None:
    status, out, _ = call("events")
    assert status == 0
    assert messages(out) == ["old", "new"]
    assert out.splitlines()[1].startswith("10m")
    assert messages(call("events", "-A")[1]) == ["old", "new", "other"]


@pytest.mark.parametrize("word", ["warning", "Warning"])
def test_events_are_chosen_by_type(call: CommandLine, word: str) -> None:
    assert messages(call("events", "--types", word)[1]) == ["new"]
    status, _, err = call("events", "--types", "Normal,Bogus")
    assert (status, err) == (1, "✗ type 'Bogus' not supported. Supported types are Normal, Warning\n")


def test_events_of_a_policy_include_those_of_its_repository_wherever_it_is(call: CommandLine) -> None:
    assert messages(call("events", "--for", "imagepolicy/app")[1]) == ["new", "other"]
    assert messages(call("events", "--for", "ImageRepository")[1]) == ["old"]
    assert messages(call("events", "--for", "ImageRepository", "-A")[1]) == ["old", "other"]


def test_no_events_are_said_and_no_failure(call: CommandLine) -> None:
    assert call("events", "--for", "Kustomization/x") == (0, "", "✗ No events found in flux-system namespace.\n")
    assert call("events", "--for", "Kustomization/x", "-A") == (0, "", "✗ No events found.\n")


def test_what_cannot_have_events_is_set_right(call: CommandLine) -> None:
    assert call("events", "--for", "ImagePolicy/apps") == (
        1, "", '✗ imagepolicies.image.toolkit.fluxcd.io "apps" not found; did you mean "app"?\n'
    )  # fmt: skip
    assert call("events", "--for", "ImagePolciy/app") == (
        1, "", "✗ 'ImagePolciy' is not a recognized Flux kind; did you mean ImagePolicy?\n"
    )  # fmt: skip


@pytest.mark.parametrize("subject", ["/", "/app"])
def test_a_subject_without_a_kind_is_none(subject: str, call: CommandLine) -> None:
    assert call("events", "--for", subject) == (1, "", "✗ --for selector must be of format <kind>[/<name>]\n")


def test_a_name_with_a_comma_selects_nothing_else(cluster: ReadableCluster) -> None:
    subject = "GitRepository/app,type=Normal"
    (scope,) = scopes_for(cast("Cluster", cluster), "apps", all_namespaces=False, subject=subject)
    assert scope.fields == r"involvedObject.kind=GitRepository,involvedObject.name=app\,type\=Normal"


def test_repeated_events_say_how_often(call: CommandLine, cluster: ReadableCluster) -> None:
    series = {"count": 3, "lastObservedTime": f"{ago(135)[:-1]}.123456Z"}
    cluster.put(EVENTS, event("new", 60, "ImagePolicy", "app", firstTimestamp=None, lastTimestamp=None, series=series,
                              eventTime=f"{ago(630)[:-1]}.5Z"))  # fmt: skip
    cluster.put(EVENTS, event("old", 630, "ImagePolicy", "app", count=4, lastTimestamp=ago(195)))
    ages = [line.split("\t")[0].strip() for line in call("events")[1].splitlines()[1:]]
    assert re.fullmatch(r"3m1\ds \(x4 over 10m\)", ages[0])
    assert re.fullmatch(r"2m1\ds \(x3 over 10m\)", ages[1])


def test_events_as_documents(call: CommandLine) -> None:
    items = json.loads(call("events", "-o", "json", "--for", "ImagePolicy")[1])["items"]
    assert [item["message"] for item in items] == ["new"]
    assert "- apiVersion: v1\n" in call("events", "-o", "yaml")[1]
    assert json.loads(call("events", "-o", "json", "-n", "empty")[1])["items"] == []


def test_a_watch_prints_what_comes_and_ends_well(call: CommandLine, cluster: ReadableCluster) -> None:
    cluster.steps = [lambda found: found.put(EVENTS, event("next", 0, "ImagePolicy", "app"))]
    status, out, err = call("events", "--watch")
    assert (status, err) == (0, "")
    assert messages(out) == ["old", "new", "next"]


def test_several_subjects_are_watched_at_once(call: CommandLine) -> None:
    status, out, _ = call("events", "--watch", "--for", "ImagePolicy/app")
    assert status == 0
    assert sorted(messages(out)) == ["new", "other"]
