"""`api.receiver`: what Flux's notification-controller accepts is accepted, and decoded."""

from typing import Any

import msgspec
import pytest

from api.kinds import Kind
from api.receiver import DEFINITION, TYPES, Receiver
from controllers.webhooks.senders.table import SENDERS
from hack.crds.definition import build_crd

FLUX_TYPES = {
    "generic", "generic-hmac", "generic-oidc", "github", "gitlab", "bitbucket", "harbor", "dockerhub", "quay", "gcr",
    "nexus", "acr", "cdevents",
}  # fmt: skip
RESOURCE = {"kind": "ImageRepository", "name": "*", "matchLabels": {"app": "web"}, "filter": "true"}
OURS = {"registry", "repository", "filter", "image", "tag", "secretOverlap"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    crd = build_crd(Kind(type=Receiver, definition=DEFINITION))
    (served,) = [version for version in crd["spec"]["versions"] if version["served"]]
    assert (served["name"], served["storage"]) == ("v1", True)
    found: dict[str, Any] = served["schema"]["openAPIV3Schema"]["properties"]
    return found


def test_every_type_of_flux_and_of_ours_may_be_stored(schema: dict[str, Any]) -> None:
    known = {name for sender in SENDERS for name in (sender.type, *sender.aliases)}
    assert set(TYPES) <= known
    assert known - set(TYPES) == {"gar", "artifactory"}  # names for the command line alone
    assert set(schema["spec"]["properties"]["type"]["enum"]) > FLUX_TYPES


def test_fields_are_those_of_flux_and_a_few(schema: dict[str, Any]) -> None:
    spec = schema["spec"]
    assert set(spec["properties"]) - OURS == {
        "type", "interval", "events", "resources", "resourceFilter", "secretRef", "oidcProviders", "suspend",
    }  # fmt: skip
    assert set(spec["required"]) == {"resources", "type"}
    assert spec["properties"]["interval"]["default"] == "10m"
    provider = spec["properties"]["oidcProviders"]["items"]
    assert set(provider["required"]) == {"issuerURL", "validations"}
    assert provider["properties"]["validations"]["minItems"] == 1
    assert set(schema["status"]["properties"]) == {
        "conditions", "observedGeneration", "webhookPath", "lastHandledReconcileAt",
    }  # fmt: skip


def test_receivers_of_flux_are_decoded() -> None:
    spec = {
        "type": "generic-oidc",
        "interval": "10m",
        "events": ["push"],
        "resources": [RESOURCE],
        "resourceFilter": "req.tag.contains(res.metadata.name)",
        "oidcProviders": [
            {
                "issuerURL": "https://token.actions.githubusercontent.com",
                "variables": [{"name": "owner", "expression": "claims.repository_owner"}],
                "validations": [{"expression": "vars.owner == 'org'", "message": "another owner"}],
            }
        ],
    }
    stored = {"metadata": {"name": "ci", "namespace": "apps"}, "spec": spec}
    receiver = msgspec.convert(stored, Receiver)
    assert receiver.spec.oidc_providers[0].issuer_url == "https://token.actions.githubusercontent.com"
    assert msgspec.json.decode(msgspec.json.encode(receiver))["spec"] == spec
