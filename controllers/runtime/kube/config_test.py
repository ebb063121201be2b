import base64
import json
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from controllers.runtime.kube.config import FileToken, load_config
from controllers.runtime.kube.errors import NotConfigured
from testing.certificates import create_authority
from testing.clock import VirtualClock


@pytest.fixture(scope="module")
def pair() -> tuple[bytes, bytes]:
    """Return a self-signed certificate and its key, PEM."""
    made = create_authority("test")
    return made.certificate, made.key


@pytest.fixture
def account(tmp_path: Path, pair: tuple[bytes, bytes]) -> Path:
    (tmp_path / "token").write_text("first\n")
    (tmp_path / "ca.crt").write_bytes(pair[0])
    (tmp_path / "namespace").write_text("flux-system")
    return tmp_path


IN_CLUSTER = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}


async def test_in_cluster(account: Path) -> None:
    config = load_config(environ=IN_CLUSTER, service_account=account)
    assert (config.server, config.namespace) == ("https://10.0.0.1:6443", "flux-system")
    assert config.tls is not None
    assert config.tls.verify_mode is ssl.CERT_REQUIRED
    assert config.credentials is not None
    assert await config.credentials.authorization() == "Bearer first"
    assert "first" not in repr(config)


def test_in_cluster_with_ipv6(account: Path) -> None:
    config = load_config(environ={"KUBERNETES_SERVICE_HOST": "fd00::1"}, service_account=account)
    assert config.server == "https://[fd00::1]:443"


def test_missing_service_account_says_what_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="automountServiceAccountToken"):
        load_config(environ=IN_CLUSTER, service_account=tmp_path)


def test_no_cluster_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(NotConfigured, match="set KUBECONFIG"):
        load_config(environ={})


async def test_token_file_is_read_again_after_a_minute_or_when_refused(tmp_path: Path) -> None:
    clock = VirtualClock()
    path = tmp_path / "token"
    path.write_text("first")
    token = FileToken(path, clock)
    path.write_text("second")
    await clock.advance(59)
    assert await token.authorization() == "Bearer first"
    assert await token.authorization(renew=True) == "Bearer second"
    path.write_text("third")
    await clock.advance(60)
    assert await token.authorization() == "Bearer third"


@pytest.mark.parametrize("content", [None, ""], ids=["missing", "empty"])
async def test_last_token_is_kept_while_the_file_is_being_replaced(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "token"
    path.write_text("first")
    token = FileToken(path, VirtualClock())
    path.unlink()
    if content is not None:
        path.write_text(content)
    assert await token.authorization(renew=True) == "Bearer first"


def kubeconfig(directory: Path, user: dict[str, object], **cluster: object) -> str:
    path = directory / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://api.example.com:6443/", **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(content))
    return str(path)


async def test_kubeconfig_with_token_and_ca(tmp_path: Path, pair: tuple[bytes, bytes]) -> None:
    ca = base64.b64encode(pair[0]).decode()
    path = kubeconfig(tmp_path, {"token": "secret"}, **{"certificate-authority-data": ca, "tls-server-name": "other"})
    config = load_config(path, environ=IN_CLUSTER)
    assert (config.server, config.namespace) == ("https://api.example.com:6443", "team")
    assert (config.server_name, config.proxy) == ("other", "")
    assert config.credentials is not None
    assert await config.credentials.authorization() == "Bearer secret"
    assert config.tls is not None
    assert [dict(entry[0] for entry in c["subject"])["commonName"] for c in config.tls.get_ca_certs()] == ["test"]  # type: ignore[misc]
    assert "secret" not in repr(config)


def test_kubeconfig_variable_wins_over_the_pod(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, {"token": "t"})
    assert load_config(environ={**IN_CLUSTER, "KUBECONFIG": path}).server == "https://api.example.com:6443"


def test_kubeconfig_with_client_certificate(tmp_path: Path, pair: tuple[bytes, bytes]) -> None:
    certificate, key = (base64.b64encode(pem).decode() for pem in pair)
    path = kubeconfig(tmp_path, {"client-certificate-data": certificate, "client-key-data": key})
    config = load_config(path)
    assert config.credentials is None
    assert config.tls is not None


def test_kubeconfig_may_skip_verification(tmp_path: Path) -> None:
    config = load_config(kubeconfig(tmp_path, {}, **{"insecure-skip-tls-verify": True}))
    assert config.tls is not None
    assert (config.tls.verify_mode, config.tls.check_hostname) == (ssl.CERT_NONE, False)


def test_proxy_comes_from_the_kubeconfig_not_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://env.example.com:3128")
    assert load_config(kubeconfig(tmp_path, {})).proxy == ""
    path = kubeconfig(tmp_path, {}, **{"proxy-url": "http://proxy.example.com:3128"})
    assert load_config(path).proxy == "http://proxy.example.com:3128"


async def test_kubeconfig_with_exec_plugin_runs_it_again_when_refused(tmp_path: Path) -> None:
    plugin, count = tmp_path / "plugin", tmp_path / "count"
    status = '"status":{"token":"token-%s"}'
    plugin.write_text(
        "#!/bin/sh\n"
        f"echo x >> {count}\n"
        f'printf \'{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",{status}}}\' '
        f"$(wc -l < {count})\n"
    )
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    run = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    clock = VirtualClock()
    config = load_config(kubeconfig(tmp_path, {"exec": run}), clock=clock)
    assert config.credentials is not None
    first = await config.credentials.authorization()
    await clock.advance(3600)
    assert await config.credentials.authorization() == first  # it has not expired
    assert await config.credentials.authorization(renew=True) != first


@pytest.mark.parametrize(
    "content",
    [None, "]", "{}", '{"current-context": "x"}', "5"],
    ids=["missing", "not-yaml", "empty", "no-contexts", "scalar"],
)
def test_unusable_kubeconfig_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "broken"
    if content is not None:
        path.write_text(content)
    with pytest.raises(NotConfigured, match="broken"):
        load_config(str(path))


WITHOUT_THE_PACKAGE = """
import sys

class Missing:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "kubernetes":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""


def test_in_a_pod_nothing_of_the_kubernetes_package_is_imported(account: Path) -> None:
    code = (
        f"{WITHOUT_THE_PACKAGE}\nfrom pathlib import Path\nfrom controllers.runtime.kube.client import KubeClient\n"
        f"from controllers.runtime.kube.config import load_config\n"
        f"config = load_config(environ={IN_CLUSTER!r}, service_account=Path({str(account)!r}))\n"
        f"KubeClient(config, user_agent='test')\nprint(config.server)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("https://10.0.0.1:6443\n", "")


def test_a_kubeconfig_without_the_package_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_THE_PACKAGE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path.cwd()}")
    (tmp_path / "config").write_text("{}")
    with pytest.raises(
        NotConfigured, match=r"is not installed, as in tagline's image; unset KUBECONFIG.*tagline\[kube"
    ):
        load_config(environ={"KUBECONFIG": str(tmp_path / "config")})
