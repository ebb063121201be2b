"""Which token services belong to which registries: those of the field do, those of strangers do not."""

import pytest

from controllers.registry.realms import Relations, TokenService, parse_token_services, registrable_domain

NONE = Relations()


@pytest.mark.parametrize(
    ("registry", "host"),
    [
        ("index.docker.io", "auth.docker.io"),
        ("registry-1.docker.io", "auth.docker.io"),
        ("registry.gitlab.com", "gitlab.com"),
        ("registry.example.com", "gitlab.example.com"),
        ("registry.example.com:5050", "gitlab.example.com"),
        ("registry.example.co.uk", "gitlab.example.co.uk"),
        ("registry.sap.de", "login.sap.de"),
        ("registry.connect.redhat.com", "sso.redhat.com"),
        ("docker.elastic.co", "docker-auth.elastic.co"),
        ("registry.digitalocean.com", "api.digitalocean.com"),
        ("registry.EXAMPLE.com.", "gitlab.example.com"),
        ("lscr.io", "ghcr.io"),
        ("ghcr.io", "ghcr.io"),
        ("quay.io", "quay.io"),
        ("public.ecr.aws", "public.ecr.aws"),
        ("team.azurecr.io", "team.azurecr.io"),
        ("europe-docker.pkg.dev", "europe-docker.pkg.dev"),
        ("harbor.team.svc:8080", "harbor.team.svc"),
        ("10.0.0.5:5000", "10.0.0.5"),
        ("[::1]:5000", "::1"),
        ("localhost:5000", "localhost"),
    ],
)
def test_token_services_of_the_field_belong(registry: str, host: str) -> None:
    assert NONE.belongs(registry, host)


@pytest.mark.parametrize(
    ("registry", "host"),
    [
        ("registry.example.com", "evil.example"),
        ("registry.example.com", "example.com.evil.example"),
        ("registry.example.com", "evilexample.com"),
        ("registry.co.uk", "evil.co.uk"),
        ("registry.com.au", "evil.com.au"),
        ("victim.github.io", "evil.github.io"),
        ("a.victim.github.io", "b.evil.github.io"),
        ("victim.azurecr.io", "evil.azurecr.io"),
        ("victim.westeurope.cloudapp.azure.com", "evil.westeurope.cloudapp.azure.com"),
        ("1.dkr.ecr.eu-west-1.amazonaws.com", "evil.s3.eu-west-1.amazonaws.com"),
        ("registry.victim.svc", "registry.evil.svc"),
        ("registry.victim.svc.cluster.local", "x.evil.svc.cluster.local"),
        ("127.0.0.1:5000", "127.0.0.2"),
        ("10.0.0.5", "10.0.0.6"),
        ("10.0.0.5.nip.io", "10.0.0.6.nip.io"),
        ("com", "example.com"),
        ("registry", "evil"),
        ("ghcr.io", "quay.io"),
        ("auth.docker.io", "index.evil.io"),
        ("registry.example.com", ""),
        ("registry.example.com", "."),
    ],
)
def test_those_of_strangers_do_not(registry: str, host: str) -> None:
    assert not NONE.belongs(registry, host)


def test_the_operator_can_state_more() -> None:
    relations = Relations(parse_token_services(["reg.example:5000=login.other.example"]))
    assert relations.configured == (TokenService("reg.example", "login.other.example"),)
    assert relations.belongs("reg.example:5000", "login.other.example")
    assert relations.is_known("reg.example", "login.other.example")
    assert not relations.belongs("reg.other", "login.other.example")
    assert not relations.is_known("registry.example.com", "gitlab.example.com")


@pytest.mark.parametrize("text", ["a", "a=", "=b", "a=https://b", "a/b=c"])
def test_relations_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="want registry=host"):
        parse_token_services([text])


def test_a_domain_that_nobody_has_registered_is_none() -> None:
    assert registrable_domain("a.b.example.com") == "example.com"
    assert registrable_domain("a.example.co.uk") == "example.co.uk"
    assert not any(map(registrable_domain, ("co.uk", "com", "a..com", "a.github.io", "10.0.0.1", "x.local", "")))
