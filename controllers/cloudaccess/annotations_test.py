"""What a ServiceAccount's annotations say about its tokens."""

from datetime import timedelta

import pytest

from controllers.cloud.errors import LoginFailed
from controllers.cloudaccess.annotations import TokenSettings, read_token_settings

PREFIX = "credential.auth.fluxcd.io/"
OPTED_IN = {f"{PREFIX}provider": "kubernetes", f"{PREFIX}type": "jwt"}


def test_without_annotations_no_registry_gets_a_token() -> None:
    assert read_token_settings("apps/robot", {"other": "x"}) == TokenSettings()
    assert TokenSettings().lifetime == timedelta(minutes=10)


def test_annotations_say_for_whom_how_and_how_long() -> None:
    annotations = OPTED_IN | {
        f"{PREFIX}audiences": "registry.example.com, other.example.com\n\nthird",
        f"{PREFIX}username": "robot",
        f"{PREFIX}expiration": "1h",
    }
    assert read_token_settings("apps/robot", annotations) == TokenSettings(
        for_registries=True,
        audiences=("registry.example.com", "other.example.com", "third"),
        username="robot",
        lifetime=timedelta(hours=1),
    )


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        pytest.param({"provider": "kubernetes"}, "needs credential.auth.fluxcd.io/type", id="no-type"),
        pytest.param({"type": "jwt"}, "needs credential.auth.fluxcd.io/provider", id="no-provider"),
        pytest.param({"provider": "spiffe", "type": "jwt"}, "does not support: set it to 'kubernetes'", id="spiffe"),
        pytest.param({"provider": "vault", "type": "jwt"}, "'vault'. must be 'kubernetes'", id="provider"),
        pytest.param({"provider": "kubernetes", "type": "x509"}, "'x509'. must be 'jwt'", id="type"),
        pytest.param({"expiration": "soon"}, "invalid credential.auth.fluxcd.io/expiration", id="no-duration"),
        pytest.param({"expiration": "5m"}, "'5m'. must be from 10m to 24h", id="short"),
        pytest.param({"expiration": "48h"}, "'48h'. must be from 10m to 24h", id="long"),
        pytest.param({"audiences": ",".join("abcdefghijk")}, "more than 10 audiences", id="audiences"),
    ],
)
def test_what_cannot_be_is_said_with_the_account(annotations: dict[str, str], message: str) -> None:
    with pytest.raises(LoginFailed, match=r"^service account 'apps/robot': ") as error:
        read_token_settings("apps/robot", {PREFIX + key: value for key, value in annotations.items()})
    assert message in str(error.value)
