"""Installs an image in any cluster as users do, and runs the end-to-end tests against its pods.

`python -m hack.deployed IMAGE` does so in the cluster of KUBECONFIG, with the registries and the Git host that the
`E2E_*` variables name (docs/development.md); E2E_HOST has to be an address of this machine at which pods reach the
tests' own servers. `--node ARCHIVE` does so on a node of this machine (`hack.env.node`), which is started for it. A
kind cluster shares all of it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from api.kinds import RECONCILED
from hack.controllers import NAMESPACE, ROOT, Kubectl, wait_for_crds
from hack.env import environment
from hack.env.process import LOOPBACK

PUBLISHED = "ghcr.io/tagline/tagline"
ROLLOUT_SECONDS = 180
DEPLOYMENTS = tuple(kind.component for kind in RECONCILED)
FILES = (
    "imagerepository_test.py",
    "imagepolicy_test.py",
    "imageupdateautomation_test.py",
    "journeys_test.py",
    "policy_rules_test.py",
    "compare_links_test.py",
    "git_gitea_test.py",
    "git_extensions_test.py",
    "git_signing_test.py",
    "git_ssh_test.py",
    "git_chaos_test.py",
    "cli_create_test.py",
    "flux_cli_test.py",
    "badinputs_test.py",
    "canary_test.py",
    "costly_keys_test.py",
    "crash_inputs_test.py",
    "git_openssh_test.py",
    "git_looks_test.py",
    "git_unwanted_test.py",
    "git_sha256_test.py",
    "git_transport_test.py",
    "kubectl_test.py",
    "monitoring_test.py",
    "prometheus_test.py",
    "pull_requests_test.py",
    "reach_test.py",
    "registry_access_test.py",
    "registry_faults_test.py",
    "registry_identity_test.py",
    "spec_edits_test.py",
    "tenancy_test.py",
    "walkthrough_test.py",
    "attack_silent_test.py",
    "drip_test.py",
    "dripping_git_test.py",
    "hostile_commits_test.py",
    "hostile_objects_test.py",
    "isolation_test.py",
    "outage_test.py",
    "shared_keys_test.py",
    "git_elsewhere_test.py",
    "attack_hooks_test.py",
    "receiver_automations_test.py",
    "receiver_component_test.py",
    "receiver_registry_test.py",
    "receiver_test.py",
    "traces_test.py",
)
"""Of e2e/: all that a cluster can run. The tests' own servers listen at E2E_HOST; flags are set on the Deployments."""

_KILLED = "it kills processes by their ids, at chosen moments (pods are killed in e2e/node)"
_NO_CONTROLLERS = "it looks at command line, manifests or API server; no controller of ours takes part"
_NO_CLUSTER = "it is about `tagline automate`, which does without a cluster"
_OF_THE_TEST = "what it runs of a controller is in the test's own process"
_OWN_CLUSTER = "it starts clusters, processes or containers of its own"
LEFT_OUT = {
    "apifaults_test.py": _OWN_CLUSTER,
    "argocd_test.py": _OWN_CLUSTER,
    "automate_test.py": _NO_CLUSTER,
    "beside_flux_test.py": _OWN_CLUSTER,
    "chart_test.py": _OWN_CLUSTER,
    "cli_bootstrap_test.py": _OWN_CLUSTER,
    "cli_golden_test.py": _OWN_CLUSTER,
    "cli_install_test.py": _OWN_CLUSTER,
    "cli_kube_test.py": _NO_CONTROLLERS,
    "components_test.py": _NO_CONTROLLERS,
    "crash_test.py": _KILLED,
    "crds_test.py": _NO_CONTROLLERS,
    "demo_test.py": _OWN_CLUSTER,
    "embedded_api_test.py": _NO_CONTROLLERS,
    "flux_engines_test.py": _OWN_CLUSTER,
    "forge_gitea_test.py": _OF_THE_TEST,
    "git_identity_test.py": "its process has stand-ins for clouds in place of their SDKs, which no image has",
    "history_test.py": _NO_CONTROLLERS,
    "image_test.py": _OWN_CLUSTER,
    "leader_test.py": "it runs two processes of a kind, and kills one (for pods: e2e/node/replicas_test.py)",
    "modelled_test.py": _KILLED,
    "one_process_test.py": "its controllers share one process, as those of no Deployment of the manifests do",
    "plugins_test.py": _NO_CONTROLLERS,
    "pod_security_test.py": _NO_CONTROLLERS,
    "preview_odd_files_test.py": _NO_CLUSTER,
    "preview_proof_test.py": _OWN_CLUSTER,
    "pull_requests_chaos_test.py": _NO_CLUSTER,
    "runtime_client_test.py": _OF_THE_TEST,
    "runtime_lifecycle_test.py": _OF_THE_TEST,
    "scenarios_test.py": _OWN_CLUSTER,
    "shards_test.py": "its shards are processes; as Deployments they would take an installation of their own",
    "stored_versions_test.py": "it replaces the CRDs by older ones, under whatever else runs in the cluster",
}
"""The other files of e2e/, and why they are not run against pods."""


_PLAIN_HTTP = """patches:
- target:
    kind: Deployment
    name: image(repository|policy)-controller
  patch: |
    - op: add
      path: /spec/template/spec/containers/0/args/-
      value: --registry-plain-http=private
"""
"""The registries of the tests have no TLS, and stand at private addresses."""


def kustomization(image: str, *, manifests: str, components: Sequence[str] = (), plain_http: bool = False) -> str:
    """Return a kustomization of the manifests that changes nothing but the image. image: `name:tag`.

    plain_http: let the controllers try plain HTTP at private addresses, too.
    """
    name, _, tag = image.rpartition(":")
    lines = [
        "apiVersion: kustomize.config.k8s.io/v1beta1",
        "kind: Kustomization",
        f"resources: [{manifests}]",
        f"images: [{{name: {PUBLISHED}, newName: {name}, newTag: {tag}}}]",
        f"components: [{', '.join(f'{manifests}/components/{c}' for c in components)}]",
    ]
    return "\n".join(lines) + "\n" + (_PLAIN_HTTP if plain_http else "")


def install(kubectl: Kubectl, image: str, *, components: Sequence[str] = (), plain_http: bool = False) -> None:
    """Apply the manifests with another image and return when the pods are ready. Raises KubectlFailed."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "manifests").symlink_to(ROOT / "manifests")
        (Path(folder) / "kustomization.yaml").write_text(
            kustomization(image, manifests="manifests", components=components, plain_http=plain_http)
        )
        rendered = kubectl("kustomize", folder).stdout
    kubectl("apply", "-f", "-", stdin=rendered)
    wait_for_crds(kubectl)
    wait_for_rollouts(kubectl)


def wait_for_rollouts(kubectl: Kubectl) -> None:
    """Return when all Deployments have their new pods. Raises KubectlFailed after three minutes."""
    for name in DEPLOYMENTS:
        kubectl("rollout", "status", "-n", NAMESPACE, f"deployment/{name}", f"--timeout={ROLLOUT_SECONDS}s")


def on_node(archive: Path, pytest_arguments: Sequence[str]) -> int:
    """Start a node, run the tests on it, stop it; return pytest's exit status."""
    folder = Path(tempfile.mkdtemp(prefix="tagline-deployed-"))
    try:
        started = environment.up(folder / "env", node=True)
        try:
            assert started.node
            (image,) = started.node.load_image(archive)
            install(Kubectl(started.kubectl, started.kubeconfig), image, plain_http=True)
            return run(started.variables(), pytest_arguments)
        finally:
            environment.down(started)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(variables: Mapping[str, str], pytest_arguments: Sequence[str]) -> int:
    """Run the tests on what the variables name; return pytest's exit status."""
    print(f"{len(FILES)} files of e2e/; {len(LEFT_OUT)} do not run against pods, as hack/deployed.py says", flush=True)
    files = [str(ROOT / "e2e" / name) for name in FILES]
    command = [sys.executable, "-m", "pytest", "-q", *pytest_arguments, *files]
    env = {**os.environ, **variables, "E2E_CONTROLLERS": "deployed"}
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Install, run the tests, and return pytest's exit status."""
    parser = argparse.ArgumentParser(prog="python -m hack.deployed", description=__doc__)
    parser.add_argument("image", help="name:tag of an image that the cluster's nodes have or can pull")
    parser.add_argument("--node", action="store_true", help="IMAGE is an archive, for a node that is started for it")
    options, rest = parser.parse_known_args(arguments)
    if options.node:
        return on_node(Path(options.image), rest)
    if (os.environ.get("E2E_HOST") or LOOPBACK).startswith("127."):
        parser.error("E2E_HOST has to name an address of this machine that pods reach")
    kubectl = Kubectl(Path(os.environ.get("KUBECTL", "kubectl")), Path(os.environ["KUBECONFIG"]))
    install(kubectl, options.image, plain_http=True)
    return run({}, rest)


if __name__ == "__main__":
    sys.exit(main())
