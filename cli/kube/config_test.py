"""Flags, files, environment and pod: which connection they come to, and what is said of those that come to none."""

import json
import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.kube.config import ConnectionOptions, load
from cli.kube.connection import Connection
from cli.kube.deadline import Deadline
from controllers.runtime.kube.errors import NotConfigured

PEM = "-----BEGIN CERTIFICATE-----\nhush\n-----END CERTIFICATE-----\n"
DATA = b64encode(PEM.encode()).decode()


def named(section: str, **entries: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, section: content} for name, content in entries.items()]


def kubeconfig(user: Mapping[str, Any] | None = None, cluster: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "clusters": named("cluster", c1={"server": "https://one.example:6443", **(cluster or {})}),
        "users": named("user", u1=user or {"token": "hush"}),
        "contexts": named("context", x1={"cluster": "c1", "user": "u1", "namespace": "apps"}),
        "current-context": "x1",
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".kube").mkdir()
    return tmp_path


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def read(
    home: Path,
    content: object = None,
    options: ConnectionOptions | None = None,
    environ: Mapping[str, str] | None = None,
) -> Connection:
    if content is not None:
        write(home / ".kube" / "config", content)
    account = str(home / "account")
    return load(options or ConnectionOptions(), {"HOME": str(home), **(environ or {})}, service_account=account)


def authorization(connection: Connection) -> str:
    return connection.credentials.identity(Deadline(5)).authorization


def test_the_default_file(home: Path) -> None:
    connection = read(home, kubeconfig())
    assert (connection.server, connection.namespace) == ("https://one.example:6443", "apps")
    assert authorization(connection) == "Bearer hush"
    assert "hush" not in repr(connection)


def test_yaml_as_people_write_it(home: Path) -> None:
    text = """
    # a comment
    apiVersion: v1
    kind: Config
    current-context: x
    clusters: [{name: c, cluster: {server: 'https://h/prefix/', extensions: [{name: e, extension: {a: 1}}]}}]
    users:
    - name: u
      user: {username: me, password: 'pa:ss'}
    contexts:
    - {name: x, context: {cluster: c, user: u}}
    preferences: {}
    """
    connection = read(home, text)
    assert (connection.server, connection.namespace) == ("https://h/prefix", "")
    assert authorization(connection) == "Basic " + b64encode(b"me:pa:ss").decode()


def test_files_are_merged_and_the_first_one_counts(home: Path) -> None:
    other = kubeconfig({"token": "other"}, cluster={"server": "https://two.example"})
    other["contexts"] += named("context", x2={"cluster": "c2", "user": "u1"})
    other["clusters"] += named("cluster", c2={"server": "https://three.example"})
    other["current-context"] = "x2"
    first = {**kubeconfig(), "current-context": ""}
    paths = [write(home / "a", first), home / "missing", write(home / "b", other)]
    connection = read(home, environ={"KUBECONFIG": ":".join(map(str, paths)) + ":"})
    assert (connection.server, authorization(connection)) == ("https://three.example", "Bearer hush")
    chosen = read(home, options=ConnectionOptions(context="x1"), environ={"KUBECONFIG": ":".join(map(str, paths))})
    assert chosen.server == "https://one.example:6443"


def test_files_are_named_relative_to_their_kubeconfig(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home / "elsewhere"
    folder.mkdir()
    (folder / "ca.crt").write_text(PEM)
    (folder / "token").write_text("from-file\n")
    write(folder / "config", kubeconfig({"tokenFile": "token"}, cluster={"certificate-authority": "ca.crt"}))
    monkeypatch.chdir(home)
    connection = read(home, environ={"KUBECONFIG": "elsewhere/config"})
    assert connection.trust.authority == PEM.encode()
    assert authorization(connection) == "Bearer from-file"


def test_flags_replace_what_files_say(home: Path) -> None:
    (home / "ca.crt").write_text(PEM)
    content = kubeconfig(cluster={"certificate-authority-data": DATA, "tls-server-name": "old.example"})
    content["clusters"] += named("cluster", c2={"server": "https://two.example"})
    content["users"] += named("user", u2={"token": "two"})
    flags = ConnectionOptions(cluster="c2", user="u2", server="https://flag.example", token="flag")
    connection = read(home, content, flags)
    assert (connection.server, authorization(connection)) == ("https://flag.example", "Bearer flag")
    assert connection.namespace == "apps"
    assert authorization(read(home, content, replace(flags, token=""))) == "Bearer two"
    trust = read(home, content, ConnectionOptions(insecure_skip_tls_verify=True)).trust
    assert (trust.insecure, trust.authority, trust.server_name) == (True, b"", "old.example")
    trust = read(home, content, ConnectionOptions(server="https://x", certificate_authority=str(home / "ca.crt"))).trust
    assert (trust.insecure, trust.authority, trust.server_name) == (False, PEM.encode(), "")
    pair = ConnectionOptions(client_certificate=str(home / "ca.crt"), client_key=str(home / "ca.crt"))
    identity = read(home, kubeconfig({"client-certificate-data": "x", "client-key-data": "x"}), pair)
    assert identity.credentials.identity(Deadline(5)).certificate == PEM.encode()
    assert not read(home, content, ConnectionOptions(disable_compression=True)).compress
    assert read(home, content).compress


def test_a_server_and_a_token_need_no_file(home: Path) -> None:
    connection = read(home, options=ConnectionOptions(server="localhost:8080/", token="t"))
    assert (connection.server, authorization(connection)) == ("http://localhost:8080", "Bearer t")


def test_impersonation(home: Path) -> None:
    flags = ConnectionOptions(as_user="jane", as_groups=("a", "b"), as_uid="7", as_user_extra=("a.b/C=1=2", "d=é"))
    assert read(home, kubeconfig(), flags).headers == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-a.b%2Fc", "1=2"),
        ("Impersonate-Extra-d", "é"),
    )


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (ConnectionOptions(as_groups=("a",)), "need --as"),
        (ConnectionOptions(as_user="a\r\nX: y"), "control characters"),
        (ConnectionOptions(as_user="a", as_groups=(" b",)), "no blanks around them"),
        (ConnectionOptions(as_user="a", as_user_extra=("b",)), "KEY=VALUE"),
        (ConnectionOptions(token="a b"), "--token has white space in it"),
        (ConnectionOptions(kubeconfig="/nope"), "kubeconfig /nope does not exist; name another with --kubeconfig"),
        (ConnectionOptions(cluster="nope"), 'cluster "nope" does not exist .*config'),
        (ConnectionOptions(user="nope"), 'user "nope" does not exist .*; see --user'),
        (ConnectionOptions(context="nope"), '^context "nope" does not exist$'),
        (ConnectionOptions(certificate_authority="/nope"), "certificate-authority in /nope cannot be read: No such"),
    ],
)
def test_flags_that_cannot_be_used(home: Path, flags: ConnectionOptions, error: str) -> None:
    with pytest.raises(NotConfigured, match=error):
        read(home, kubeconfig(), flags)


def changed(**top: Any) -> dict[str, Any]:
    return {**kubeconfig(), **top}


def with_cluster(name: str, value: object) -> dict[str, Any]:
    return kubeconfig(cluster={name: value})


BAD_FILES = {
    "not-yaml": ("{a: b: c}", "config is not YAML: .*; correct the file"),
    "binary": ("\0", "config is not YAML"),
    "half": ("{", "config is not YAML"),
    "nested": ("[" * 300_000, "config is not YAML: it is nested too deeply; correct the file"),
    "list": ("[1]", "is not a mapping with clusters"),
    "entry": (changed(clusters=[1]), "entry 1 of clusters must have a name"),
    "twice": (changed(clusters=2 * named("cluster", c1={})), 'two clusters named "c1"'),
    "number": (with_cluster("server", 5), 'cluster "c1": server must be a text'),
    "no-user": (changed(users=[]), 'context "x1" names the user "u1", which is not among its users; add it'),
    "no-cluster": (changed(clusters=[]), 'context "x1" names the cluster "c1", which is not among its clusters'),
    "no-context": (changed(**{"current-context": "y"}), '^context "y" does not exist$'),
    "no-current": (changed(**{"current-context": ""}), r"no current-context; choose one with --context \(x1\)"),
    "empty": ({}, r"has no current-context; .*\(it has none\)"),
    "no-server": (with_cluster("server", ""), "leads to no server"),
    "scheme": (with_cluster("server", "ftp://h"), "write it as https://HOST:PORT"),
    "port": (with_cluster("server", "https://h:x"), "write it as https://HOST:PORT"),
    "line-break": (with_cluster("server", "https://h/\r\nX: y"), "write it as https://HOST:PORT"),
    "ca": (with_cluster("certificate-authority", "nope"), "/.kube/nope cannot be read"),
    "ca-data": (with_cluster("certificate-authority-data", "%"), "certificate-authority-data is not base64"),
    "both": (
        kubeconfig(cluster={"certificate-authority-data": DATA, "insecure-skip-tls-verify": True}),
        "has both certificate-authority and insecure-skip-tls-verify",
    ),
    "flag": (with_cluster("insecure-skip-tls-verify", "yes"), "must be true or false"),
    "socks": (with_cluster("proxy-url", "socks5://me:hush@p:1"), "names a proxy of another kind than HTTP"),
    "proxy": (with_cluster("proxy-url", "http://"), "proxy-url is not the URL of a proxy"),
    "no-key": (kubeconfig({"client-certificate-data": DATA}), "without a client-key"),
    "no-certificate": (kubeconfig({"client-key-data": DATA}), "without a client-certificate"),
    "token": (kubeconfig({"token": "hush\nhush"}), "token has a line break in it"),
    "login": (kubeconfig({"username": "a\0", "password": "hush"}), "username has a control character"),
    "auth-provider": (kubeconfig({"auth-provider": {"name": "gcp"}}), "replace it by an exec plugin"),
}


@pytest.mark.parametrize(("content", "error"), BAD_FILES.values(), ids=BAD_FILES)
def test_files_that_cannot_be_used(home: Path, content: object, error: str) -> None:
    with pytest.raises(NotConfigured, match=error) as caught:
        read(home, content)
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_kubeconfig(home: Path) -> None:
    with pytest.raises(NotConfigured, match="cannot be read: Is a directory"):
        read(home, environ={"KUBECONFIG": str(home)})


def test_nothing_at_all(home: Path) -> None:
    with pytest.raises(NotConfigured) as caught:
        read(home)
    assert str(caught.value) == (
        "no cluster to talk to: there is no kubeconfig (~/.kube/config) and no service account of a pod; "
        "name one with --kubeconfig, KUBECONFIG or --server, or run inside a cluster"
    )


def test_a_pod(home: Path) -> None:
    account = home / "account"
    account.mkdir()
    for name, text in {"token": "pod\n", "ca.crt": PEM, "namespace": "flux-system\n"}.items():
        (account / name).write_text(text)
    pod = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    connection = read(home, environ=pod)
    assert (connection.server, connection.namespace) == ("https://[fd00::1]:6443", "flux-system")
    assert (authorization(connection), connection.trust.authority) == ("Bearer pod", PEM.encode())
    (account / "token").write_text("rotated")
    assert connection.credentials.renew()
    assert authorization(connection) == "Bearer rotated"
    assert not connection.credentials.renew()
    flagged = read(home, options=ConnectionOptions(server="https://flag", token="t"), environ=pod)
    assert (flagged.server, authorization(flagged)) == ("https://flag", "Bearer t")
    assert read(home, kubeconfig(), environ=pod).server == "https://one.example:6443", "a kubeconfig comes first"


def test_a_token_file_that_cannot_be_read(home: Path) -> None:
    connection = read(home, kubeconfig({"tokenFile": "nope"}))
    with pytest.raises(NotConfigured, match=r"the token in .*/nope cannot be read: No such file"):
        authorization(connection)
    assert authorization(read(home, kubeconfig({"tokenFile": "nope", "token": "old"}))) == "Bearer old"


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({"HTTPS_PROXY": "p:3128"}, "http://p:3128"),
        ({"https_proxy": "https://me:hush@p"}, "https://me:hush@p"),
        ({"HTTP_PROXY": "http://p"}, ""),
        ({"ALL_PROXY": "http://p"}, ""),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "a, .example"}, ""),
    ],
)
def test_proxies_of_the_environment(home: Path, environ: dict[str, str], proxy: str) -> None:
    connection = read(home, kubeconfig(), environ=environ)
    assert connection.proxy == proxy
    assert "hush" not in repr(connection)
    own = read(home, kubeconfig(cluster={"proxy-url": "http://own"}), environ=environ)
    assert own.proxy == "http://own"


def test_home_may_be_unset(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    write(home / ".kube" / "config", kubeconfig())
    assert load(ConnectionOptions(), {}, service_account=os.devnull).namespace == "apps"
