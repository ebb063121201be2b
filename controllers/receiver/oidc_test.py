"""`controllers.receiver`: identity tokens of an issuer on this machine, over HTTPS."""

import base64
import json
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ed25519

from controllers.clock import SYSTEM_CLOCK
from controllers.receiver.__main__ import make_issuers
from controllers.receiver.issuers import IssuerKeys
from testing.certificates import create_authority, issue_server_key_pair
from testing.receiver_harness import ReceiverHarness, receiving

VALIDATION = {"expression": "claims.repo == 'org/app'", "message": "not the repository"}


def encoded(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Issuer:
    """An issuer of tokens, its server included."""

    def __init__(self) -> None:
        self.keys = {"a": ed25519.Ed25519PrivateKey.generate()}
        self.asked: list[str] = []
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if request.path.endswith("/openid-configuration"):
            return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/jwks"})
        return web.json_response({"keys": self.public_keys()})

    def public_keys(self) -> list[dict[str, str]]:
        """Return the keys as a JSON Web Key Set has them."""
        return [
            {"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": encoded(key.public_key().public_bytes_raw())}
            for kid, key in self.keys.items()
        ]

    def token(self, kid: str = "a", *, key: ed25519.Ed25519PrivateKey | None = None, **claims: Any) -> str:
        """Return the header for a token with some claims."""
        standard = {"iss": self.url, "aud": "notification-controller", "exp": time.time() + 300, "repo": "org/app"}
        signed = f"{encoded({'alg': 'EdDSA', 'kid': kid})}.{encoded(standard | claims)}"
        signature = (key or self.keys[kid]).sign(signed.encode())
        return f"Authorization: Bearer {signed}.{encoded(signature)}"


@pytest.fixture
async def issuer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Issuer]:
    issuer = Issuer()
    authority = create_authority("issuer")
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
    app = web.Application()
    app.router.add_get("/{path:.*}", issuer.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(
        runner, "127.0.0.1", 0, ssl_context=issue_server_key_pair(authority, "127.0.0.1").server_context()
    )
    await site.start()
    issuer.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    yield issuer
    await runner.cleanup()


@pytest.fixture
async def world() -> AsyncIterator[ReceiverHarness]:
    async with receiving() as harness:
        yield harness


def put_receiver(world: ReceiverHarness, issuer: str) -> str:
    providers = [{"issuerURL": issuer, "validations": [VALIDATION]}]
    return world.put_receiver(type="generic-oidc", secretRef=None, oidcProviders=providers)


async def test_tokens_are_verified_by_the_keys_of_their_issuer(world: ReceiverHarness, issuer: Issuer) -> None:
    path = put_receiver(world, issuer.url)
    await world.ready()
    stranger = ed25519.Ed25519PrivateKey.generate()
    for header, expected in (
        (issuer.token(), (200, "Woken")),
        (issuer.token(aud="another"), (401, "ForeignToken")),
        (issuer.token(exp=time.time() - 120), (401, "ExpiredToken")),
        (issuer.token(repo="org/evil"), (403, "ForeignToken")),
        (issuer.token(iss="https://evil.example.com"), (401, "ForeignToken")),
        (issuer.token(key=stranger), (401, "InvalidSignature")),
        ("Authorization: Bearer nonsense", (401, "InvalidToken")),
        ("X-None: x", (401, "MissingToken")),
    ):
        reply = await world.ask(path, {}, header)
        assert (reply.status, reply.reason) == expected, header
    assert len(issuer.asked) == 2
    issuer.keys["b"] = ed25519.Ed25519PrivateKey.generate()
    assert (await world.ask(path, {}, issuer.token("b"))).reason == "InvalidSignature"  # fetched a moment ago
    assert world.woken() == []


async def test_a_path_that_two_receivers_have_is_served_by_both(world: ReceiverHarness, issuer: Issuer) -> None:
    path = put_receiver(world, issuer.url)
    await world.ready()
    thief = world.put_receiver(
        "hubap", namespace="ps", type="generic-oidc", secretRef=None,
        oidcProviders=[{"issuerURL": "https://evil.example.com", "validations": [VALIDATION]}],
    )  # fmt: skip
    assert thief == path
    await world.wait_until(lambda: world.status("hubap", namespace="ps").get("webhookPath") == path)
    assert (await world.ask(path, {}, issuer.token())).reason == "Woken"
    assert (await world.ask(path, {}, issuer.token(aud="another"))).reason == "ForeignToken"


async def test_an_issuer_that_is_away_is_the_receivers_problem(world: ReceiverHarness, issuer: Issuer) -> None:
    path = put_receiver(world, issuer.url.replace("127.0.0.1", "127.0.0.2"))
    await world.ready()
    reply = await world.ask(path, {}, issuer.token(iss=issuer.url.replace("127.0.0.1", "127.0.0.2")))
    assert (reply.status, reply.reason, reply.header("Retry-After")) == (503, "NotConfigured", "60")


async def test_google_signs_for_everybody_so_audience_and_address_must_be_the_receivers(
    world: ReceiverHarness, issuer: Issuer
) -> None:
    google = "https://accounts.google.com"

    async def fetch(url: str, _: str) -> bytes:
        key = {
            "kty": "OKP",
            "crv": "Ed25519",
            "kid": "a",
            "x": encoded(issuer.keys["a"].public_key().public_bytes_raw()),
        }
        return json.dumps(
            {"issuer": google, "jwks_uri": f"{google}/certs"} if "well" in url else {"keys": [key]}
        ).encode()

    world.process.provide(make_issuers, IssuerKeys(fetch, SYSTEM_CLOCK, logging.getLogger("controllers.test")))
    world.put_secret(audience=b"tagline", email=b"push@org.iam.gserviceaccount.com")
    path = world.put_receiver(type="gcr")
    await world.ready()
    body = {"message": {"data": base64.b64encode(b'{"action":"INSERT","tag":"docker.io/org/app:1"}').decode()}}
    right: dict[str, Any] = {
        "iss": google,
        "aud": "tagline",
        "email": "push@org.iam.gserviceaccount.com",
        "email_verified": True,
    }
    cases: tuple[tuple[dict[str, Any], tuple[int, str]], ...] = (
        ({"aud": "another"}, (401, "ForeignToken")),
        ({"email": "push@evil.iam.gserviceaccount.com"}, (403, "ForeignToken")),
        ({"email_verified": False}, (403, "ForeignToken")),
        ({"iss": issuer.url}, (401, "ForeignToken")),
        ({}, (200, "Woken")),
    )
    for wrong, expected in cases:
        reply = await world.ask(path, body, issuer.token(**right | wrong))
        assert (reply.status, reply.reason) == expected, wrong
    assert world.woken() == ["1"]


async def test_issuers_at_addresses_that_are_not_for_tenants(
    world: ReceiverHarness, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    path = put_receiver(world, "https://169.254.169.254")
    await world.ready()
    reply = await world.ask(path, {}, issuer.token(iss="https://169.254.169.254"))
    assert (reply.status, reply.reason) == (503, "NotConfigured")
    (line,) = [record for record in caplog.records if record.msg == "cannot fetch the keys of an issuer"]
    assert "169.254.169.254 is refused, because it is link-local" in str(vars(line)["error"])
