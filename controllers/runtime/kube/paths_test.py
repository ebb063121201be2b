import pytest

from api.resource import Resource
from controllers.runtime.key import Key
from controllers.runtime.kube.errors import Invalid
from controllers.runtime.kube.paths import request_path

SECRETS = Resource("", "v1", "secrets", "Secret")
POLICIES = Resource("image.toolkit.fluxcd.io", "v1", "imagepolicies", "ImagePolicy")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)


@pytest.mark.parametrize(
    ("resource", "args", "want"),
    [
        pytest.param(SECRETS, ("ns", "s"), "/api/v1/namespaces/ns/secrets/s", id="core-object"),
        pytest.param(SECRETS, (), "/api/v1/secrets", id="core-all-namespaces"),
        pytest.param(
            POLICIES,
            ("ns", "p", "status"),
            "/apis/image.toolkit.fluxcd.io/v1/namespaces/ns/imagepolicies/p/status",
            id="subresource",
        ),
        pytest.param(NAMESPACES, ("ignored", "n"), "/api/v1/namespaces/n", id="cluster-scoped"),
        pytest.param(SECRETS, ("ns", "a?b#c"), "/api/v1/namespaces/ns/secrets/a%3Fb%23c", id="escaped"),
    ],
)
def test_path(resource: Resource, args: tuple[str, ...], want: str) -> None:
    assert request_path(resource, *args) == want


@pytest.mark.parametrize("name", ["..", ".", "a/b", "../../namespaces", "a%2Fb"])
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(Invalid, match="not a name an object can have"):
        request_path(SECRETS, "ns", name)
    with pytest.raises(Invalid):
        request_path(SECRETS, name, "s")


def test_api_version() -> None:
    assert SECRETS.api_version == "v1"
    assert POLICIES.api_version == "image.toolkit.fluxcd.io/v1"


def test_key_text() -> None:
    assert str(Key("ns", "name")) == "ns/name"
    assert str(Key("", "node")) == "node"
