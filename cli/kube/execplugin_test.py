"""Exec plugins: what they are told, what of their answers counts, and what is said when they fail."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from cli.kube.connection import Identity
from cli.kube.deadline import Deadline, TimedOut
from cli.kube.execplugin import ExecPlugin
from cli.kube.kubeconfig import Entry
from controllers.runtime.kube.errors import NotConfigured

V1, V1BETA1 = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"


def answer(version: str = V1, **status: Any) -> str:
    return json.dumps({"kind": "ExecCredential", "apiVersion": version, "status": status})


class Clock:
    now = 1_000_000.0


class Plugin:
    """A script in a file, and the plugin that runs it."""

    def __init__(self, folder: Path, script: str, *, terminal: bool = False, **spec: Any) -> None:
        self.folder = folder
        self.clock = Clock()
        path = folder / "plugin"
        path.write_text(f"#!/bin/sh\ncd {folder}\necho run >>runs\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        content = {"exec": {"apiVersion": V1, "command": str(path), "interactiveMode": "IfAvailable", **spec}}
        self.plugin = ExecPlugin(
            Entry(content, 'kubeconfig f, user "u"'),
            cluster={"server": "https://h"},
            otherwise=Identity("", b"old", b"old-key", "f"),
            environ={"PATH": os.environ["PATH"], "A": "inherited", "B": "inherited"},
            is_terminal=lambda: terminal,
            now=lambda: self.clock.now,
        )

    def identity(self, seconds: float = 10) -> Identity:
        return self.plugin.identity(Deadline(seconds))

    @property
    def runs(self) -> int:
        return len((self.folder / "runs").read_text().splitlines())


def say(text: str) -> str:
    return f"cat <<'END'\n{text}\nEND"


@pytest.mark.parametrize("version", [V1, V1BETA1])
def test_a_token(tmp_path: Path, version: str) -> None:
    plugin = Plugin(tmp_path, say(answer(version, token="hush")), apiVersion=version)
    assert plugin.identity() == Identity("Bearer hush", b"old", b"old-key", "f")
    assert plugin.identity().authorization == "Bearer hush"
    assert plugin.runs == 1, "asked again though nothing has expired"
    assert plugin.plugin.renew()
    plugin.identity()
    assert plugin.runs == 2
    assert "hush" not in repr(plugin.identity())


def test_a_certificate_replaces_that_of_the_user(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path, say(answer(clientCertificateData="cert", clientKeyData="key")))
    found = plugin.identity()
    assert (found.authorization, found.certificate, found.key) == ("", b"cert", b"key")


@pytest.mark.parametrize("moment", ["1970-01-12T13:46:50Z", "1970-01-12T15:46:50+02:00", "1970-01-12T13:46:50.5Z"])
def test_an_answer_is_used_until_it_expires(tmp_path: Path, moment: str) -> None:
    plugin = Plugin(tmp_path, say(answer(token="hush", expirationTimestamp=moment)))
    plugin.identity()
    plugin.clock.now += 9
    plugin.identity()
    assert plugin.runs == 1
    plugin.clock.now += 2
    plugin.identity()
    assert plugin.runs == 2


@pytest.mark.parametrize("provide", [True, False])
def test_what_a_plugin_is_told(tmp_path: Path, *, provide: bool) -> None:
    script = f'echo "$KUBERNETES_EXEC_INFO" >info; echo "$A $B $@" >told; {say(answer(token="t"))}'
    env = [{"name": "B", "value": "own"}]
    plugin = Plugin(tmp_path, script, args=["x", "y z"], env=env, provideClusterInfo=provide)
    plugin.identity()
    assert (tmp_path / "told").read_text() == "inherited own x y z\n"
    told = json.loads((tmp_path / "info").read_text())
    assert (told["kind"], told["apiVersion"], told["spec"]["interactive"]) == ("ExecCredential", V1, False)
    assert told["spec"].get("cluster") == ({"server": "https://h"} if provide else None)


@pytest.mark.parametrize(
    ("mode", "terminal", "interactive"),
    [("IfAvailable", True, True), ("IfAvailable", False, False), ("Never", True, False), ("Always", True, True)],
)
def test_who_may_ask(tmp_path: Path, mode: str, *, terminal: bool, interactive: bool) -> None:
    script = f'echo "$KUBERNETES_EXEC_INFO" >info; {say(answer(token="t"))}'
    Plugin(tmp_path, script, terminal=terminal, interactiveMode=mode).identity()
    assert json.loads((tmp_path / "info").read_text())["spec"]["interactive"] is interactive


def test_stderr_is_the_users(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Plugin(tmp_path, f"echo open the browser >&2; {say(answer(token='t'))}").identity()
    assert capfd.readouterr() == ("", "open the browser\n")


FAILURES: dict[str, tuple[str, dict[str, Any], str]] = {
    "status": ("echo hush; exit 3", {}, "ended with status 3; run it by hand"),
    "hint": ("exit 1", {"installHint": "get it\n\n here"}, "ended with status 1; get it here"),
    "not-json": ("echo hush", {}, "something other than an ExecCredential"),
    "list": ("echo '[\"hush\"]'", {}, "something other than an ExecCredential"),
    "version": (say(answer(V1BETA1, token="hush")), {}, "in another version than client.authentication.k8s.io/v1"),
    "nothing": (say(answer()), {}, "neither a token nor a client certificate"),
    "half-a-pair": (say(answer(token="hush", clientKeyData="hush")), {}, "but not with both"),
    "moment": (say(answer(token="hush", expirationTimestamp="soon")), {}, "something other than an ExecCredential"),
    "token": (say(answer(token="hush hush")), {}, "has white space in it"),
    "terminal": ("", {"interactiveMode": "Always"}, "needs a terminal to ask you"),
    "missing": ("", {"command": "nope-nope", "installHint": "see the docs"}, "cannot be run: No such .*; see the docs"),
}


@pytest.mark.parametrize(("script", "spec", "error"), FAILURES.values(), ids=FAILURES)
def test_failures(tmp_path: Path, script: str, spec: dict[str, Any], error: str) -> None:
    plugin = Plugin(tmp_path, script, **spec)
    with pytest.raises(NotConfigured, match=error) as caught:
        plugin.identity()
    assert 'kubeconfig f, user "u"' in str(caught.value)
    assert "hush" not in str(caught.value)


SPECS: dict[str, tuple[dict[str, Any], str]] = {
    "version": ({"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "as apiVersion: "),
    "mode": ({"interactiveMode": None}, "as interactiveMode: Never, IfAvailable, Always"),
    "command": ({"command": ["a"]}, "must have a command"),
    "args": ({"args": [1]}, "args that are texts"),
    "env": ({"env": [{"name": "A"}]}, "each env of exec must have a name and a value"),
    "env-number": ({"env": [{"name": "A", "value": 1}]}, "each env of exec must have a name and a value"),
}


@pytest.mark.parametrize(("spec", "error"), SPECS.values(), ids=SPECS)
def test_what_a_kubeconfig_says_of_a_plugin_is_checked(tmp_path: Path, spec: dict[str, Any], error: str) -> None:
    with pytest.raises(NotConfigured, match=error):
        Plugin(tmp_path, "", **spec)


def test_v1beta1_needs_no_mode(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path, say(answer(V1BETA1, token="t")), apiVersion=V1BETA1, interactiveMode=None)
    assert plugin.identity().authorization == "Bearer t"


def test_a_plugin_that_does_not_end(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path, "exec sleep 60")
    with pytest.raises(TimedOut, match=r"ask the exec plugin .* for credentials: not done within --timeout=0\.2s"):
        plugin.identity(0.2)
