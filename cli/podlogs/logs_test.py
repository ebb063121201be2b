"""`cli.podlogs`: `logs`, as its users meet it."""

import json

import pytest

from api.names import DEPLOYMENTS, PODS
from controllers.runtime.kube.errors import Forbidden, Invalid
from testing.readable_cluster import CommandLine, ReadableCluster, command_line


def line(minute: int, message: str, **fields: str) -> bytes:
    own = {
        "level": "info", "ts": f"2026-01-05T10:{minute:02}:00.000Z", "msg": message, "controllerKind": "ImagePolicy",
        "name": "app", "namespace": "flux-system",
    }  # fmt: skip
    return json.dumps(own | fields).encode()


def add_controller(cluster: ReadableCluster, name: str, namespace: str, part_of: str, *lines: bytes) -> None:
    labels = {"app.kubernetes.io/part-of": part_of}
    spec = {"selector": {"matchLabels": {"app": name}}}
    cluster.put(DEPLOYMENTS, {"metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": spec})
    cluster.put(PODS, {"metadata": {"name": f"{name}-1", "namespace": namespace, "labels": {"app": name}}})
    cluster.logs[f"{name}-1"] = list(lines)


@pytest.fixture
def cluster() -> ReadableCluster:
    found = ReadableCluster()
    later = line(3, "third", error="gone", level="error", **{"reconciler kind": "GitRepository"})
    add_controller(found, "flux", "flux-system", "flux", line(1, "first"), b"not JSON", b"{broken", b"[1]", later)
    others = line(4, "other", namespace="apps"), line(5, "debugged", level="debug", name="web")
    add_controller(found, "ours", "tagline-system", "tagline", line(2, "second"), *others)
    return found


@pytest.fixture
def call(cluster: ReadableCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return command_line(cluster, monkeypatch, capsys)


def test_lines_of_all_controllers_come_in_the_order_of_their_times(call: CommandLine) -> None:
    assert call("logs") == (
        0,
        (
            "2026-01-05T10:01:00.000Z info ImagePolicy/app.flux-system - first \n"
            "2026-01-05T10:02:00.000Z info ImagePolicy/app.flux-system - second \n"
            "2026-01-05T10:03:00.000Z error GitRepository/app.flux-system - third gone\n"
            "2026-01-05T10:05:00.000Z debug ImagePolicy/web.flux-system - debugged \n"
        ),
        "",
    )


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["-A"], ["first", "second", "third", "other", "debugged"]),
        (["-n", "apps"], ["other"]),
        (["--level", "error"], ["third"]),
        (["--kind", "gitrepository"], ["third"]),
        (["--name", "web"], ["debugged"]),
        (["--flux-namespace", "tagline-system"], ["second", "debugged"]),
    ],
)
def test_lines_are_chosen(call: CommandLine, flags: list[str], words: list[str]) -> None:
    assert [line.split(" - ")[1].split()[0] for line in call("logs", *flags)[1].splitlines()] == words


def test_the_server_is_asked_for_no_more_than_is_wanted(call: CommandLine, cluster: ReadableCluster) -> None:
    call("logs", "--tail", "5", "--since", "1m500ms", "--flux-namespace", "tagline-system")
    call("logs", "--since-time", "2026-01-05T10:00:00Z", "--flux-namespace", "tagline-system")
    asked = [{name: value for name, value in query.items() if value} for query in cluster.log_queries]
    assert asked == [
        {"container": "manager", "tailLines": "5", "sinceSeconds": "61"},
        {"container": "manager", "sinceTime": "2026-01-05T10:00:00Z"},
    ]


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--since-time", "yesterday"], "--since-time 'yesterday' is no time of RFC 3339"),
        (["--since-time", "2026-01-05T10:00:00Z", "--since", "1m"], "exclude each other"),
        (["manager"], "✗ no argument required\n"),
        (["--level", "loud"], "unsupported log level 'loud', must be one of: debug, info, error"),
        (["--flux-namespace", "empty"], '✗ no Flux pods found in namespace "empty"\n'),
    ],
)
def test_what_cannot_be_asked_is_said(call: CommandLine, flags: list[str], text: str) -> None:
    status, out, err = call("logs", *flags)
    assert (status, out) == (1, "")
    assert text in err


def test_a_time_that_is_none_is_refused_before_a_log_is_read(call: CommandLine, cluster: ReadableCluster) -> None:
    assert call("logs", "--since-time", "yesterday")[0] == 1
    assert cluster.log_queries == []


def test_a_pod_that_has_no_log_keeps_no_other_back(call: CommandLine, cluster: ReadableCluster) -> None:
    cluster.logs["flux-1"] = Invalid("read", 'container "manager" is waiting to start', status=400)
    status, out, err = call("logs")
    assert status == 0
    assert "second" in out
    assert err == '⚠️  log of pod flux-1: container "manager" is waiting to start\n'
    cluster.logs["ours-1"] = cluster.logs["flux-1"]
    assert call("logs")[0] == 1


def test_who_may_not_read_logs_is_told_what_is_missing(call: CommandLine, cluster: ReadableCluster) -> None:
    text = 'pods "flux-1" is forbidden: User "u" cannot get resource "pods/log" in API group ""'
    cluster.logs["flux-1"] = Forbidden("read", text, status=403)
    assert call("logs") == (1, "", f"✗ {text}\n")


def test_who_may_not_look_into_our_namespace_reads_the_logs_of_flux(
    call: CommandLine, cluster: ReadableCluster
) -> None:
    cluster.failures["list deployments tagline-system/"] = Forbidden("list", "no", status=403)
    status, out, err = call("logs")
    assert (status, err) == (0, "")
    assert "first" in out


def test_several_pods_are_followed_at_once(call: CommandLine, cluster: ReadableCluster) -> None:
    status, out, _ = call("logs", "--follow")
    assert status == 0
    assert {"first", "second", "third", "debugged"} <= set(out.split())
    assert {query["follow"] for query in cluster.log_queries} == {"true"}


def test_a_line_cannot_move_a_cursor(call: CommandLine, cluster: ReadableCluster) -> None:
    cluster.logs["flux-1"] = [line(1, "\x1b[2Jcleared")]
    assert "- \\x1b[2Jcleared" in call("logs")[1]
