"""`controllers.registry.client`: other hosts than the image's own, and what they get and say.

A redirect, a realm and a name can lead anywhere. What the Secret has for one host never goes to another, what must not
be asked is not asked, and what others answer is not shown.
"""

import asyncio
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from controllers.image.reference import Image
from controllers.net.destinations import Destinations, parse_networks
from controllers.net.proxy.address import Proxy
from controllers.registry.access import Access
from controllers.registry.dockerconfig import Credentials, Keyring, KeyringEntry
from controllers.registry.errors import BadCredentialSecret, BadResponse, Denied, RegistryError, Unavailable
from controllers.registry.realms import Relations, parse_token_services
from controllers.registry.settings import RegistrySettings
from testing.registry_harness import ALICE, ANONYMOUS, LIST, MINUTE, run_harness
from testing.registry_server import ReceivedRequest, RegistryHandler, Reply, diagnostics, run_listener, run_server

BOB = Credentials("bob", "builder")
SECRETS = ("YWxpY2U6d29uZGVy", "wonder", "token-1")
METADATA = "169.254.169.254"


def seen_of(requests: list[ReceivedRequest]) -> str:
    return " ".join(f"{asked.target} {asked.headers} {asked.body!r}" for asked in requests)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Return the addresses of names, for the test to fill; counts of questions are in `names["asked"]`."""
    known: dict[str, list[str]] = {"asked": []}

    def getaddrinfo(host: str, port: int, **kwargs: Any) -> list[Any]:
        known["asked"].append(host)
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


@pytest.mark.parametrize("auth", ["basic", "bearer"])
@pytest.mark.parametrize("first_auth", ["none", "basic", "bearer"])
async def test_a_redirect_to_another_registry_logs_in_there_with_what_the_secret_has_for_it(
    auth: str, first_auth: str
) -> None:
    other = RegistryHandler({"app": ["1.0"]}, auth=auth, users={"bob": "builder"})
    first = RegistryHandler({"app": []}, auth=first_auth, users={"alice": "wonder"})
    async with run_server(other) as there, run_harness(first) as b:
        other.realm, first.realm = f"http://{there.address}/token", f"http://{b.server.address}/token"
        first.faults = [Reply(307, {"Location": f"http://{there.address}{LIST.removeprefix('GET ')}"})] * 2
        access = Access(ALICE.credentials, keyring=Keyring((KeyringEntry(there.address, BOB),)))
        assert await b.tags(access) == ["1.0"]
        assert not [secret for secret in SECRETS[:2] if secret in seen_of(there.asked)]
        first_tokens = {f"Bearer {token}" for token in first.tokens} - {f"Bearer {token}" for token in other.tokens}
        assert not first_tokens & {asked.headers.get("authorization", "") for asked in there.asked}
        assert await b.tags(access) == ["1.0"]
        assert other.issued == (1 if auth == "bearer" else 0)


async def test_a_redirect_to_another_registry_is_nobody_there_without_an_entry_for_it() -> None:
    other = RegistryHandler({"app": ["1.0"]}, auth="bearer")
    async with run_server(other) as there:
        other.realm = f"http://{there.address}/token"
        first = RegistryHandler({"app": []}, auth="basic", users={"alice": "wonder"})
        first.faults = [Reply(307, {"Location": f"http://{there.address}/v2/group/app/tags/list"})]
        other.repos["group/app"] = ["1.0"]
        async with run_harness(first) as b:
            assert await b.tags(ALICE) == ["1.0"]
        assert "scope=repository%3Agroup%2Fapp%3Apull" in there.asked[1].target
        assert not [secret for secret in SECRETS[:2] if secret in seen_of(there.asked)]
        assert "authorization" not in there.asked[1].headers


async def test_a_token_of_another_registry_that_is_no_longer_good_is_replaced_once() -> None:
    other = RegistryHandler({"app": ["1.0"]}, auth="bearer")
    async with run_server(other) as there, run_harness(RegistryHandler({"app": []})) as b:
        other.realm = f"http://{there.address}/token"
        b.server.handler.faults = [Reply(307, {"Location": f"http://{there.address}/v2/app/tags/list"})] * 3  # type: ignore[attr-defined]
        await b.tags()
        other.tokens.clear()
        assert await b.tags() == ["1.0"]
        assert other.issued == 2
        other.auth = "basic"
        assert "UNAUTHORIZED: authentication required" in await b.expect_error(Denied)


@pytest.mark.parametrize(
    ("auth", "credentials"),
    [
        pytest.param("basic", BOB, id="basic"),
        pytest.param("bearer", BOB, id="bearer"),
        pytest.param("bearer", Credentials(registry_token="registry-token-of-bob"), id="registry-token"),
    ],
)
async def test_another_registry_that_repeats_what_it_was_sent_is_quoted_without(
    auth: str, credentials: Credentials
) -> None:
    other = RegistryHandler({"app": ["1.0"]}, auth=auth, users={"bob": "builder"})

    def repeat(asked: ReceivedRequest) -> Reply:
        if "authorization" in asked.headers and "/token" not in asked.target:
            return diagnostics(403, "DENIED", f"builder {asked.headers['authorization']}")
        return other(asked)

    async with run_server(repeat) as there, run_harness(RegistryHandler({"app": []})) as b:
        other.realm = f"http://{there.address}/token"
        b.server.handler.faults = [Reply(307, {"Location": f"http://{there.address}/v2/app/tags/list"})] * 2  # type: ignore[attr-defined]
        access = Access(keyring=Keyring((KeyringEntry(there.address, credentials),)))
        for _ in range(2):  # with a token that is new, and with one that is remembered
            message = await b.expect_error(Denied, access)
            assert "DENIED: " in message
            assert "REDACTED" in message
            for secret in ("Ym9iOmJ1aWxkZXI=", "registry-token-of-bob", *other.tokens):
                assert secret not in message
            assert credentials != BOB or "builder" not in message


async def test_credentials_for_another_registry_that_cannot_be_sent_are_refused_once_they_are_wanted() -> None:
    other = RegistryHandler({"app": ["1.0"]}, auth="basic", users={"bob": "builder"})
    async with run_server(other) as there, run_harness(RegistryHandler({"app": ["2.0"]})) as b:
        entry = KeyringEntry(there.address, Credentials("bob", "buil\nder"), "secret 'apps/pull': '.dockerconfigjson'")
        access = Access(keyring=Keyring((entry,)))
        assert await b.tags(access) == ["2.0"]
        b.server.handler.faults = [Reply(307, {"Location": f"http://{there.address}/v2/app/tags/list"})]  # type: ignore[attr-defined]
        message = await b.expect_error(BadCredentialSecret, access)
        assert message.startswith(f"pull secrets: '{there.address}': the password has a line break in it; ")
        assert "authorization" not in there.asked[-1].headers


@pytest.mark.parametrize("insecure", [False, True], ids=["secure", "insecure-alone"])
@pytest.mark.parametrize("credentials", [BOB, Credentials(registry_token="of-bob")], ids=["login", "token"])
async def test_credentials_for_another_registry_do_not_go_there_in_plain_text(
    credentials: Credentials, insecure: bool, names: dict[str, list[str]]
) -> None:
    names["other.example"] = ["127.0.0.1"]
    settings = RegistrySettings(destinations=Destinations(allowed=parse_networks(["127.0.0.0/8"])))
    other = RegistryHandler({"app": ["1.0"]}, auth="bearer", users={"bob": "builder"})
    async with run_server(other) as there, run_harness(RegistryHandler({"app": []}), settings=settings) as b:
        name = f"other.example:{there.address.partition(':')[2]}"
        other.realm = f"http://{name}/token"
        b.server.handler.faults = [Reply(307, {"Location": f"http://{name}/v2/app/tags/list"})]  # type: ignore[attr-defined]
        access = Access(insecure=insecure, keyring=Keyring((KeyringEntry(name, credentials),)))
        message = await b.expect_error(BadResponse, access)
        assert message == f"redirect to {name}: it would get the credentials in plain text"
        assert "authorization" not in seen_of(there.asked)


async def test_a_ping_that_is_redirected_does_not_say_where_credentials_go() -> None:
    other = RegistryHandler({"app": ["1.0"]}, auth="bearer")

    def first(asked: ReceivedRequest) -> Reply:
        return Reply(307, {"Location": f"http://{there.address}{asked.target}"})

    async with run_server(other) as there, run_harness(first) as b:
        other.realm = f"http://{there.address}/token"
        assert await b.tags(ALICE) == ["1.0"]
        assert not [secret for secret in SECRETS[:2] if secret in seen_of(there.asked)]


# A host that tenants share: each answers for a repository.


class SharedHost:
    """A registry with a token service; whoever owns the repository `evil` answers for it."""

    def __init__(self, evil: Callable[[], str]) -> None:
        self.registry = RegistryHandler({"app": ["1.0"]}, auth="bearer", users={"alice": "wonder"})
        self.evil = evil

    def __call__(self, asked: ReceivedRequest) -> Reply:
        if asked.path.startswith("/v2/evil/"):
            return Reply(401, {"WWW-Authenticate": f'Bearer realm="{self.evil()}",service="registry"'})
        return self.registry(asked)


@pytest.mark.parametrize("credentials", [Credentials("alice", "wonder"), Credentials(identity_token="identity")])
async def test_a_realm_that_one_repository_names_is_not_that_of_the_next(credentials: Credentials) -> None:
    async with run_server(lambda asked: Reply(body=b'{"token": "stolen"}')) as thief:
        host = SharedHost(lambda: f"http://{thief.address}/token")
        async with run_harness(host) as b:
            host.registry.realm = f"http://{b.server.address}/token"
            with pytest.raises(RegistryError):
                await b.tags(repo="evil")
            thief.asked.clear()
            assert await b.tags(Access(credentials)) == ["1.0"]
            assert thief.asked == []


@pytest.mark.parametrize("credentials", [Credentials("alice", "wonder"), Credentials(identity_token="identity")])
async def test_a_realm_of_a_stranger_gets_no_credentials(credentials: Credentials, names: dict[str, list[str]]) -> None:
    settings = RegistrySettings(destinations=Destinations(allowed=parse_networks(["127.0.0.0/8"])))
    names["thief.example"] = ["127.0.0.1"]
    async with run_server(lambda asked: Reply(body=b'{"token": "useless"}')) as thief:
        port = thief.address.rpartition(":")[2]
        host = SharedHost(lambda: f"http://thief.example:{port}/token")
        async with run_harness(host, settings=settings) as b:
            host.registry.realm = f"http://{b.server.address}/token"
            with pytest.raises(Denied) as caught:
                await b.tags(Access(credentials), repo="evil")
            assert str(caught.value).endswith(
                "the credentials were not sent to the token service at thief.example, which is not known to belong to "
                f"{b.server.address}: if it does, allow it with "
                f"--registry-token-services={b.server.address}=thief.example"
            )
        assert [asked.method for asked in thief.asked] == ["GET"]
        assert not [secret for secret in (*SECRETS, "identity") if secret in seen_of(thief.asked)]


async def test_a_token_service_that_the_operator_names_gets_credentials(names: dict[str, list[str]]) -> None:
    names["login.example"] = ["127.0.0.1"]
    registry = RegistryHandler({"app": ["1.0"]}, auth="bearer", users={"alice": "wonder"})
    async with run_server(registry) as login:
        registry.realm = f"http://login.example:{login.address.rpartition(':')[2]}/token"
        relations = Relations(parse_token_services(["127.0.0.1=login.example"]))
        settings = RegistrySettings(
            destinations=Destinations(allowed=parse_networks(["127.0.0.0/8"])), relations=relations
        )
        async with run_harness(registry, settings=settings) as b:
            assert await b.tags(ALICE) == ["1.0"]


# Where a host that means harm leads us.


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(307, {"Location": f"http://{METADATA}/latest/meta-data/"}), id="redirect"),
        pytest.param(Reply(307, {"Location": "http://metadata.example/"}), id="redirect-by-name"),
        pytest.param(Reply(307, {"Location": "http://[::ffff:a9fe:a9fe]/"}), id="redirect-by-mapped-address"),
        pytest.param(Reply(307, {"Location": "http://2852039166/"}), id="redirect-by-number"),
        pytest.param(Reply(401, {"WWW-Authenticate": f'Bearer realm="http://{METADATA}/latest"'}), id="realm"),
        pytest.param(Reply(401, {"WWW-Authenticate": 'Bearer realm="http://metadata.example/"'}), id="realm-by-name"),
        pytest.param(Reply(307, {"Location": "http://kubernetes.default.svc/"}), id="service"),
    ],
)
async def test_internal_services_are_not_asked(reply: Reply, names: dict[str, list[str]]) -> None:
    names |= {"metadata.example": [METADATA], "2852039166": [METADATA], "kubernetes.default.svc": ["10.96.0.1"]}
    settings = RegistrySettings(destinations=Destinations(denied=parse_networks(["10.96.0.0/12"])))
    async with run_harness(RegistryHandler({"app": []}, faults=[reply]), settings=settings) as b:
        message = await b.expect_error(BadResponse, timeout=timedelta(seconds=5))
    assert "is refused, because it is" in message
    assert "--allowed-networks" in message


@pytest.mark.parametrize("registry", ["rebinding.example", METADATA, "kubernetes.default.svc.example"])
async def test_an_image_whose_name_leads_inside_is_not_asked(registry: str, names: dict[str, list[str]]) -> None:
    names |= {"rebinding.example": ["127.0.0.1"], "kubernetes.default.svc.example": ["10.96.0.1"]}
    settings = RegistrySettings(destinations=Destinations(denied=parse_networks(["10.96.0.0/12"])))
    async with run_harness(RegistryHandler({"app": ["1.0"]}), settings=settings) as b:
        image = Image(f"{registry}:{b.server.address.rpartition(':')[2]}", "app")
        with pytest.raises(BadResponse, match=r"is refused, because it is"):
            await b.client.list_tags(image, Access(insecure=True), timeout=MINUTE)
        assert b.server.connections == 0


async def test_a_proxy_of_a_secret_that_is_inside_is_not_asked() -> None:
    async with run_harness(RegistryHandler({"app": ["1.0"]})) as b:
        access = Access(proxy=Proxy(f"http://{b.server.address}"))
        with pytest.raises(BadResponse, match="is this machine itself"):
            await b.client.list_tags(Image("registry.example", "app"), access, timeout=MINUTE)
        assert b.server.connections == 0


@pytest.mark.parametrize(("service", "is_asked"), [("token.infra.svc", True), ("kubernetes.default.svc", False)])
async def test_a_proxy_is_asked_for_services_that_are_allowed_only(
    service: str, is_asked: bool, names: dict[str, list[str]]
) -> None:
    names |= {"token.infra.svc": ["10.96.0.50"], "kubernetes.default.svc": ["10.96.0.1"]}

    def proxy(asked: ReceivedRequest) -> Reply:
        if asked.method == "CONNECT":
            return Reply(502)
        away = Reply(307, {"Location": f"http://{service}/secrets"})
        return away if asked.target.endswith("/tags/list?n=1000") else Reply()

    allowed = parse_networks(["127.0.0.0/8", "10.96.0.50"])
    settings = RegistrySettings(destinations=Destinations(denied=parse_networks(["10.96.0.0/12"]), allowed=allowed))
    async with run_harness(proxy, settings=settings) as b:
        access = Access(insecure=True, proxy=Proxy(f"http://{b.server.address}"))
        with pytest.raises(BadResponse, match=None if is_asked else "is refused, because it is in the cluster"):
            await b.client.list_tags(Image("registry.example", "app"), access, timeout=MINUTE)
        assert (f"GET http://{service}/secrets" in b.server.targets()) == is_asked


async def test_a_connection_to_this_machine_is_not_lent_to_others(names: dict[str, list[str]]) -> None:
    """The pool has an open connection to the local registry when a foreign one redirects to it."""
    names["foreign.example"] = ["127.0.0.2"]

    def foreign(asked: ReceivedRequest) -> Reply:
        return Reply(307, {"Location": f"http://{b.server.address}/v2/app/tags/list"})

    settings = RegistrySettings(destinations=Destinations(allowed=parse_networks(["127.0.0.2"])))
    async with (
        run_server(foreign, host="127.0.0.2") as there,
        run_harness(RegistryHandler({"app": ["1.0"]}), settings=settings) as b,
    ):
        await b.tags()
        del b.server.asked[:]
        image = Image(f"foreign.example:{there.address.rpartition(':')[2]}", "app")
        with pytest.raises(BadResponse, match="is this machine itself"):
            await b.client.list_tags(image, Access(insecure=True), timeout=MINUTE)
        assert b.server.asked == []


async def test_a_name_is_resolved_once_for_a_connection(names: dict[str, list[str]]) -> None:
    names["registry.example"] = ["127.0.0.1", METADATA]
    settings = RegistrySettings(destinations=Destinations(allowed=parse_networks(["127.0.0.1"])))
    async with run_harness(RegistryHandler({"app": ["1.0"]}), settings=settings) as b:
        image = Image(f"registry.example:{b.server.address.rpartition(':')[2]}", "app")
        assert (await b.client.list_tags(image, Access(insecure=True), timeout=MINUTE)).tags == ["1.0"]
        assert len(names["asked"]) == b.server.connections


async def test_the_next_address_is_tried_where_the_first_does_not_answer(names: dict[str, list[str]]) -> None:
    names["registry.example"] = ["127.0.0.3", "127.0.0.1"]  # nobody listens on the first
    settings = RegistrySettings(destinations=Destinations(allowed=parse_networks(["127.0.0.0/8"])))
    async with run_harness(RegistryHandler({"app": ["1.0"]}), settings=settings) as b:
        image = Image(f"registry.example:{b.server.address.rpartition(':')[2]}", "app")
        assert (await b.client.list_tags(image, Access(insecure=True), timeout=MINUTE)).tags == ["1.0"]


@pytest.mark.parametrize("host", ["nosuch.example", "x" * 64 + ".example"])
async def test_a_name_without_an_address_is_reported(host: str, names: dict[str, list[str]]) -> None:
    names["asked"].clear()
    away = Reply(307, {"Location": f"http://{host}/"})
    async with run_harness(RegistryHandler({"app": []}, faults=[away])) as b:
        message = await b.expect_error(Unavailable)
    assert message == f'Get "http://{host}/": dial tcp: lookup {host}: no such host'


# What others say is not shown.

SECRET_PAGE = b'{"errors": [{"code": "X", "message": "root:x:0:0"}], "password": "hunter2"}'


@pytest.mark.parametrize("status", [200, 400, 403, 404, 429, 500])
async def test_the_answer_of_another_host_is_not_quoted(status: int, names: dict[str, list[str]]) -> None:
    names["internal.example"] = ["127.0.0.1"]
    async with run_server(lambda asked: Reply(status, {"Content-Type": "x/hunter2"}, SECRET_PAGE)) as internal:
        port = internal.address.rpartition(":")[2]
        away = Reply(307, {"Location": f"http://internal.example:{port}/secrets"})
        async with run_harness(RegistryHandler({"app": []}, faults=[away] * 9)) as b:
            message = await b.expect_error(RegistryError)
    assert "hunter2" not in message
    assert "root:" not in message
    assert "another host" in message or "internal.example" in message


async def test_the_answer_of_a_token_service_elsewhere_is_not_quoted(names: dict[str, list[str]]) -> None:
    names["internal.example"] = ["127.0.0.1"]
    async with run_server(lambda asked: Reply(500, {}, SECRET_PAGE)) as internal:
        realm = f"http://internal.example:{internal.address.rpartition(':')[2]}/secrets"
        async with run_harness(lambda asked: Reply(401, {"WWW-Authenticate": f'Bearer realm="{realm}"'})) as b:
            message = await b.expect_error(RegistryError, ANONYMOUS)
    assert "hunter2" not in message
    assert "root:" not in message
    assert "answered: 500 Internal Server Error" in message


async def test_what_is_no_http_is_not_quoted() -> None:
    async def ssh(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"SSH-2.0-hunter2\r\n\r\n")
        await writer.drain()

    async with run_listener(ssh) as address:
        away = Reply(307, {"Location": f"http://{address}/"})
        async with run_harness(RegistryHandler({"app": []}, faults=[away])) as b:
            message = await b.expect_error(RegistryError)
    assert "malformed HTTP response" in message
    assert "hunter2" not in message
