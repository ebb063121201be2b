"""A Kubernetes control plane on loopback: etcd, kube-apiserver and kube-controller-manager, with RBAC.

There are no nodes: Deployments are stored and never run. The controllers run beside it as local processes with the
credentials of their own ServiceAccounts. Namespace deletion, garbage collection and ServiceAccounts work as in any
cluster. With `for_node` it is the control plane of a cluster with a node (`hack.env.node`): all of Kubernetes'
controllers run, the API server talks to the kubelet, and there are credentials for the node's programs.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hack.env import pki, process, tools

CONTROLLERS = ",".join(
    f"{name}-controller" for name in ("garbage-collector", "namespace", "serviceaccount", "serviceaccount-token")
)
NODE_USERS = {
    "kubelet": ("system:node:tagline-node", "system:nodes"),
    "proxy": ("system:kube-proxy", ""),
    "scheduler": ("system:kube-scheduler", ""),
}
"""By the name of their kubeconfig: user and group."""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A running control plane: `kubeconfig` has cluster-admin rights."""

    server: str
    kubeconfig: Path
    authority: Path
    processes: tuple[process.Process, ...]


def start(
    folder: Path,
    *,
    address: str = process.LOOPBACK,
    for_node: str = "",
    controllers: str = CONTROLLERS,
    server_flags: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> ControlPlane:
    """Start the three programs in `folder` and return when the API server is ready (about 3 seconds).

    address: where the API server listens. for_node: the address of the node that the cluster is to have.
    controllers: those of Kubernetes that run, where there is no node. server_flags: further ones of the API server
    env: further variables of the programs
    """
    bins = tools.ensure("etcd", "kube-apiserver", "kube-controller-manager")
    ca = pki.new_authority("tagline-local")
    ca_file = folder / "ca.crt"
    ca_file.write_bytes(ca.certificate_pem())
    etcd_port, peer_port, manager_port = process.free_ports(3)
    (port,) = process.free_ports(1, address)
    server = f"https://{address}:{port}"
    with ExitStack() as started:  # what runs already is stopped when the rest does not come up
        etcd = _start_etcd(bins["etcd"], folder, etcd_port, peer_port, env)
        started.callback(process.stop, etcd)
        process.wait_until(process.http_probe(f"http://127.0.0.1:{etcd_port}/health"), etcd)
        token = secrets.token_hex(16)
        _write_tokens(folder, server, ca_file, token, for_node=bool(for_node))
        more = _for_node(folder, ca, for_node) if for_node else _WITHOUT_NODE
        api = _start_api_server(
            bins["kube-apiserver"],
            folder,
            ca,
            address=address,
            port=port,
            etcd=f"http://127.0.0.1:{etcd_port}",
            more=(*more, *server_flags),
            env=env,
        )
        started.callback(process.stop, api)
        kubeconfig = write_kubeconfig(folder / "kubeconfig", server, ca_file, token)
        process.wait_until(process.http_probe(f"{server}/readyz", authority=ca_file, token=token, below=300), api)
        manager = _start_manager(
            bins["kube-controller-manager"],
            folder,
            ca,
            kubeconfig,
            port=manager_port,
            controllers="*" if for_node else controllers,
            env=env,
        )
        started.callback(process.stop, manager)
        process.wait_until(process.http_probe(f"https://127.0.0.1:{manager_port}/healthz", authority=ca_file), manager)
        started.pop_all()
    return ControlPlane(server, kubeconfig, ca_file, (manager, api, etcd))


def _write_tokens(folder: Path, server: str, authority: Path, admin: str, *, for_node: bool) -> None:
    """Write who has which token; and for the programs of a node, kubeconfigs."""
    rows = [f'{admin},admin,1,"system:masters"\n']
    for name, (user, group) in NODE_USERS.items() if for_node else ():
        token = secrets.token_hex(16)
        rows.append(f'{token},{user},{name},"{group}"\n')
        write_kubeconfig(folder / f"{name}.kubeconfig", server, authority, token)
    pki.write_secret(folder / "tokens.csv", "".join(rows).encode())


_WITHOUT_NODE: tuple[object, ...] = ("--authorization-mode", "RBAC", "--endpoint-reconciler-type", "none")


def _for_node(folder: Path, ca: pki.Authority, node: str) -> tuple[object, ...]:
    """Issue the certificates between API server and kubelet; return the API server's flags."""
    ca.issue("kubelet", folder, addresses=(node,))
    crt, key = ca.issue("kubelet-client", folder, organization="system:masters")
    return (
        "--authorization-mode", "Node,RBAC", "--enable-admission-plugins", "NodeRestriction",
        "--kubelet-client-certificate", crt, "--kubelet-client-key", key,
        "--kubelet-certificate-authority", folder / "ca.crt", "--kubelet-preferred-address-types", "InternalIP",
    )  # fmt: skip


def write_kubeconfig(path: Path, server: str, authority: Path, token: str, namespace: str = "default") -> Path:
    """Write a kubeconfig (JSON is YAML) for one bearer token."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tagline", "cluster": {"server": server, "certificate-authority": str(authority)}}],
        "users": [{"name": "tagline", "user": {"token": token}}],
        "contexts": [{"name": "tagline", "context": {"cluster": "tagline", "user": "tagline", "namespace": namespace}}],
        "current-context": "tagline",
    }
    pki.write_secret(path, json.dumps(content, indent=1).encode())
    return path


def _start_etcd(
    program: Path, folder: Path, port: int, peer_port: int, env: Mapping[str, str] | None
) -> process.Process:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    command = [
        program, "--data-dir", folder / "etcd", "--listen-client-urls", client, "--advertise-client-urls", client,
        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
        "--unsafe-no-fsync",
    ]  # fmt: skip
    return process.start("etcd", command, folder, env)


def _start_api_server(
    program: Path,
    folder: Path,
    ca: pki.Authority,
    *,
    address: str,
    port: int,
    etcd: str,
    more: tuple[object, ...],
    env: Mapping[str, str] | None,
) -> process.Process:
    names = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
    crt, key = ca.issue("apiserver", folder, names, addresses=(address,))
    sa_key = pki.signing_key(folder / "sa.key")
    command = [
        program, "--etcd-servers", etcd, "--secure-port", port, "--bind-address", address,
        "--advertise-address", address, "--tls-cert-file", crt, "--tls-private-key-file", key,
        "--client-ca-file", folder / "ca.crt", "--token-auth-file", folder / "tokens.csv",
        "--service-account-issuer", "https://kubernetes.default.svc",
        "--service-account-key-file", sa_key, "--service-account-signing-key-file", sa_key,
        "--service-cluster-ip-range", "10.96.0.0/16",
        "--cert-dir", folder / "certs", *more,
    ]  # fmt: skip
    return process.start("kube-apiserver", command, folder, env)


def _start_manager(
    program: Path,
    folder: Path,
    ca: pki.Authority,
    kubeconfig: Path,
    *,
    port: int,
    controllers: str,
    env: Mapping[str, str] | None,
) -> process.Process:
    crt, key = ca.issue("manager", folder)
    command = [
        program, "--kubeconfig", kubeconfig, "--controllers", controllers, "--leader-elect=false",
        "--use-service-account-credentials=false", "--service-account-private-key-file", folder / "sa.key",
        "--root-ca-file", folder / "ca.crt", "--secure-port", port, "--bind-address", "127.0.0.1",
        "--tls-cert-file", crt, "--tls-private-key-file", key, "--concurrent-namespace-syncs", "20",
        "--cert-dir", folder / "certs",
    ]  # fmt: skip
    return process.start("kube-controller-manager", command, folder, env)
