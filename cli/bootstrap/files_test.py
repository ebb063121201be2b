from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes without type hints

from cli.bootstrap.argocd import ArgoPlace, repository_secret
from cli.bootstrap.files import Parts, Plan, own_options, plan
from cli.bootstrap.fluxmanifest import make
from hack.flux_manifest import manifest
from testing.bootstrap_flags import wishes

EXTRA = ("image-reflector-controller", "image-automation-controller")
FOLDER = "clusters/a/flux-system"


def planned(existing: Mapping[str, bytes], *, engine: str = "flux", named: bool = True, **given: Any) -> Plan:
    asked = wishes(path="clusters/a", components_extra=EXTRA if named else (), flux_version="v2.9.4", **given)
    flux = make(manifest(), asked.flux) if engine == "flux" else None
    own = own_options(asked.own, engine) if named and asked.own else None
    return plan(asked, Parts(engine, flux, own, ArgoPlace() if engine == "argocd" else None), existing)


def identities(text: bytes) -> list[tuple[str, str, str]]:
    return [identity(one) for one in yaml.safe_load_all(text)]


def identity(obj: Mapping[str, Any]) -> tuple[str, str, str]:
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def test_flux_and_tagline_have_a_folder_each() -> None:
    made = planned({})
    assert sorted(made.components) == [
        f"{FOLDER}/gotk-components.yaml", f"{FOLDER}/tagline/components.yaml", f"{FOLDER}/tagline/kustomization.yaml",
    ]  # fmt: skip
    assert sorted(made.sync) == [f"{FOLDER}/gotk-sync.yaml", f"{FOLDER}/kustomization.yaml"]
    assert made.sync[f"{FOLDER}/kustomization.yaml"].endswith(b"- gotk-components.yaml\n- gotk-sync.yaml\n- tagline\n")
    flux, own = (
        identities(made.components[f"{FOLDER}/{file}"]) for file in ("gotk-components.yaml", "tagline/components.yaml")
    )
    assert not set(flux) & set(own), "kustomize refuses an object that is there twice"
    assert ("CustomResourceDefinition", "", "imagepolicies.image.toolkit.fluxcd.io") in own


def test_what_it_has_made_is_up_to_date() -> None:
    made = planned({})
    again = planned(made.all)
    assert again.all == made.all
    assert not again.is_of_flux


def test_the_title_says_what_changes() -> None:
    made = planned({})
    assert made.title == "Add Flux v2.9.4 component manifests"
    old = {**made.all, f"{FOLDER}/tagline/components.yaml": b"# of yesterday\n"}
    assert planned(old).title.startswith("Add tagline v")
    assert planned({}, named=False).title == "Add Flux v2.9.4 component manifests"


def test_what_flux_has_made_stays_but_for_a_line() -> None:
    of_flux = {
        f"{FOLDER}/gotk-components.yaml": manifest(without=EXTRA).encode(),
        f"{FOLDER}/gotk-sync.yaml": b"# by flux\n",
        f"{FOLDER}/kustomization.yaml": b"resources:\n- gotk-components.yaml\n- gotk-sync.yaml\n",
    }
    made = planned(of_flux)
    assert made.is_of_flux
    assert sorted(made.components) == [
        f"{FOLDER}/kustomization.yaml", f"{FOLDER}/tagline/components.yaml", f"{FOLDER}/tagline/kustomization.yaml",
    ]  # fmt: skip
    assert not made.sync
    assert made.components[f"{FOLDER}/kustomization.yaml"] == (
        b"resources:\n- gotk-components.yaml\n- gotk-sync.yaml\n- tagline\n"
    )
    assert made.title.startswith("Add tagline v")


def test_crds_that_fluxs_image_controllers_have_brought_are_not_there_twice() -> None:
    of_flux = {f"{FOLDER}/gotk-components.yaml": manifest().encode()}
    own = identities(planned(of_flux).components[f"{FOLDER}/tagline/components.yaml"])
    assert ("CustomResourceDefinition", "", "imagepolicies.image.toolkit.fluxcd.io") not in own
    assert ("CustomResourceDefinition", "", "imagetaglists.image.toolkit.fluxcd.io") in own


def test_in_one_namespace_with_flux_nothing_is_there_twice() -> None:
    made = planned({}, watch_all_namespaces=False)
    all_ = [identity(one) for one in made.component_objects]
    assert len(all_) == len(set(all_))


def test_a_kustomization_of_the_users_own_keeps_its_patches() -> None:
    own = b"resources:\n- gotk-components.yaml\n- gotk-sync.yaml\npatches: []  # mine\n"
    path = f"{FOLDER}/kustomization.yaml"
    assert planned({path: own}).sync[path] == own.replace(b"patches", b"- tagline\npatches")
    assert planned({path: own}, named=False).sync[path] == own


def test_the_source_has_what_was_asked_for() -> None:
    made = planned({}, recurse_submodules=True, sparse_checkout=("clusters",), interval=600_000_000_000)
    (source, _) = made.sync_objects
    assert source["spec"] == {
        "interval": "10m0s", "ref": {"branch": "main"}, "secretRef": {"name": "flux-system"},
        "recurseSubmodules": True, "sparseCheckout": ["clusters"], "url": "https://git.test/org/fleet",
    }  # fmt: skip


def test_argo_cd_syncs_the_path_by_an_application() -> None:
    made = planned({}, engine="argocd")
    assert f"{FOLDER}/gotk-components.yaml" not in made.components
    kinds = [one["kind"] for one in made.sync_objects]
    assert kinds == ["Namespace", "GitRepository", "Application"]
    # Nobody writes a status of the source, which Argo CD would wait for.
    assert made.sync_objects[1]["metadata"]["annotations"] == {"argocd.argoproj.io/ignore-healthcheck": "true"}
    assert all("annotations" not in one["metadata"] for one in planned({}).sync_objects)
    spec = made.sync_objects[-1]["spec"]
    assert spec["source"] == {"path": "clusters/a", "repoURL": "https://git.test/org/fleet", "targetRevision": "main"}
    assert made.sync["clusters/a/kustomization.yaml"].endswith(b"resources:\n- flux-system\n")
    assert made.sync[f"{FOLDER}/kustomization.yaml"].endswith(b"resources:\n- gotk-sync.yaml\n- tagline\n")
    own = identities(made.components[f"{FOLDER}/tagline/components.yaml"])
    assert ("CustomResourceDefinition", "", "gitrepositories.source.toolkit.fluxcd.io") in own


def test_argo_cd_logs_in_as_the_cluster_does() -> None:
    asked = wishes()
    made = repository_secret(asked, ArgoPlace("ops"), {"username": "git", "password": "p", "ca.crt": "c"})
    assert made["metadata"]["namespace"] == "ops"
    assert made["metadata"]["labels"] == {"argocd.argoproj.io/secret-type": "repository"}
    assert made["stringData"] == {"type": "git", "url": asked.sync_url, "username": "git", "password": "p"}
    by_ssh = repository_secret(asked, ArgoPlace(), {"identity": "key", "identity.pub": "pub", "known_hosts": "h"})
    assert by_ssh["stringData"] == {"type": "git", "url": asked.sync_url, "sshPrivateKey": "key"}


def test_without_an_engine_the_source_is_made_all_the_same() -> None:
    made = planned({}, engine="none")
    assert [one["kind"] for one in made.sync_objects] == ["Namespace", "GitRepository"]
    assert replace(made, sync={}).all == made.components
