from pathlib import Path
from typing import Any

import pytest

from cli.bootstrap.options import check_components
from cli.grammar.session import Failed
from testing.bootstrap_flags import flags, wishes


@pytest.mark.parametrize(
    ("given", "url"),
    [
        pytest.param({}, "https://git.test/org/fleet", id="token"),
        pytest.param({"url": "https://me:pw@git.test/org/fleet"}, "https://git.test/org/fleet", id="login-in-url"),
        pytest.param(
            {"url": "http://git.test/r", "allow_insecure_http": True}, "http://git.test/r", id="insecure-token"
        ),
        pytest.param({"token_auth": False}, "ssh://git@git.test/org/fleet", id="ssh-key-for-the-cluster"),
        pytest.param(
            {"token_auth": False, "url": "https://git.test:8443/r"}, "ssh://git@git.test/r", id="port-of-https"
        ),
        pytest.param(
            {"token_auth": False, "ssh_hostname": "ssh.git.test:443"}, "ssh://git@ssh.git.test:443/org/fleet", id="host"
        ),
        pytest.param({"token_auth": False, "url": "ssh://me@h:2222/r.git"}, "ssh://me@h:2222/r.git", id="user-of-url"),
        pytest.param(
            {"token_auth": False, "url": "ssh://me@h/r", "username": "you"}, "ssh://you@h/r", id="user-of-flag"
        ),
        pytest.param({"token_auth": False, "url": "ssh://h/r"}, "ssh://git@h/r", id="no-user"),
        pytest.param({"token_auth": False, "with_bearer_token": True}, "https://git.test/org/fleet", id="bearer"),
    ],
)  # fmt: skip
def test_the_cluster_gets_an_address_that_fits_its_login(given: dict[str, Any], url: str) -> None:
    assert wishes(**given).sync_url == url


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": ""}, "--url is required"),
        ({"url": "git@git.test:org/fleet"}, "write it as ssh://git@git.test/org/fleet"),
        ({"url": "git@git.test:/org/fleet"}, "write it as ssh://git@git.test/org/fleet"),
        ({"url": "https://[::1"}, "--url is not a URL"),
        ({"url": "https://git.test/r?access_token=geheim"}, "--url .*would be committed"),
        ({"url": "https://git.test/%zz"}, "invalid URL escape"),
        ({"url": "ftp://git.test/r"}, 'scheme "ftp" is not supported'),
        ({"url": "http://u:geheim@git.test/r"}, "scheme http is insecure, pass --allow-insecure-http=true to allow it"),
        ({"url": "https://git.test"}, "--url .*names no repository"),
        ({"url": "ssh://git@git.test/r"}, "--token-auth needs --url with https://"),
        ({"branch": "a..b"}, "--branch"),
        ({"branch": "refs/heads/main"}, "--branch"),
        ({"branch": "-f"}, "--branch"),
        ({"interval": 0}, "--interval"),
        ({"secret_name": "Not A Name"}, "--secret-name"),
        ({"path": "a", "sparse_checkout": ("b", "c")}, "--path a has to be one of --sparse-checkout .b, c."),
        ({"components": ("source-controller",)}, "^component kustomize-controller is required$"),
        ({"components": ("kustomize-controller",)}, "^component source-controller is required$"),
        ({"components_extra": ("image-reflektor-controller",)}, 'did you mean "image-reflector-controller"'),
        ({"registry_creds": "u:p"}, "--registry-creds requires --image-pull-secret"),
        ({"registry_creds": "up", "image_pull_secret": "s"}, "expected 'user:password'"),
        ({"flux_version": "2.9.4"}, "must be prefixed with 'v'"),
        ({"flux_manifests": "/nowhere/install.yaml"}, "--flux-manifests: there is no /nowhere"),
        ({"gpg_key_ring": "a", "ssh_signing_key_file": "b"}, "mutually exclusive"),
        ({"ssh_signing_password": "geheim"}, "--ssh-signing-password requires --ssh-signing-key-file"),
        ({"ssh_signing_key_file": "a", "ssh_signing_reuse_private_key": True}, "are mutually exclusive"),
        ({"gpg_key_id": "a"}, "need --gpg-key-ring"),
        ({"ssh_signing_reuse_private_key": True}, "requires --private-key-file"),
        ({"ca_file": "f", "url": "ssh://h/r", "token_auth": False}, "--ca-file is for https"),
    ],
)  # fmt: skip
def test_a_refusal_names_flag_and_fix(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Failed, match=said) as caught:
        wishes(**given)
    assert "geheim" not in str(caught.value)


def test_http_needs_a_password() -> None:
    with pytest.raises(Failed, match=r"--password is needed for https://.*GIT_PASSWORD"):
        wishes(password="")
    assert wishes(password="", url="https://me:geheim@git.test/r").password == "geheim"


def test_no_secret_is_in_the_representation_of_wishes() -> None:
    made = wishes(
        password="geheim-1", registry_creds="u:geheim-2", image_pull_secret="s", gpg_key_ring="f",
        gpg_passphrase="geheim-3", proxy="http://u:geheim-4@p:1",
    )  # fmt: skip
    assert "geheim" not in repr(made)


def test_components_of_tagline_stand_for_those_of_flux() -> None:
    made = wishes(components_extra=("image-reflector-controller",))
    assert made.own_was_named
    assert made.own
    assert made.own.components == ("imagerepository-controller", "imagepolicy-controller")
    assert made.flux.components == (
        "source-controller", "kustomize-controller", "helm-controller", "notification-controller"
    )  # fmt: skip
    assert made.flux.stand_ins == ("image-reflector-controller",)
    assert not wishes().own_was_named


def test_a_registry_is_for_all_images_unless_taglines_is_named() -> None:
    plain, moved = wishes().own, wishes(registry="mirror.test/all").own
    own = wishes(registry="mirror.test/flux", tagline_registry="mirror.test/own")
    assert plain
    assert moved
    assert own.own
    assert (plain.registry, moved.registry) == ("ghcr.io/tagline", "mirror.test/all")
    assert (own.flux.registry, own.own.registry) == ("mirror.test/flux", "mirror.test/own")


def test_controllers_of_one_namespace_run_in_it() -> None:
    limited, all_ = wishes(watch_all_namespaces=False, namespace="apps").own, wishes(namespace="apps").own
    assert limited
    assert all_
    assert (limited.namespace, all_.namespace) == ("apps", "tagline-system")


def test_without_flux_its_components_are_not_required() -> None:
    check_components(flags(engine="none", components=("image-reflector-controller",)))


def test_manifests_may_be_named_by_the_environment(tmp_path: Path) -> None:
    (tmp_path / "install.yaml").write_text("")
    assert wishes(flux_manifests=str(tmp_path)).flux.version == ""
    assert wishes().flux.version == "v2.9.4"
