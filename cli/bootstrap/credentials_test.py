import base64
import io
from pathlib import Path
from typing import Any

import pytest

from api.names import SECRETS
from cli.bootstrap import credentials
from cli.bootstrap.credentials import SourceSecret
from cli.grammar.session import Failed
from controllers.git.remote import Basic, Bearer, SshKey
from testing.bootstrap_flags import flags, wishes
from testing.cluster import FakeCluster, session_on

SSH: dict[str, Any] = {"url": "ssh://git@git.test:2222/org/fleet", "token_auth": False}
KNOWN = "[git.test]:2222 ssh-ed25519 AAAA"


class Typed(io.StringIO):
    """What somebody types at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Return the hosts that were asked for their keys."""
    asked: list[tuple[str, int]] = []

    def scan(host: str, port: int, *, timeout: float) -> str:
        asked.append((host, port))
        return KNOWN

    monkeypatch.setattr("cli.creation.secrets.sshkey.scan_host_key", scan)
    return asked


def ask(environ: dict[str, str] | None = None, **given: Any) -> str:
    with session_on(FakeCluster()) as (session, _):
        session.environ = environ or {}
        return credentials.ask_password(session, flags(**given))


def test_a_password_is_taken_from_flag_environment_or_prompt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask({"GIT_PASSWORD": "env"}, password="flag") == "flag"
    assert ask({"GIT_PASSWORD": "env"}) == "env"
    assert capsys.readouterr().out == ""
    monkeypatch.setattr("sys.stdin", io.StringIO("typed\n"))
    assert ask() == "typed"
    assert capsys.readouterr().out == "Please enter your Git repository password: "
    with pytest.raises(Failed, match="could not read token: could not read from stdin: EOF"):
        ask()


def test_nobody_is_asked_for_what_is_not_needed() -> None:
    assert ask(token_auth=False) == ""
    assert ask(export=True) == ""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"username": "me"}, Basic("me", "hunter2")),
        ({"with_bearer_token": True}, Bearer("hunter2")),
    ],
)
def test_this_command_logs_in_as_the_flags_say(given: dict[str, Any], expected: object) -> None:
    remote = credentials.remote_of(wishes(**given, proxy="http://u:p@proxy.test:3128"), None, seconds=5)
    assert remote.credentials == expected
    assert remote.proxy
    assert remote.proxy.address == "http://proxy.test:3128"
    assert remote.timeout.total_seconds() == 5


def test_by_ssh_it_uses_the_clusters_key() -> None:
    source = SourceSecret({"identity": "key", "known_hosts": KNOWN, "password": "pw"}, is_new=False)
    remote = credentials.remote_of(wishes(password="", **SSH), source, seconds=5)
    assert (remote.url, remote.user) == ("ssh://git.test:2222/org/fleet", "git")
    assert remote.credentials == SshKey("key", KNOWN, "pw")


def test_a_bad_proxy_is_told_by_its_flag() -> None:
    with pytest.raises(Failed, match="--proxy: "):
        credentials.remote_of(wishes(proxy="nonsense"), None, seconds=5)


def test_the_secret_for_a_token_has_the_login_and_the_authority(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("PEM")
    asked = wishes(ca_file=str(tmp_path / "ca.pem"))
    assert credentials.for_token(asked) == {"username": "git", "password": "hunter2", "ca.crt": "PEM"}
    assert credentials.for_token(wishes(with_bearer_token=True)) == {"bearerToken": "hunter2"}
    with pytest.raises(Failed, match="unable to read TLS CA file: open /nowhere"):
        credentials.for_token(wishes(ca_file="/nowhere"))


def test_a_key_that_is_there_is_kept(scanned: list[tuple[str, int]]) -> None:
    existing = {"identity": "key", "identity.pub": "pub", "known_hosts": KNOWN}
    source = credentials.for_ssh(wishes(password="", **SSH), existing, timeout=5)
    assert (source.data, source.is_new, source.is_generated) == (existing, False, False)
    assert scanned == []
    moved = credentials.for_ssh(wishes(password="", **SSH), existing | {"known_hosts": "other AAAA"}, timeout=5)
    assert (moved.data, moved.is_new, moved.is_generated) == (existing, True, False)
    assert scanned == [("git.test", 2222)]


def test_a_new_key_is_made_where_there_is_none(scanned: list[tuple[str, int]]) -> None:
    source = credentials.for_ssh(wishes(password="", **SSH, ssh_key_algorithm="ed25519"), None, timeout=5)
    assert (source.is_new, source.is_generated) == (True, True)
    assert source.public_key.startswith("ssh-ed25519 ")
    assert source.data["known_hosts"] == KNOWN
    assert "PRIVATE" not in repr(source)


def test_who_sits_at_a_terminal_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = SourceSecret({"identity.pub": "ssh-ed25519 AAAA\n"}, is_new=True, is_generated=True)
    asked = wishes(password="", **SSH)
    monkeypatch.setattr("sys.stdin", Typed("\n"))
    credentials.wait_for_access(asked, source)
    assert "press Enter" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", Typed(""))
    with pytest.raises(Failed, match="nobody answered"):
        credentials.wait_for_access(asked, source)
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    with pytest.raises(Failed, match=r"deploy keys of ssh://git@git.test:2222/org/fleet.*again with --yes.*Secret"):
        credentials.wait_for_access(asked, source)
    credentials.wait_for_access(wishes(password="", **SSH, yes=True), source)


def test_a_secret_holds_what_it_should_and_nothing_else() -> None:
    cluster = FakeCluster()
    old = {"bearerToken": base64.b64encode(b"old").decode()}
    metadata = {"name": "s", "namespace": "n", "labels": {"a": "b"}}
    cluster.put(SECRETS, {"metadata": metadata, "data": old, "type": "Opaque"})
    with session_on(cluster) as (session, _):
        credentials.apply_secret(session, "n", "s", {"password": "new"})
        credentials.apply_secret(session, "n", "fresh", {"password": "new"})
    for name in ("s", "fresh"):
        stored = cluster.stored(SECRETS, "n", name)
        assert stored
        assert stored["data"] == {"password": base64.b64encode(b"new").decode()}
    kept = cluster.stored(SECRETS, "n", "s")
    assert kept
    assert kept["metadata"]["labels"] == {"a": "b"}


@pytest.mark.parametrize("password", ["gehe\nim", "gehe\x00im", "gehe\udcffim"])
def test_a_password_that_cannot_be_sent_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(
        Failed, match=r"failed to create authentication options for .*'(password|bearerToken)'"
    ) as caught:
        credentials.remote_of(wishes(password=password, with_bearer_token=True), None, seconds=5)
    assert "gehe" not in str(caught.value)


@pytest.mark.parametrize(
    ("present", "given", "why"),
    [
        ({"config.json": "x"}, {}, "holds something else"),
        ({"config.json": "x"}, SSH | {"private_key_file": "key"}, "holds something else"),
        ({"username": "git", "password": "x"}, {"token_auth": False}, "no SSH key.*--token-auth"),
        ({"githubAppID": "1"}, SSH, "no SSH key"),
        ({"username": "git", "password": "x"}, {}, ""),
        ({"identity": "x", "known_hosts": "y"}, SSH, ""),
        ({}, {}, ""),
        (None, SSH, ""),
    ],
)
def test_a_secret_that_is_not_a_login_of_ours_is_not_replaced(
    present: dict[str, str] | None, given: dict[str, Any], why: str
) -> None:
    if not why:
        credentials.refuse_login_of_others(wishes(**given), present)
        return
    with pytest.raises(Failed, match=rf"Secret flux-system/flux-system is there and .*{why}.*--secret-name"):
        credentials.refuse_login_of_others(wishes(**given), present)
