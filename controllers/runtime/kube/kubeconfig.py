"""Reads a kubeconfig with the `kubernetes` package's loader, in a child process.

The loader knows merged files, exec plugins, client certificates and old auth providers, and brings 12 MB of modules
that a controller would keep forever. So it runs in a child that answers in JSON on a pipe and ends; it runs again
when the API server refuses the credentials. Nothing secret is in the child's arguments or environment.
"""

import contextlib
import importlib
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from controllers.net.credential import fit_token
from controllers.net.library_errors import describe
from controllers.runtime.kube.errors import NotConfigured

TIMEOUT_SECONDS = 120
"""An exec plugin may ask a person."""
NOT_INSTALLED = (
    "the package that reads such files is not installed, as in tagline's image; unset KUBECONFIG to use the pod's "
    "ServiceAccount, or install tagline[kubeconfig]"
)
"""What `error` says without the package, which a pod does not need and which is larger than most others together."""


class ResolvedContext(msgspec.Struct, frozen=True):
    """What the current context of a kubeconfig resolves to; certificates and keys as PEM."""

    server: str = ""
    namespace: str = "default"
    authorization: str = ""
    """The header's value in full: `Bearer …` or `Basic …`; empty where a certificate identifies us."""
    ca: str = ""
    certificate: str = ""
    key: str = ""
    verify: bool = True
    server_name: str = ""
    proxy: str = ""
    error: str = ""
    """Why the file cannot be used; everything else is unset then."""

    def __repr__(self) -> str:
        return f"ResolvedContext({self.server})"


def resolve_kubeconfig(path: str) -> ResolvedContext:
    """Return the current context of the kubeconfig at `path`; run exec plugins. Blocks. Raises NotConfigured."""
    command = [sys.executable, "-m", "controllers.runtime.kube.kubeconfig", path]
    try:
        child = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=TIMEOUT_SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise NotConfigured(f"read kubeconfig {path}: no answer within {TIMEOUT_SECONDS} s") from error
    try:
        resolved = msgspec.json.decode(child.stdout, type=ResolvedContext)
    except msgspec.DecodeError as error:
        raise NotConfigured(f"read kubeconfig {path}: its reader ended with status {child.returncode}") from error
    if resolved.error:
        raise NotConfigured(f"read kubeconfig {path}: {resolved.error}")
    return resolved


def load_kubeconfig(path: str) -> ResolvedContext:
    """Return what `resolve_kubeconfig` does, in this process. `error` says why a file cannot be used."""
    # By name: some releases of the package are typed, others are not.
    try:
        loader: Any = importlib.import_module("kubernetes.config.kube_config")
        loaded: Any = importlib.import_module("kubernetes.client").Configuration()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "kubernetes":
            return ResolvedContext(error=NOT_INSTALLED)
        raise
    try:
        loader.load_kube_config(path, client_configuration=loaded, persist_config=False)
        _, active = loader.list_kube_config_contexts(path)
        return ResolvedContext(
            server=loaded.host.rstrip("/"),
            namespace=active["context"].get("namespace") or "default",
            authorization=_authorization(loaded.api_key),
            ca=_content(loaded.ssl_ca_cert),
            certificate=_content(loaded.cert_file),
            key=_content(loaded.key_file),
            verify=bool(loaded.verify_ssl),
            server_name=getattr(loaded, "tls_server_name", None) or "",
            proxy=_proxy_url(loader.KubeConfigMerger(path).config, active["context"]["cluster"]),
        )
    except (KeyError, TypeError, AttributeError):
        return ResolvedContext(error="it does not have the fields of a kubeconfig")
    except (loader.ConfigException, loader.yaml.YAMLError, OSError, ValueError) as error:
        said = describe(error)
        if said == type(error).__name__ and isinstance(error, ValueError):  # a library's, whose text may quote the file
            said = "a value in it cannot be read: look at its URLs and at what is base64"
        return ResolvedContext(error=said)


def _authorization(keys: Any) -> str:
    """Return the header's value. Raises UnfitCredential where no header can hold it."""
    scheme, _, token = str(keys.get("BearerToken") or keys.get("authorization") or "").strip().partition(" ")
    return f"{scheme} {fit_token(token, 'the token of the user')}" if token else scheme


class _SafeWords(logging.Handler):
    """Writes what the loader logs of an exec plugin that failed, without the plugin's own output."""

    def emit(self, record: logging.LogRecord) -> None:
        loader: Any = importlib.import_module("kubernetes.config.kube_config")
        sys.stderr.write(f"kubeconfig: {describe(loader.ConfigException(record.getMessage()))}\n")


def _proxy_url(merged: Any, cluster: str) -> str:
    """Return the cluster's `proxy-url`, which not every release of the loader reads; ignore the environment."""
    entry = merged["clusters"].get_with_name(cluster)["cluster"]
    return str(entry.safe_get("proxy-url") or "")


def _content(path: str | None) -> str:
    """Return a file's text: the loader leaves inline data in temporary files that are removed with its process."""
    return Path(path).read_text() if path else ""


def main(path: str, write: Callable[[bytes], object]) -> None:
    """Write the answer for one file."""
    logging.getLogger().addHandler(_SafeWords())
    with contextlib.redirect_stdout(sys.stderr):  # what a plugin or the loader prints must not end up in the answer
        answer = load_kubeconfig(path)
    write(msgspec.json.encode(answer))


if __name__ == "__main__":
    main(sys.argv[1], sys.stdout.buffer.write)
