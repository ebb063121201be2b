"""`cli.getting`: `get`, in a pipe, on a terminal, as documents, and while things change."""

import json
import os
from collections.abc import Mapping
from typing import Any

import pytest

from api.names import GIT_REPOSITORIES, IMAGE_POLICIES, IMAGE_REPOSITORIES, IMAGE_UPDATE_AUTOMATIONS
from cli.getting.selection import Selection
from cli.main import main
from controllers.runtime.kube.errors import Forbidden, Gone, NotFound, Unreachable
from testing.readable_cluster import CommandLine, ReadableCluster, command_line


def policy(name: str, *, namespace: str = "flux-system", **fields: Any) -> dict[str, Any]:
    metadata = {
        "name": name, "namespace": namespace, "labels": fields.pop("labels", {}),
        "creationTimestamp": "2020-01-05T10:00:00Z", "managedFields": [{"manager": "x"}],
    }  # fmt: skip
    spec = {
        "imageRepositoryRef": {"name": name, "namespace": "images"},
        "policy": {"semver": {"range": ">=1"}},
        "filterTags": {"pattern": "^v", "extract": "$x"},
    }
    return {"metadata": metadata, "spec": spec, **fields}


def ready(status: str, message: str, type: str = "Ready") -> dict[str, Any]:
    return {"conditions": [{"type": type, "status": status, "message": message}]}


@pytest.fixture
def cluster() -> ReadableCluster:
    found = ReadableCluster()
    chosen = ready("True", "chosen") | {"latestRef": {"name": "ghcr.io/org/app", "tag": "1.2.3"}}
    found.put(IMAGE_POLICIES, policy("app", status=chosen, labels={"team": "web"}))
    found.put(IMAGE_POLICIES, policy("web", status=ready("False", "version list\nis empty")))
    found.put(IMAGE_POLICIES, policy("new", namespace="apps"))
    return found


@pytest.fixture
def call(cluster: ReadableCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return command_line(cluster, monkeypatch, capsys)


def test_a_pipe_gets_the_table_that_scripts_know(call: CommandLine) -> None:
    assert call("get", "images", "policy") == (
        0,
        (
            "NAME\tIMAGE          \tTAG  \tREADY\tMESSAGE      \n"
            "app \tghcr.io/org/app\t1.2.3\tTrue \tchosen      \t\n"
            "web \t               \t     \tFalse\tversion list\t\n"
            "    \t               \t     \t     \tis empty    \t\n"
        ),
        "",
    )


def test_all_namespaces_have_a_column(call: CommandLine) -> None:
    _, out, _ = call("get", "image", "policy", "-A", "--no-header")
    assert [line.split("\t")[:2] for line in out.splitlines()] == [
        ["apps       ", "new"], ["flux-system", "app"], ["flux-system", "web"], ["           ", "   "],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("ready=false", ["web"]), ("READY!=False", ["app"]), ("stalled!=true", ["app", "web"]), ("stalled=true", []),
    ],
)  # fmt: skip
def test_objects_are_chosen_by_their_conditions(call: CommandLine, selector: str, names: list[str]) -> None:
    _, out, _ = call("get", "images", "policy", "--status-selector", selector)
    assert [line.split()[0] for line in out.splitlines() if line[0] != " "] == ["NAME", *names]


def test_a_selector_that_is_none_is_refused_before_anything_is_asked(
    call: CommandLine, cluster: ReadableCluster
) -> None:
    status, _, err = call("get", "images", "policy", "--status-selector", "bogus")
    assert status == 1
    assert err == "✗ expected status selector in type=status or type!=status format, but found: bogus\n"
    assert call("get", "images", "policy", "-w", "--status-selector", "bogus")[0] == 1
    assert cluster.requests == []


def test_of_several_names_those_are_shown_that_exist(call: CommandLine) -> None:
    status, out, err = call("get", "images", "policy", "web", "ap", "zz", "app", "--no-header")
    assert status == 1
    assert [line.split()[0] for line in out.splitlines()] == ["app", "web", "is"]
    assert err == (
        "✗ ImagePolicy object 'ap' not found in \"flux-system\" namespace\n"
        "✗ ImagePolicy object 'zz' not found in \"flux-system\" namespace\n"
    )


def test_a_mistyped_name_is_set_right(call: CommandLine, cluster: ReadableCluster) -> None:
    cluster.put(IMAGE_POLICIES, policy("podinfo"))
    assert call("get", "images", "policy", "podnifo", "-A") == (
        1, "", "✗ ImagePolicy object 'podnifo' not found in any namespace; did you mean \"podinfo\"?\n"
    )  # fmt: skip


def test_nothing_at_all_is_a_failure(call: CommandLine) -> None:
    assert call("get", "images", "update", "-n", "apps") == (
        1, "", '✗ no ImageUpdateAutomation objects found in "apps" namespace\n'
    )  # fmt: skip


def test_a_kind_that_is_not_installed_is_named(call: CommandLine, cluster: ReadableCluster) -> None:
    cluster.failures["list imagepolicies flux-system/"] = NotFound("list", "404 page not found", status=404)
    expected = '✗ no matches for kind "ImagePolicy" in version "image.toolkit.fluxcd.io/v1"\n'
    assert call("get", "images", "policy") == (1, "", expected)
    assert call("get", "images", "policy", "-o", "json") == (1, "", expected)
    assert call("get", "images", "all") == (0, "", "")


def test_of_all_kinds_one_that_cannot_be_read_keeps_none_back(call: CommandLine, cluster: ReadableCluster) -> None:
    cluster.put(IMAGE_UPDATE_AUTOMATIONS, policy("flux", status=ready("True", "up-to-date")))
    cluster.failures["list imagerepositories flux-system/"] = Forbidden("list", "gone away", status=403)
    status, out, err = call("get", "images", "all")
    assert status == 0
    assert [line.split()[0] for line in out.split("\n") if line.startswith("image")] == [
        "imagepolicy/app", "imagepolicy/web", "imageupdateautomation/flux",
    ]  # fmt: skip
    assert out.count("\n\n") == 2
    assert "gone away" in err
    status, out, _ = call("get", "images", "all", "-o", "name")
    assert (status, len(out.splitlines())) == (1, 3)  # who reads it by a program is told


def test_a_server_that_is_away_is_said_once(call: CommandLine, cluster: ReadableCluster) -> None:
    for plural in ("imagerepositories", "imagepolicies", "imageupdateautomations"):
        cluster.failures[f"list {plural} flux-system/"] = Unreachable("list", "gone away")
    for output in ((), ("-o", "json")):
        status, out, err = call("get", "images", "all", *output)
        assert (status, out, err.count("gone away")) == (1, "", 1)


def test_sources_come_first_of_all(call: CommandLine, cluster: ReadableCluster) -> None:
    revision = f"main@sha1:{'0123456789' * 4}"
    status = ready("True", f"stored artifact for revision '{revision}'") | {"artifact": {"revision": revision}}
    cluster.put(GIT_REPOSITORIES, {"metadata": {"name": "fleet", "namespace": "flux-system"}, "status": status})
    _, out, _ = call("get", "all", "--no-header")
    assert out.splitlines()[0].split("\t") == [
        "gitrepository/fleet", "main@sha1:01234567", "False", "True",
        "stored artifact for revision 'main@sha1:01234567'", "",
    ]  # fmt: skip
    assert out.splitlines()[2].startswith("imagepolicy/app")


def test_json_of_one_name_is_the_object_and_of_more_a_list(call: CommandLine) -> None:
    one = json.loads(call("get", "images", "policy", "app", "-o", "json")[1])
    assert (one["kind"], one["metadata"]["name"]) == ("ImagePolicy", "app")
    assert "managedFields" not in one["metadata"]
    several = json.loads(call("get", "images", "policy", "-o", "json")[1])
    assert (several["kind"], [item["metadata"]["name"] for item in several["items"]]) == ("List", ["app", "web"])
    assert json.loads(call("get", "images", "policy", "--status-selector=x=y", "-ojson")[1])["items"] == []


def test_yaml_and_names_are_those_of_kubectl(call: CommandLine) -> None:
    _, out, _ = call("get", "images", "policy", "app", "-o", "yaml")
    assert out.startswith("apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata:\n")
    assert call("get", "images", "policy", "-o", "name")[1] == (
        "imagepolicy.image.toolkit.fluxcd.io/app\nimagepolicy.image.toolkit.fluxcd.io/web\n"
    )
    status, out, err = call("get", "images", "policy", "-o", "toml")
    assert (status, out) == (1, "")
    assert "unsupported output format 'toml', must be one of: json, yaml, name, wide" in err


def test_wide_tables_say_how_and_how_old(call: CommandLine) -> None:
    header, row, *_ = call("get", "images", "policy", "-o", "wide")[1].splitlines()
    cells = dict(zip(header.split("\t"), row.split("\t"), strict=False))
    found = {title.strip(): cell.strip() for title, cell in cells.items()}
    assert found["REPOSITORY"] == "images/app"
    assert found["POLICY"] == "semver >=1"
    assert found["FILTER"] == "^v → $x"
    assert found["AGE"].endswith(("y", "d"))


@pytest.mark.parametrize(
    ("kind", "resource", "obj", "expected"),
    [
        ("repository", IMAGE_REPOSITORIES, {"spec": {"image": "ghcr.io/org/app"}, "status": {"lastScanResult":
            {"tagCount": 12}}}, {"IMAGE": "ghcr.io/org/app", "TAGS": "12"}),
        ("update", IMAGE_UPDATE_AUTOMATIONS, {"spec": {"sourceRef": {"name": "fleet"}, "git": {"checkout": {"ref":
            {"branch": "main"}}}}, "status": {"lastPushCommit": "0123456789abcdef"}},
            {"SOURCE": "fleet", "BRANCH": "main", "LAST COMMIT": "01234567"}),
    ],
)  # fmt: skip
def test_each_kind_has_wide_columns_of_its_own(
    call: CommandLine, cluster: ReadableCluster, kind: str, resource: Any, obj: dict[str, Any],
    expected: Mapping[str, str],
) -> None:  # fmt: skip
    cluster.put(resource, {"metadata": {"name": "x", "namespace": "flux-system"}} | obj)
    header, row = call("get", "images", kind, "-o", "wide")[1].splitlines()
    found = {title.strip(): cell.strip() for title, cell in zip(header.split("\t"), row.split("\t"), strict=False)}
    assert expected.items() <= found.items()


def test_a_terminal_gets_columns_without_tabs_and_colours(call: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    _, out, _ = call("get", "images", "policy")
    assert "\t" not in out
    assert "app   ghcr.io/org/app  1.2.3  \x1b[32mTrue \x1b[0m  chosen\n" in out


def test_a_watch_prints_what_is_there_and_what_changes_until_the_time_is_over(
    call: CommandLine, cluster: ReadableCluster
) -> None:
    cluster.steps = [
        lambda found: found.put(IMAGE_POLICIES, policy("late", status=ready("True", "here"))),
        lambda found: found.set_status(IMAGE_POLICIES, "flux-system", "web", **ready("True", "better")),
        lambda found: found.remove(IMAGE_POLICIES, "flux-system", "app"),
    ]
    status, out, err = call("get", "images", "policy", "--watch")
    assert (status, err) == (1, "✗ timed out waiting for the condition\n")
    assert out.splitlines() == [
        "NAME\tIMAGE          \tTAG  \tREADY\tMESSAGE ",
        "app \tghcr.io/org/app\t1.2.3\tTrue \tchosen \t",
        "web\t\t\tFalse\tversion list\t",
        "   \t\t\t     \tis empty    \t",
        "late\t\t\tTrue\there\t",
        "web\t\t\tTrue\tbetter\t",
        "app\tghcr.io/org/app\t1.2.3\tTrue\tchosen\t",
    ]


def test_a_terminal_is_told_what_is_gone(
    call: CommandLine, cluster: ReadableCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    cluster.steps = [lambda found: found.remove(IMAGE_POLICIES, "flux-system", "app")]
    _, out, _ = call("get", "images", "policy", "-w")
    assert out.splitlines()[-1].split() == ["app", "ghcr.io/org/app", "1.2.3", "Deleted", "chosen"]


def test_a_watch_that_the_server_has_forgotten_tells_only_what_is_new(
    call: CommandLine, cluster: ReadableCluster
) -> None:
    def forget(found: Any) -> None:
        found.put(IMAGE_POLICIES, policy("late", status=ready("True", "here")))
        raise Gone("watch", "too old", status=410)

    cluster.steps = [forget]
    status, out, _ = call("get", "images", "policy", "-w", "--no-header")
    assert status == 1
    assert [line.split()[0] for line in out.splitlines() if line[0] != " "] == ["app", "web", "late"]


def test_several_kinds_are_watched_at_once(call: CommandLine, cluster: ReadableCluster) -> None:
    cluster.put(IMAGE_REPOSITORIES, policy("app", status=ready("True", "scanned")))
    status, out, err = call("get", "images", "all", "-w")
    assert (status, err) == (1, "✗ timed out waiting for the condition\n")
    assert {"imagerepository/app", "imagepolicy/app", "imagepolicy/web"} <= set(out.split())


def test_a_kind_that_cannot_be_watched_keeps_none_back(call: CommandLine, cluster: ReadableCluster) -> None:
    cluster.failures["list imagerepositories flux-system/"] = Forbidden("list", "not for you", status=403)
    cluster.failures["list imageupdateautomations flux-system/"] = NotFound("list", "404 page not found", status=404)
    status, out, err = call("get", "images", "all", "-w")
    assert status == 1
    assert "imagepolicy/app" in out
    assert err.splitlines() == ["✗ not for you", "✗ timed out waiting for the condition"]


def test_ctrl_c_ends_a_watch_without_a_traceback(call: CommandLine, cluster: ReadableCluster) -> None:
    def interrupt(found: Any) -> None:
        raise KeyboardInterrupt

    cluster.steps = [interrupt]
    status, out, err = call("get", "images", "policy", "-w", "-o", "name")
    assert (status, err) == (130, "interrupted\n")
    assert out.splitlines()[0] == "imagepolicy.image.toolkit.fluxcd.io/app"


def test_documents_are_watched_one_by_one(call: CommandLine, cluster: ReadableCluster) -> None:
    _, out, _ = call("get", "images", "policy", "-w", "-o", "yaml", "--status-selector", "ready=true")
    assert out.count("---\n") == 1
    assert "name: app\n" in out


def test_a_watch_ends_when_nobody_reads_any_more(
    call: CommandLine, cluster: ReadableCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()

    def leave(found: Any) -> None:
        os.close(reader)
        found.set_status(IMAGE_POLICIES, "flux-system", "web", **ready("True", "better"))

    cluster.steps = [leave, lambda found: pytest.fail("it goes on")]
    with open(writer, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        status = main(["get", "images", "policy", "-w"])
        monkeypatch.undo()
    assert status == 0


def test_standard_output_that_is_closed_is_said(call: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    assert call("get", "images", "policy")[::2] == (1, "standard output is closed\n")


def test_a_name_with_a_comma_is_a_name() -> None:
    assert Selection(("a,b=c",), "apps", labels="", status="").fields == r"metadata.name=a\,b\=c"
