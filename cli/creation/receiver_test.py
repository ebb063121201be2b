"""`create receiver`: what flags make of it, and what is refused. Texts that Flux has are Flux's."""

from typing import Any, get_type_hints

import pytest
import yaml  # type: ignore[import-untyped]  # comes without type hints

from api import receiver
from cli.creation.receiver import _KINDS, _TYPES
from cli.main import main

BASE = ("--type=harbor", "--secret-ref=hook", "--resource=ImageRepository/*")
OIDC = ("--type=generic-oidc", "--resource=ImageRepository/app", "--oidc-issuer=https://issuer.example.com")


def created(capsys: pytest.CaptureFixture[str], *flags: str) -> dict[str, Any]:
    assert main(["create", "receiver", "hooks", "-n", "apps", "--export", *flags]) == 0, capsys.readouterr().err
    obj: dict[str, Any] = yaml.safe_load(capsys.readouterr().out)
    assert (obj["apiVersion"], obj["kind"]) == ("notification.toolkit.fluxcd.io/v1", "Receiver")
    return obj


def refused(capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    assert main(["create", "receiver", "hooks", "--export", *flags]) == 1
    return capsys.readouterr().err


def test_words_are_those_of_the_api() -> None:
    assert set(_TYPES) == set(receiver.TYPES)
    (schema,) = get_type_hints(receiver.ReceiverResource, include_extras=True)["kind"].__metadata__
    assert set(_KINDS) == set(schema.enum)


def test_what_flux_writes_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    flags = (
        "--type=github", "--secret-ref=s", "--event=ping,push", "--label=a=b",
        "--resource=GitRepository/webapp", "--resource=ImageRepository/app,HelmRepository/x",
    )  # fmt: skip
    assert created(capsys, *flags) == {
        "apiVersion": "notification.toolkit.fluxcd.io/v1",
        "kind": "Receiver",
        "metadata": {"name": "hooks", "namespace": "apps", "labels": {"a": "b"}},
        "spec": {
            "type": "github",
            "events": ["ping", "push"],
            "resources": [
                {"kind": "GitRepository", "name": "webapp"},
                {"kind": "ImageRepository", "name": "app"},
                {"kind": "HelmRepository", "name": "x"},
            ],
            "secretRef": {"name": "s"},
        },
    }


def test_fields_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    spec = created(
        capsys, *BASE, "--resource=ImageRepository/other/web", "--resource-label=team=a", "--secret-overlap=1h",
        "--registry=images.example.com", "--repository=docker", "--interval=5m", "--suspend",
        "--resource-filter=res.metadata.name == 'app'",
    )["spec"]  # fmt: skip
    assert spec == {
        "type": "harbor",
        "interval": "5m0s",
        "resources": [
            {"kind": "ImageRepository", "name": "*", "matchLabels": {"team": "a"}},
            {"kind": "ImageRepository", "name": "web", "namespace": "other"},
        ],
        "resourceFilter": "res.metadata.name == 'app'",
        "secretRef": {"name": "hook"},
        "secretOverlap": "1h0m0s",
        "registry": "images.example.com",
        "repository": "docker",
        "suspend": True,
    }


def test_identity_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    spec = created(
        capsys, *OIDC, "--oidc-validation=claims.owner == 'org'", "--oidc-audience=me", "--filter=req.ready",
        "--image-expression=req.image", "--tag-expression=req.tag",
    )["spec"]  # fmt: skip
    assert "secretRef" not in spec
    assert spec["oidcProviders"] == [
        {
            "issuerURL": "https://issuer.example.com",
            "audience": "me",
            "validations": [{"expression": "claims.owner == 'org'", "message": "claims.owner == 'org' is false"}],
        }
    ]
    assert (spec["filter"], spec["image"], spec["tag"]) == ("req.ready", "req.image", "req.tag")


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        pytest.param(("--secret-ref=s",), "Receiver type is required", id="no-type"),
        pytest.param(
            ("--type=nonsense",), "receiver type 'nonsense' is not supported, must be one of: generic,", id="type"
        ),
        pytest.param(("--type=github",), "secret ref is required", id="no-secret"),
        pytest.param(BASE[:2], "at least one resource is required", id="no-resource"),
        pytest.param(
            (*BASE[:2], "--resource=app"), "invalid resource 'app', must be in format <kind>/<name>", id="form"
        ),
        pytest.param((*BASE[:2], "--resource=ImageRepository//app"), "invalid resource", id="empty-namespace"),
        pytest.param((*BASE[:2], "--resource=ImageRepository/a/b/c"), "invalid resource", id="too-many-parts"),
        pytest.param(
            (*BASE[:2], "--resource=ImageRepositry/app"),
            'no Receiver wakes objects of the kind ImageRepositry; did you mean "ImageRepository"?',
            id="kind",
        ),
        pytest.param(
            (*BASE[:2], "--resource=ImageRepository/app", "--resource-label=a=b"),
            "--resource-label is for a --resource with the name *",
            id="labels-of-one",
        ),
        pytest.param((*BASE, "--resource-label=a"), "--resource-label: invalid label format 'a'", id="labels"),
        pytest.param((*BASE, "--filter=true"), "--filter is for generic types", id="filter-of-a-known-sender"),
        pytest.param((*BASE, "--oidc-issuer=https://a"), "--oidc-issuer is for --type=generic-oidc", id="issuer"),
        pytest.param((*BASE, "--secret-overlap=-1h"), "--secret-overlap -1h0m0s is negative", id="overlap"),
        pytest.param((*BASE, "--resource-filter=1 +"), "--resource-filter: the expression `1 +` is invalid", id="cel"),
        pytest.param(OIDC, "generic-oidc needs --oidc-issuer and --oidc-validation", id="no-validation"),
        pytest.param((*OIDC, "--secret-ref=s"), "--secret-ref cannot be given for generic-oidc", id="secret-of-oidc"),
    ],
)
def test_what_can_never_work_is_refused(capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], text: str) -> None:
    assert text in refused(capsys, *flags)


def test_what_only_flux_wakes_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["create", "receiver", "hooks", "--export", *BASE[:2], "--resource=GitRepository/a"]) == 0
    assert "tagline's receiver wakes ImageRepositories and" in capsys.readouterr().err


def test_automations_may_be_woken(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["create", "receiver", "forge", "--export", *BASE[:2], "--resource=ImageUpdateAutomation/fleet"]) == 0
    shown = capsys.readouterr()
    assert ("  - kind: ImageUpdateAutomation\n    name: fleet\n" in shown.out, shown.err) == (True, "")
