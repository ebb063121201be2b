"""Tokens of ServiceAccounts: for whom they must not be."""

import base64
import json
from pathlib import Path

import pytest

from controllers.cloud.errors import ServiceAccountFailed
from controllers.cloudaccess.tokens import Claims, check_audiences, own_audiences, read_claims

ISSUER = "https://kubernetes.default.svc"


def token(**claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"head.{body}.signature"


def test_claims_are_read_whatever_the_form_of_audiences() -> None:
    assert read_claims(token(iss=ISSUER, aud="one")).audiences == ("one",)
    assert read_claims(token(iss=ISSUER, aud=["one", "two"], exp=1)).audiences == ("one", "two")


@pytest.mark.parametrize("text", ["", "opaque", "a.b.c", "a.ä.c", token(aud=7)])
def test_a_text_that_is_no_token_has_no_claims(text: str) -> None:
    assert read_claims(text) == Claims()


def test_a_token_that_the_cluster_itself_would_take_is_refused() -> None:
    check_audiences(token(iss=ISSUER, aud=["registry.example.com"]), ["api"])
    for aud in (ISSUER, ["registry.example.com", ISSUER], ["registry.example.com", "api"]):
        with pytest.raises(
            ServiceAccountFailed, match="is not allowed as it is intended for the local kubernetes clus"
        ):
            check_audiences(token(iss=ISSUER, aud=aud), ["api"])


def test_the_processs_own_audiences_are_those_of_its_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    assert own_audiences(file) == ()
    file.write_text(token(aud=["api"]))
    assert own_audiences(file) == ("api",)
