"""`cli.bootstrap`: on a real API server and a real Git host, what it commits, applies and refuses, also interrupted."""

import base64
import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes without type hints

from cli.installing.build import Options
from cli.installing.inventory import NAME, Inventory, to_object
from e2e.bootstrap_world import (
    IMAGE_COMPONENTS,
    OWN_NAMESPACE,
    PATH,
    World,
    built,
    files_of,
    kill_at,
    of_flux,
    world,
)
from e2e.cluster import eventually
from e2e.git_fixtures import ssh_identity
from hack.cligolden.crds import bare
from hack.githost import Repository, git

NAMES = iter(f"fleet-{number}" for number in range(1000))
OWN = ("imagepolicy-controller", "imagerepository-controller", "imageupdateautomation-controller")
STEPS = (
    "► pushing component", "► installing components", "✔ installed components", "► applying source",
    "► pushing sync", "► applying sync", "◎ waiting for GitRepository",
)  # fmt: skip


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Yield a cluster and a Git host of this module's own."""
    folder = tmp_path_factory.mktemp("bootstrap")
    (folder / "plane").mkdir()
    with world(folder) as made:
        yield made


@pytest.fixture
def empty(here: World) -> Repository:
    """Return an empty repository; its name is that of a namespace that nobody has, too."""
    return here.host.create_repository(next(NAMES), {})


def arguments(here: World, repository: Repository, *more: str) -> tuple[str, ...]:
    return ("bootstrap", "git", *here.login(repository), "-n", repository.name, IMAGE_COMPONENTS, *more)


def argo_crd() -> dict[str, Any]:
    """Return a CRD of Applications that takes anything."""
    made = bare("Application", "applications", "argoproj.io")
    made["spec"]["versions"][0]["name"] = "v1alpha1"
    return made


def secret(here: World, namespace: str) -> dict[str, str]:
    data = here.get("Secret", namespace, "flux-system")["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def test_the_walk_throughs_own_command_works_as_typed(here: World, empty: Repository) -> None:
    command = (
        "bootstrap", "git", f"--url={empty.url}", f"--username={here.host.user}", f"--password={here.host.password}",
        "--token-auth=true", "--path=clusters/my-cluster", "--allow-insecure-http=true", "--components-extra",
        "image-reflector-controller,image-automation-controller",
    )  # fmt: skip
    with here.controllers(empty, "flux-system"):
        began = time.monotonic()
        done = here.tagline(*command)
        print(f"bootstrapped in {time.monotonic() - began:.1f} s")
        assert (done.status, done.out) == (0, ""), done.err
        again = here.tagline(*command)
    assert "✔ all components are healthy\n" in done.err
    for name in ("helm-controller", "source-controller", *OWN):
        assert f"✔ {name}: deployment ready\n" in done.err
    assert again.status == 0
    assert "✔ component manifests are up to date\n" in again.err
    assert "✔ sync manifests are up to date\n" in again.err
    assert empty.messages() == ["Add Flux sync manifests", "Add Flux v2.9.4 component manifests"]
    assert set(empty.log("--format=%an <%ae> %cn <%ce>").splitlines()) == {"Flux <> Flux <>"}
    folder = f"{PATH}/flux-system"
    files = files_of(empty)
    assert sorted(files) == [
        f"{folder}/gotk-components.yaml", f"{folder}/gotk-sync.yaml", f"{folder}/kustomization.yaml",
        f"{folder}/tagline/components.yaml", f"{folder}/tagline/kustomization.yaml",
    ]  # fmt: skip
    assert here.host.password not in "".join(files.values())
    assert secret(here, "flux-system") == {"username": here.host.user, "password": here.host.password}
    made = built(here, empty, "flux-system")
    names = {obj["metadata"]["name"] for obj in made if obj["kind"] == "Deployment"}
    assert names >= {"kustomize-controller", *OWN}
    assert not names & {"image-reflector-controller", "image-automation-controller"}
    applied = here.get("Kustomization", "flux-system", "flux-system")
    assert applied["spec"]["path"] == "./clusters/my-cluster"
    assert {one["manager"] for one in applied["metadata"]["managedFields"]} >= {"kustomize-controller"}


def test_a_filled_repository_keeps_its_files(here: World) -> None:
    repository = here.host.create_repository(next(NAMES), {"README.md": "hello\n", f"{PATH}/app.yaml": "a: 1\n"})
    with here.controllers(repository, repository.name):
        done = here.tagline(*arguments(here, repository))
    assert done.status == 0, done.err
    files = files_of(repository)
    assert (files["README.md"], files[f"{PATH}/app.yaml"]) == ("hello\n", "a: 1\n")
    assert len(repository.messages()) == 3


def test_a_repository_of_fluxs_own_bootstrap_gets_a_folder_and_a_line(here: World) -> None:
    name = next(NAMES)
    repository = here.host.create_repository(name, {})
    before = dict(of_flux(name, repository.url))
    repository.commit(before, "flux bootstrap")
    here.kubectl("create", "namespace", name)
    here.kubectl("create", "-n", name, "secret", "generic", "flux-system", "--from-literal=password=of-flux")
    here.kubectl("apply", "-f", "-", stdin=before[f"{PATH}/{name}/gotk-components.yaml"], check=False)
    here.kubectl("apply", "--server-side", "-f", "-", stdin=before[f"{PATH}/{name}/gotk-sync.yaml"])
    source = here.get("GitRepository", name, name)
    with here.controllers(repository, name), here.flux(repository, name):
        eventually(
            lambda: here.get("Kustomization", name, name).get("status", {}).get("lastAppliedRevision"),
            what="Flux to have applied it once",
        )
        done = here.tagline("bootstrap", "git", *here.login(repository), "-n", name)
        again = here.tagline("bootstrap", "git", *here.login(repository), "-n", name)
    assert done.status == again.status == 0, done.err
    after = files_of(repository)
    kustomization = f"{PATH}/{name}/kustomization.yaml"
    assert after.pop(kustomization) == before.pop(kustomization).replace(
        "   # the sync\n", "   # the sync\n  - tagline\n"
    )
    own = {path for path in after if "/tagline/" in path}
    assert own == {f"{PATH}/{name}/tagline/{file}.yaml" for file in ("components", "kustomization")}
    assert {path: text for path, text in after.items() if path not in own} == before
    (message, _) = repository.messages()
    assert re.fullmatch(r"Add tagline v\S+ component manifests", message)
    kinds = [(obj["kind"], obj["metadata"]["name"]) for obj in built(here, repository, name)]
    assert ("CustomResourceDefinition", "imagetaglists.image.toolkit.fluxcd.io") in kinds
    assert kinds.count(("CustomResourceDefinition", "gitrepositories.source.toolkit.fluxcd.io")) == 1
    assert here.get("GitRepository", name, name)["spec"] == source["spec"]
    assert secret(here, name) == {"password": "of-flux"}
    assert here.api.get("Deployment", name, "imagepolicy-controller") is None


def test_a_protected_branch_is_refused_in_the_hosts_words(here: World) -> None:
    repository = here.host.create_repository(next(NAMES), {"README.md": "hello\n"})
    rules = f"/repos/{here.host.user}/{repository.name}/branch_protections"
    here.host.call("POST", rules, {"branch_name": "main", "rule_name": "main", "enable_push": False})
    done = here.tagline(*arguments(here, repository))
    assert done.status == 1
    assert re.search(r"✗ failed to push manifests: .*[Nn]ot allowed to push to protected branch main", done.err)
    assert here.api.get("GitRepository", repository.name, repository.name) is None
    here.host.call("DELETE", f"{rules}/main")
    with here.controllers(repository, repository.name):
        assert here.tagline(*arguments(here, repository)).status == 0


def test_it_may_be_killed_anywhere_and_repeated(here: World) -> None:
    for step in STEPS:
        repository = here.host.create_repository(next(NAMES), {})
        command = arguments(here, repository)
        with here.controllers(repository, repository.name):
            assert kill_at(here, step, *command), step
            done = here.tagline(*command)
        assert done.status == 0, (step, done.err)
        assert repository.messages() == ["Add Flux sync manifests", "Add Flux v2.9.4 component manifests"], step
        assert len(built(here, repository, repository.name)) > 30
        assert secret(here, repository.name)["password"] == here.host.password


def test_a_wrong_password_is_refused_before_anything_is_done(here: World, empty: Repository) -> None:
    command = [word for word in arguments(here, empty) if not word.startswith("--password")]
    done = here.tagline(*command, "--password=guessed-wrong")
    assert done.status == 1
    assert "guessed-wrong" not in done.err + done.out
    assert re.search(r"✗ failed to clone repository: .*--username and --password", done.err)
    assert here.api.get("Secret", empty.name, "flux-system") is None


def test_a_token_that_may_only_read_is_refused_before_anything_is_done(here: World) -> None:
    repository = here.host.create_repository(next(NAMES), {"README.md": "hello\n"})
    token = here.host.create_token(repository.name, ("read:repository",))
    command = [word for word in arguments(here, repository) if not word.startswith("--password")]
    done = here.tagline(*command, GIT_PASSWORD=token)
    assert done.status == 1
    assert "can be read with this login, but not written" in done.err
    assert token not in done.err
    assert len(repository.messages()) == 1
    assert here.api.get("Secret", repository.name, "flux-system") is None


def test_another_path_than_the_one_that_is_synced_is_refused(here: World, empty: Repository) -> None:
    with here.controllers(empty, empty.name):
        assert here.tagline(*arguments(here, empty)).status == 0
        done = here.tagline(*arguments(here, empty, "--path=clusters/other"))
    assert done.status == 1
    assert '"./clusters/other") would overwrite path ("./clusters/my-cluster")' in done.err
    assert len(empty.messages()) == 2


def test_by_ssh_a_key_is_made_shown_and_kept(here: World, empty: Repository) -> None:
    command = (
        "bootstrap", "git", f"--url={here.ssh_url(empty)}", f"--path={PATH}", "-n", empty.name, "--timeout=30s",
        IMAGE_COMPONENTS, "--ssh-key-algorithm=ed25519",
    )  # fmt: skip
    first = here.tagline(*command)
    assert first.status == 1
    assert "add it to the deploy keys" in first.err
    (public,) = re.findall(r"✔ public key: (ssh-ed25519 \S+)\n", first.err)
    unknown = here.tagline(*command, "--silent")
    assert unknown.status == 1
    assert "does the key have access?" in unknown.err
    keys = f"/repos/{here.host.user}/{empty.name}/keys"
    added = here.host.call("POST", keys, {"title": "flux", "key": public, "read_only": True})
    denied = here.tagline(*command)
    assert denied.status == 1
    assert empty.refs() == {}
    here.host.call("DELETE", f"{keys}/{added['id']}")
    here.host.call("POST", keys, {"title": "flux", "key": public, "read_only": False})
    with here.controllers(empty, empty.name):
        done = here.tagline(*command)
    assert done.status == 0, done.err
    assert "✔ source secret up to date\n" in done.err
    kept = secret(here, empty.name)
    assert kept["identity.pub"].strip() == public
    assert kept["known_hosts"].startswith(f"[127.0.0.1]:{here.ssh_port} ")
    assert here.get("GitRepository", empty.name, empty.name)["spec"]["url"] == here.ssh_url(empty)
    assert kept["identity"].splitlines()[1] not in first.err + denied.err + done.err


def test_by_ssh_with_a_given_key_that_signs_the_commits(here: World, empty: Repository, tmp_path: Path) -> None:
    identity = ssh_identity("sesame")
    (tmp_path / "key").write_text(identity.private)
    keys = f"/repos/{here.host.user}/{empty.name}/keys"
    here.host.call("POST", keys, {"title": "flux", "key": identity.public, "read_only": False})
    with here.controllers(empty, empty.name):
        done = here.tagline(
            "bootstrap", "git", f"--url={here.ssh_url(empty)}", f"--path={PATH}", "-n", empty.name, "--timeout=30s",
            f"--private-key-file={tmp_path / 'key'}", "--password=sesame", "--ssh-signing-reuse-private-key",
            "--author-name=Ci", "--author-email=ci@example.com", "--commit-message-appendix=[skip ci]",
        )  # fmt: skip
    assert done.status == 0, done.err
    assert "sesame" not in done.err
    assert empty.messages()[0] == "Add Flux sync manifests\n\n[skip ci]"
    with empty.clone() as clone:
        raw = git(clone, "cat-file", "commit", "origin/main")
    assert "gpgsig -----BEGIN SSH SIGNATURE-----" in raw
    assert "author Ci <ci@example.com>" in raw
    assert sorted(secret(here, empty.name)) == ["identity", "identity.pub", "known_hosts", "password"]


def test_over_http_the_cluster_gets_an_ssh_key_unless_it_is_to_use_the_token(here: World, empty: Repository) -> None:
    command = [word for word in arguments(here, empty) if not word.startswith("--token-auth")]
    host = f"--ssh-hostname=127.0.0.1:{here.ssh_port}"
    with here.controllers(empty, empty.name):
        first = here.tagline(*command, host)
        done = here.tagline(*command, host)
    assert first.status == 1
    assert "add it to the deploy keys" in first.err
    assert done.status == 0, done.err
    assert sorted(secret(here, empty.name)) == ["identity", "identity.pub", "known_hosts"]
    url = here.get("GitRepository", empty.name, empty.name)["spec"]["url"]
    assert url == here.ssh_url(empty).replace("//git@", f"//{here.host.user}@")


def test_what_is_synced_keeps_its_login_and_forgets_an_earlier_installation(here: World, empty: Repository) -> None:
    command = arguments(here, empty)
    with here.controllers(empty, empty.name):
        assert here.tagline(*command).status == 0
        noted = to_object(Inventory(Options(namespace=OWN_NAMESPACE), ()))
        here.kubectl("apply", "-f", "-", stdin=json.dumps(noted))
        assert here.tagline(*command).status == 0
    assert here.api.get("ConfigMap", OWN_NAMESPACE, NAME) is None
    by_key = here.tagline(*(word for word in command if not word.startswith("--token-auth")))
    assert by_key.status == 1
    assert "is there and has no SSH key" in by_key.err
    assert secret(here, empty.name)["password"] == here.host.password
    assert len(empty.messages()) == 2


def test_without_an_engine_only_tagline_is_installed(here: World, empty: Repository) -> None:
    command = [word for word in arguments(here, empty, "--engine=none") if word != IMAGE_COMPONENTS]
    with here.controllers(empty, empty.name):
        done = here.tagline(*command)
    assert done.status == 0, done.err
    folder = f"{PATH}/{empty.name}"
    assert f"{folder}/gotk-components.yaml" not in files_of(empty)
    assert here.api.get("Kustomization", empty.name, empty.name) is None
    assert here.get("GitRepository", empty.name, empty.name)["spec"]["url"] == empty.url
    assert here.api.get("Deployment", empty.name, "source-controller") is None
    assert here.get("Deployment", OWN_NAMESPACE, OWN[0])
    assert "nothing syncs" in done.err
    assert empty.messages()[0] == "Add tagline sync manifests"
    removed = here.tagline("uninstall", "--silent", "--timeout=30s")
    assert removed.status == 0, removed.err
    assert here.api.get("Deployment", OWN_NAMESPACE, OWN[0]) is None
    with here.controllers(empty, empty.name):
        assert here.tagline(*command).status == 0


def test_argo_cd_syncs_by_an_application(here: World, empty: Repository) -> None:
    here.kubectl("create", "namespace", "argocd")
    here.kubectl("apply", "-f", "-", stdin=json.dumps(argo_crd()))
    here.kubectl("wait", "--for=condition=Established", "crd/applications.argoproj.io", "--timeout=20s")
    controller = {
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {
            "name": "argocd-application-controller", "namespace": "argocd",
            "labels": {"app.kubernetes.io/name": "argocd-application-controller"},
        },
        "spec": {
            "selector": {"matchLabels": {"app": "argo"}},
            "template": {
                "metadata": {"labels": {"app": "argo"}}, "spec": {"containers": [{"name": "a", "image": "argo"}]}
            },
        },
    }  # fmt: skip
    here.kubectl("apply", "-f", "-", stdin=json.dumps(controller))
    command = [word for word in arguments(here, empty, "--engine=argocd") if word != IMAGE_COMPONENTS]
    try:
        with here.controllers(empty, empty.name), here.argo_cd(empty, empty.name):
            done = here.tagline(*command)
            again = here.tagline(*command)
    finally:
        here.kubectl("delete", "-n", "argocd", "statefulset", "--all")
    assert done.status == again.status == 0, done.err
    assert "✔ Application reconciled successfully\n" in done.err
    assert len(empty.messages()) == 2
    files = files_of(empty)
    assert here.host.password not in "".join(files.values())
    with empty.clone() as clone:
        git(clone, "checkout", "-q", "origin/main")
        made = list(yaml.safe_load_all(here.kubectl("kustomize", str(clone / PATH)).stdout))
    kinds = {obj["kind"] for obj in made}
    assert kinds >= {"Application", "GitRepository", "Deployment"}
    assert "Kustomization" not in kinds
    (login,) = here.api.list("Secret", "argocd")
    assert login["metadata"]["labels"] == {"argocd.argoproj.io/secret-type": "repository"}
    assert base64.b64decode(login["data"]["password"]).decode() == here.host.password


def test_a_new_cluster_is_made_of_a_repository_of_fluxs_own_bootstrap(here: World) -> None:
    name = next(NAMES)
    repository = here.host.create_repository(name, {})
    moved = {path: text.replace("flux-system", name) if "components" in path else text for path, text in of_flux(
        name, repository.url
    ).items()}  # fmt: skip
    repository.commit(moved, "flux bootstrap")
    with here.controllers(repository, name):
        done = here.tagline("bootstrap", "git", *here.login(repository), "-n", name)
    assert done.status == 0, done.err
    assert f"✔ {OWN[0]}: deployment ready\n" in done.err
    assert "✔ source-controller: deployment ready\n" in done.err
    assert here.get("Deployment", name, "source-controller")["metadata"]["labels"]["patched"] == "yes"
    assert here.get("GitRepository", name, name)["spec"]["url"] == repository.url
    assert secret(here, name)["password"] == here.host.password
    after = files_of(repository)
    assert {path: text for path, text in after.items() if path in moved and "kustomization" not in path} == {
        path: text for path, text in moved.items() if "kustomization" not in path
    }


def test_ctrl_c_ends_it_with_a_word(here: World, empty: Repository) -> None:
    with here.start(*arguments(here, empty)) as running:
        assert running.stderr
        for printed in running.stderr:
            if printed.startswith("◎ waiting for GitRepository"):
                running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
        assert "Traceback" not in printed
        assert printed == "interrupted\n"


def test_a_dry_run_shows_the_difference_and_touches_nothing(here: World, empty: Repository) -> None:
    done = here.tagline(*arguments(here, empty, "--dry-run"))
    assert done.status == 0, done.err
    assert f"+++ b/{PATH}/{empty.name}/gotk-sync.yaml" in done.out
    assert here.host.password not in done.out
    assert empty.refs() == {}
    assert here.api.get("Secret", empty.name, "flux-system") is None
    exported = here.tagline(
        "bootstrap", "git", "--url=https://git.test/org/fleet", f"--path={PATH}", "--export", "--token-auth",
        IMAGE_COMPONENTS, KUBECONFIG="/dev/null",
    )  # fmt: skip
    assert exported.status == 0, exported.err
    assert f"# {PATH}/flux-system/kustomization.yaml\n" in exported.out
    assert "url: https://git.test/org/fleet\n" in exported.out


def test_what_is_missing_is_said_when_time_is_up(here: World, empty: Repository) -> None:
    done = here.tagline(*arguments(here, empty, "--timeout=6s"))
    assert done.status == 1
    assert f"✗ GitRepository {empty.name}/{empty.name}: not ready within --timeout=6s: " in done.err
    assert "✗ source-controller: deployment not ready: " in done.err
    assert "deadline exceeded" not in done.err
    with here.controllers(empty, empty.name):
        assert here.tagline(*arguments(here, empty)).status == 0
