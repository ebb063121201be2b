import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from controllers.webhooks.judge import judge
from controllers.webhooks.request import Request
from controllers.webhooks.settings import Provider, Settings, Validation
from controllers.webhooks.verdict import Accepted, Refused

NOW = datetime(2026, 11, 30, 7, tzinfo=UTC)
RSA_KEY = rsa.generate_private_key(65537, 2048)
OTHER_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
GOOGLE = "https://accounts.google.com"
GITHUB = "https://token.actions.githubusercontent.com"
Claims = dict[str, Any]


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8))


def jwk(**extra: str) -> dict[str, str]:
    public = RSA_KEY.public_key().public_numbers()
    return {
        "kty": "RSA",
        "kid": "1",
        "alg": "RS256",
        "use": "sig",
        "n": number(public.n),
        "e": number(public.e),
        **extra,
    }


EC_JWK = {
    "kty": "EC",
    "kid": "2",
    "crv": "P-256",
    "x": b64(EC_KEY.public_key().public_numbers().x.to_bytes(32)),
    "y": b64(EC_KEY.public_key().public_numbers().y.to_bytes(32)),
}
ED_JWK = {"kty": "OKP", "kid": "3", "crv": "Ed25519", "x": b64(ED_KEY.public_key().public_bytes_raw())}
KEYS = {"keys": [{"kty": "oct", "k": "c2VjcmV0"}, jwk(), EC_JWK, ED_JWK]}


def sign_rs256(signed: bytes, key: rsa.RSAPrivateKey = RSA_KEY) -> bytes:
    return key.sign(signed, padding.PKCS1v15(), hashes.SHA256())


def sign_es256(signed: bytes) -> bytes:
    r, s = utils.decode_dss_signature(EC_KEY.sign(signed, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def token(claims: Claims, header: Claims | None = None, sign: Callable[[bytes], bytes] = sign_rs256) -> str:
    parts = [{"alg": "RS256", "kid": "1", "typ": "JWT", **(header or {})}, claims]
    signed = ".".join(b64(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{b64(sign(signed.encode()))}"


def claims(**changed: Any) -> Claims:
    seconds = int(NOW.timestamp())
    return {
        "iss": GOOGLE,
        "aud": "tagline",
        "email": "push@p.iam.gserviceaccount.com",
        "email_verified": True,
        "sub": "1",
        "iat": seconds - 60,
        "exp": seconds + 3540,
        **changed,
    }


SECRET = {"token": b"t", "email": b"push@p.iam.gserviceaccount.com", "audience": b"tagline"}


def google(bearer: str, secret: dict[str, bytes] = SECRET, keys: Any = KEYS) -> tuple[int, str]:
    request = Request(arrived=NOW, body=b'{"action":"DELETE"}', headers=(("Authorization", bearer),) if bearer else ())
    found = judge(request, Settings(type="gcr", secrets=(secret,), keys={GOOGLE: keys}))
    return found.status, found.reason if isinstance(found, Refused) else found.authenticated_by


def without(name: str) -> Claims:
    return {key: value for key, value in claims().items() if key != name}


@pytest.mark.parametrize(
    "valid",
    [
        pytest.param(token(claims()), id="rs256"),
        pytest.param(token(claims(), {"alg": "ES256", "kid": "2"}, sign_es256), id="es256"),
        pytest.param(token(claims(), {"alg": "EdDSA", "kid": "3"}, ED_KEY.sign), id="eddsa"),
        pytest.param(token(claims(iss="accounts.google.com")), id="issuer-without-scheme"),
        pytest.param(token(claims(aud=["other", "tagline"])), id="several-audiences"),
        pytest.param(token(claims(exp=NOW.timestamp() - 30)), id="clock-skew"),
        pytest.param(token(claims(exp=10**400)), id="an-expiry-of-hundreds-of-digits"),
        pytest.param(token(claims(), {"kid": None}), id="without-kid"),
    ],
)
def test_token_of_the_subscription_is_accepted(valid: str) -> None:
    assert google(f"Bearer {valid}") == (200, "identity token")


@pytest.mark.parametrize(
    ("bearer", "answer"),
    [
        pytest.param("", (401, "MissingToken"), id="none"),
        pytest.param("Basic eDp5", (401, "MissingToken"), id="basic"),
        pytest.param("Bearer x.y", (401, "InvalidToken"), id="two-parts"),
        pytest.param("Bearer x.y.z", (401, "InvalidToken"), id="no-json"),
        pytest.param(f"Bearer {'x' * 20000}.y.z", (401, "InvalidToken"), id="too-long"),
        pytest.param(f"Bearer {token(claims(aud='https://other.example.com'))}", (401, "ForeignToken"), id="audience"),
        pytest.param(f"Bearer {token(without('aud'))}", (401, "ForeignToken"), id="no-audience"),
        pytest.param(
            f"Bearer {token(claims(email='eve@evil.iam.gserviceaccount.com'))}", (403, "ForeignToken"), id="email"
        ),
        pytest.param(f"Bearer {token(without('email'))}", (403, "ForeignToken"), id="no-email"),
        pytest.param(f"Bearer {token(claims(email_verified=False))}", (403, "ForeignToken"), id="unverified-email"),
        pytest.param(f"Bearer {token(claims(email_verified='true'))}", (403, "ForeignToken"), id="verified-as-text"),
        pytest.param(f"Bearer {token(claims(iss='https://evil.example.com'))}", (401, "ForeignToken"), id="issuer"),
        pytest.param(f"Bearer {token(claims(exp=NOW.timestamp() - 61))}", (401, "ExpiredToken"), id="expired"),
        pytest.param(f"Bearer {token(without('exp'))}", (401, "ExpiredToken"), id="no-expiry"),
        pytest.param(f"Bearer {token(claims(exp=True))}", (401, "ExpiredToken"), id="expiry-is-no-number"),
        pytest.param(f"Bearer {token(claims(nbf=NOW.timestamp() + 120))}", (401, "ExpiredToken"), id="not-yet"),
        pytest.param(f"Bearer {token(claims(iat=10**400))}", (401, "ExpiredToken"), id="never"),
        pytest.param(
            f"Bearer {token(claims(), sign=lambda data: sign_rs256(data, OTHER_KEY))}",
            (401, "InvalidSignature"),
            id="key",
        ),
        pytest.param(
            f"Bearer {token(claims(), {'alg': 'none'}, lambda _: b'')}", (401, "InvalidSignature"), id="alg-none"
        ),
        pytest.param(
            f"Bearer {token(claims(), {'alg': 'HS256'}, lambda _: b'x')}", (401, "InvalidSignature"), id="alg-hs256"
        ),
        pytest.param(
            f"Bearer {token(claims(), {'alg': 'ES256'})}", (401, "InvalidSignature"), id="alg-of-another-kind"
        ),
        pytest.param(f"Bearer {token(claims(), {'kid': 'unknown'})}", (401, "InvalidSignature"), id="kid"),
        pytest.param(f"Bearer {token(claims(), {'crit': ['x']})}", (401, "InvalidSignature"), id="critical-extension"),
        pytest.param(
            f"Bearer {token(claims(), {'alg': 'ES256', 'kid': '2'}, lambda _: bytes(64))}",
            (401, "InvalidSignature"),
            id="signature-of-zeros",
        ),
    ],
)
def test_every_other_token_is_refused(bearer: str, answer: tuple[int, str]) -> None:
    assert google(bearer) == answer


@pytest.mark.parametrize("missing", ["email", "audience"])
def test_google_receiver_without_email_or_audience_accepts_no_token(missing: str) -> None:
    secret = {key: value for key, value in SECRET.items() if key != missing}
    assert google(f"Bearer {token(claims())}", secret) == (503, "NotConfigured")


def test_without_the_issuers_keys_nothing_is_accepted() -> None:
    assert google(f"Bearer {token(claims())}", keys=None) == (503, "NotConfigured")
    key_sets: tuple[Any, ...] = (
        {"keys": []},
        {"keys": "x"},
        {"keys": [jwk(n="AQAB")]},
        {"keys": [jwk(use="enc")]},
        {"keys": [7, {}]},
    )
    for unusable in key_sets:
        assert google(f"Bearer {token(claims())}", keys=unusable) == (401, "InvalidSignature")


def oidc(bearer: str, *validations: str, **provider: Any) -> Accepted | Refused:
    providers = (Provider(GITHUB, tuple(Validation(text) for text in validations), **provider),)
    request = Request(
        arrived=NOW, body=b'{"image":"ghcr.io/org/app","tag":"1.2.3"}', headers=(("Authorization", bearer),)
    )
    settings = Settings(
        type="generic-oidc",
        providers=providers,
        keys={GITHUB: KEYS},
        filter="claims.repository_owner == 'org'",
        image_expression="req.image",
        tag_expression="req.tag",
    )
    return judge(request, settings)


def ci(**changed: Any) -> str:
    given = {"iss": GITHUB, "aud": "notification-controller", "repository_owner": "org", "ref": "refs/heads/main"}
    return f"Bearer {token(claims(**given) | changed)}"


def test_token_of_a_ci_job_is_accepted_when_its_claims_are_valid() -> None:
    found = oidc(
        ci(),
        "claims.repository_owner == 'org'",
        "vars.branch == 'main'",
        variables=(("branch", "claims.ref.split('/')[2]"),),
    )
    assert isinstance(found, Accepted)
    assert [event.image for event in found.events] == ["ghcr.io/org/app:1.2.3"]
    assert found.claims["repository_owner"] == "org"


@pytest.mark.parametrize(
    ("bearer", "validations", "status"),
    [
        pytest.param(ci(repository_owner="evil"), ["claims.repository_owner == 'org'"], 403, id="claim"),
        pytest.param(ci(), ["claims.missing == 'org'"], 403, id="claim-is-missing"),
        pytest.param(ci(), ["'org'"], 403, id="validation-is-no-condition"),
        pytest.param(ci(), ["claims.repository_owner =="], 503, id="validation-cannot-be-compiled"),
        pytest.param(ci(), [], 503, id="no-validation"),
        pytest.param(ci(iss="https://evil.example.com"), ["true"], 401, id="issuer"),
        pytest.param(ci(aud="sts.amazonaws.com"), ["true"], 401, id="audience"),
    ],
)
def test_valid_signature_authorizes_nobody(bearer: str, validations: list[str], status: int) -> None:
    found = oidc(bearer, *validations)
    assert isinstance(found, Refused)
    assert found.status == status
