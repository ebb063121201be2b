"""From flags, environment and files to a `Connection`: which API server, as whom, through which proxy.

Flags, files and their precedence are kubectl's: a kubeconfig first, then the pod's service account; what a flag says
replaces what a file says. `ConnectionOptions` has a field for each of those flags.
"""

import os
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from cli.kube.connection import Connection, Credentials, Identity, Trust
from cli.kube.credentials import FixedIdentity, TokenFile, read_file, with_password, with_token
from cli.kube.impersonation import impersonation_headers
from cli.kube.kubeconfig import Entry, Kubeconfig, flag, read, text
from cli.kube.proxies import check_proxy, proxy_from_environment
from controllers.runtime.kube.errors import NotConfigured

SERVICE_ACCOUNT_DIR: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
_AUTHORITY: Final = "certificate-authority"


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """The flags that kubectl has for the connection; what is empty was not given."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    server: str = ""
    token: str = field(default="", repr=False)
    as_user: str = ""
    as_groups: tuple[str, ...] = ()
    as_uid: str = ""
    as_user_extra: tuple[str, ...] = ()
    """Each `KEY=VALUE`; a key may be repeated."""
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    disable_compression: bool = False
    cache_dir: str = ""
    """Accepted and not used: nothing is cached."""


def load(
    options: ConnectionOptions, environ: Mapping[str, str], *, service_account: str = SERVICE_ACCOUNT_DIR
) -> Connection:
    """Return what the flags, KUBECONFIG, ~/.kube/config or the pod say. Reads files; runs no plugin yet.

    Raises NotConfigured, with one sentence: what is wrong in which file, or what was looked for and what to set.
    """
    if options.kubeconfig:
        merged = read([options.kubeconfig], required=True)
    else:
        merged = read(default_paths(environ), required=False)
    context = merged.context(options.context)
    cluster = _with_flags(merged.cluster(options.cluster, context), options)
    user = merged.user(options.user, context)
    if merged.is_empty and environ.get("KUBERNETES_SERVICE_HOST") and os.path.exists(f"{service_account}/token"):
        cluster, user, context = _in_pod(cluster, options, environ, service_account)
    server = _server(cluster, merged, environ)
    trust = _trust(cluster)
    return Connection(
        server=server,
        namespace=text(context, "namespace"),
        trust=trust,
        credentials=_credentials(user, options, cluster, environ),
        proxy=_proxy(cluster, server, environ),
        headers=impersonation_headers(options.as_user, options.as_groups, options.as_uid, options.as_user_extra),
        compress=not (options.disable_compression or flag(cluster, "disable-compression")),
    )


def default_paths(environ: Mapping[str, str]) -> list[str]:
    """Return the kubeconfig files that are read where no flag names one."""
    if listed := environ.get("KUBECONFIG"):
        return [path for path in dict.fromkeys(listed.split(os.pathsep)) if path]
    home = environ.get("HOME") or os.path.expanduser("~")
    return [os.path.join(home, ".kube", "config")]


def _with_flags(cluster: Entry, options: ConnectionOptions) -> Entry:
    """Return a cluster with the flags instead of what its file says."""
    content: dict[str, Any] = dict(cluster.content)
    if options.server:
        content["server"] = options.server
    if options.server or options.tls_server_name:
        # The name in the file belongs to the server in the file.
        content["tls-server-name"] = options.tls_server_name
    if options.insecure_skip_tls_verify or options.certificate_authority:
        content[f"{_AUTHORITY}-data"] = ""
        content[_AUTHORITY] = options.certificate_authority
        content["insecure-skip-tls-verify"] = options.insecure_skip_tls_verify
    return Entry(content, cluster.source or "the flags")


def _in_pod(
    cluster: Entry, options: ConnectionOptions, environ: Mapping[str, str], folder: str
) -> tuple[Entry, Entry, Entry]:
    """Return cluster, user and context of the service account that this pod runs as."""
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT") or "443"
    content = {"server": f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"}
    if os.path.exists(f"{folder}/ca.crt"):
        content[_AUTHORITY] = f"{folder}/ca.crt"
    source = f"the service account in {folder}"
    namespace = ""
    if os.path.exists(f"{folder}/namespace"):
        namespace = read_file(f"{folder}/namespace", "the namespace").decode("utf-8", "replace").strip()
    pod = _with_flags(Entry({**content, **cluster.content}, source), options)
    return pod, Entry({"tokenFile": f"{folder}/token"}, source), Entry({"namespace": namespace}, source)


def _server(cluster: Entry, merged: Kubeconfig, environ: Mapping[str, str]) -> str:
    """Return the server's URL as requests and messages need it. Raises NotConfigured."""
    address = text(cluster, "server").strip()
    if not address:
        raise NotConfigured(_nothing_found(merged, environ))
    # kubectl's own default; a host alone is meant for tests with `kubectl proxy`.
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        fit = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        parts, fit = urlsplit(""), False
    if not fit or not (address.isascii() and address.isprintable()) or " " in address:
        raise NotConfigured(f"{cluster.source}: server is not a URL; write it as https://HOST:PORT")
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def _nothing_found(merged: Kubeconfig, environ: Mapping[str, str]) -> str:
    advice = "name one with --kubeconfig, KUBECONFIG or --server, or run inside a cluster"
    if not merged.files:
        looked = environ.get("KUBECONFIG") or "~/.kube/config"
        return f"no cluster to talk to: there is no kubeconfig ({looked}) and no service account of a pod; {advice}"
    files = ", ".join(merged.files)
    if merged.current_context:
        return f"no cluster to talk to: the context in {files} leads to no server; correct it or choose --context"
    known = ", ".join(sorted(merged.contexts)) or "it has none"
    return f"no cluster to talk to: {files} has no current-context; choose one with --context ({known})"


def _trust(cluster: Entry) -> Trust:
    insecure = flag(cluster, "insecure-skip-tls-verify")
    authority, source = _pem(cluster, _AUTHORITY)
    if insecure and authority:
        raise NotConfigured(
            f"{cluster.source} has both {_AUTHORITY} and insecure-skip-tls-verify; remove the one that is not meant"
        )
    return Trust(authority, source, insecure, text(cluster, "tls-server-name"))


def _pem(entry: Entry, name: str) -> tuple[bytes, str]:
    """Return what `NAME-data` holds, else the file that `NAME` names, and where it is from, for messages."""
    if data := text(entry, f"{name}-data"):
        try:
            return b64decode("".join(data.split()), validate=True), f"{entry.source}: {name}-data"
        except ValueError:
            raise NotConfigured(f"{entry.source}: {name}-data is not base64") from None
    path = text(entry, name)
    return (read_file(path, f"{entry.source}: {name}"), path) if path else (b"", "")


def _credentials(user: Entry, options: ConnectionOptions, cluster: Entry, environ: Mapping[str, str]) -> Credentials:
    files = {"client-certificate": options.client_certificate, "client-key": options.client_key}
    for name, path in files.items():
        if path:
            user = Entry({**user.content, name: path, f"{name}-data": ""}, user.source or "the flags")
    pair = _key_pair(user)
    if options.token:
        return FixedIdentity(with_token(pair, options.token, "--token"))
    token = text(user, "token")
    if path := text(user, "tokenFile"):
        return TokenFile(path, otherwise=token, certificate=pair)
    if token:
        return FixedIdentity(with_token(pair, token, f"{user.source}: token"))
    if username := text(user, "username"):
        return FixedIdentity(with_password(pair, username, text(user, "password"), user.source))
    if user.content.get("exec") is not None:
        from cli.kube.execplugin import ExecPlugin  # noqa: PLC0415 -- only for those who have a plugin

        return ExecPlugin(user, cluster=_cluster_info(cluster), otherwise=pair, environ=environ)
    if user.content.get("auth-provider") is not None:
        raise NotConfigured(
            f"{user.source} has an auth-provider, which Kubernetes has removed; replace it by an exec plugin, such as "
            "gke-gcloud-auth-plugin or kubelogin"
        )
    return FixedIdentity(pair)


def _key_pair(user: Entry) -> Identity:
    certificate, source = _pem(user, "client-certificate")
    key, _ = _pem(user, "client-key")
    if bool(certificate) != bool(key):
        there, missing = ("client-certificate", "client-key") if certificate else ("client-key", "client-certificate")
        raise NotConfigured(f"{user.source} has a {there} without a {missing}; add it")
    return Identity("", certificate, key, source)


def _cluster_info(cluster: Entry) -> Mapping[str, Any]:
    """Return what an exec plugin is told of the cluster (`Cluster` of client.authentication.k8s.io)."""
    authority = text(cluster, f"{_AUTHORITY}-data")
    if not authority and (path := text(cluster, _AUTHORITY)):
        from base64 import b64encode  # noqa: PLC0415 -- for few

        authority = b64encode(read_file(path, _AUTHORITY)).decode()
    extensions = cluster.content.get("extensions")
    told = {
        "server": text(cluster, "server"),
        "tls-server-name": text(cluster, "tls-server-name"),
        "insecure-skip-tls-verify": flag(cluster, "insecure-skip-tls-verify"),
        "certificate-authority-data": authority,
        "proxy-url": text(cluster, "proxy-url"),
        "config": next(
            (
                entry.get("extension")
                for entry in (extensions if isinstance(extensions, list) else [])
                if isinstance(entry, dict) and entry.get("name") == "client.authentication.k8s.io/exec"
            ),
            None,
        ),
    }
    return {name: value for name, value in told.items() if value}


def _proxy(cluster: Entry, server: str, environ: Mapping[str, str]) -> str:
    if url := text(cluster, "proxy-url"):
        return check_proxy(url, f"{cluster.source}: proxy-url")
    return proxy_from_environment(urlsplit(server), environ)
