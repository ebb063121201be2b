"""How the command line names an object, and finds a cluster without the `kubernetes` package."""

import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from cli.cluster import parse_key, read_cluster
from controllers.runtime.key import Key
from controllers.runtime.kube.config import ClusterConfig
from controllers.runtime.kube.errors import NotConfigured
from testing.certificates import create_authority


@pytest.mark.parametrize(
    ("text", "key"),
    [
        pytest.param("apps/web", Key("apps", "web"), id="namespace"),
        pytest.param("web", Key("default", "web"), id="default-namespace"),
    ],
)
def test_key_has_a_namespace(text: str, key: Key) -> None:
    assert parse_key(text) == key


def write(path: Path, *, user: dict[str, Any], **cluster: Any) -> str:
    """Write a kubeconfig of one context."""
    content = {
        "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": "https://cluster.example.com:6443/", **cluster}}],
        "users": [{"name": "me", "user": user}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me", "namespace": "apps"}}],
    }
    path.write_text(json.dumps(content))
    return str(path)


def plugin(folder: Path) -> dict[str, Any]:
    """Return a user whose plugin gives another token each time."""
    script = folder / "plugin"
    script.write_text(
        '#!/bin/sh\necho x >>"$0.calls"\n'
        'printf \'{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"t%s"}}\' '
        '"$(wc -l <"$0.calls" | tr -d " ")"\n'
    )
    script.chmod(0o755)
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "command": str(script), "interactiveMode": "Never",
        }
    }  # fmt: skip


async def test_a_kubeconfig_with_a_token(tmp_path: Path) -> None:
    path = write(tmp_path / "config", user={"token": "s3cret"}, **{"tls-server-name": "kubernetes"})
    found = read_cluster(path, {"HTTPS_PROXY": "http://proxy.example.com:3128"})
    assert (found.server, found.namespace, found.server_name) == (
        "https://cluster.example.com:6443", "apps", "kubernetes",
    )  # fmt: skip
    assert found.tls is not None
    assert found.tls.verify_mode is ssl.CERT_REQUIRED
    assert found.proxy == "http://proxy.example.com:3128"
    assert await authorization(found) == "Bearer s3cret"
    assert "s3cret" not in repr(found)


async def test_a_plugin_is_asked_anew_once_for_all_whose_token_was_refused(tmp_path: Path) -> None:
    found = read_cluster(write(tmp_path / "config", user=plugin(tmp_path)), {"PATH": "/usr/bin:/bin"})
    assert await authorization(found) == "Bearer t1"
    assert await authorization(found) == "Bearer t1"
    assert await authorization(found, renew=True) == "Bearer t2"


def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    made = create_authority("test")
    (tmp_path / "cert").write_bytes(made.certificate)
    (tmp_path / "key").write_bytes(made.key)
    user = {"client-certificate": "cert", "client-key": "key"}
    found = read_cluster(write(tmp_path / "config", user=user), {})
    assert found.credentials is None
    assert found.tls is not None


def test_a_plugin_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "aws-iam-nobody",
            "interactiveMode": "Never",
        }
    }
    with pytest.raises(NotConfigured, match=r"aws-iam-nobody cannot be run: .*kubectl create token"):
        read_cluster(write(tmp_path / "config", user=user), {"PATH": str(tmp_path)})


def test_files_of_the_environment_are_merged(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text('{"current-context": "it"}')
    write(second, user={"token": "t"})
    assert read_cluster("", {"KUBECONFIG": f"{first}:{second}"}).namespace == "apps"


def test_no_cluster_at_all(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="no cluster to talk to"):
        read_cluster("", {"HOME": str(tmp_path)})


async def authorization(config: ClusterConfig, *, renew: bool = False) -> str:
    assert config.credentials
    return await config.credentials.authorization(renew=renew)
