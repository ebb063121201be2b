"""`controllers.registry`: every way to log in to a real registry, the CNCF distribution and Gitea's."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.kinds import RECONCILED
from e2e.cluster import Space
from e2e.conftest import Parts, proxies_allowed
from e2e.objects import docker_secret, image_repository, semver_policy
from e2e.registry_servers import (
    PASSWORD,
    USER,
    HostileRegistry,
    HostileRegistryHandler,
    RegistryEndpoint,
    TokenServer,
    htpasswd,
    start_registry,
)
from e2e.running import Running
from hack.controllers import ROOT
from hack.env import pki
from hack.oci import Pusher
from testing.address import HOST, LOOPBACK
from testing.proxy import ProxyServer

NAME = "registry.internal"
FOUND = "found 2 tags"


@dataclass(frozen=True, slots=True)
class RegistryVariants:
    """One storage with an image `team/app` of two tags, and a door of each kind."""

    open: RegistryEndpoint
    by_password: RegistryEndpoint
    by_token: RegistryEndpoint
    tls: RegistryEndpoint
    mutual_tls: RegistryEndpoint
    tokens: TokenServer
    authority: bytes
    certificate: bytes
    key: bytes


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryVariants]:
    """Yield registries with every kind of access."""
    folder: Path = tmp_path_factory.mktemp("variants")
    storage = folder / "storage"
    authority = pki.new_authority("private")
    (folder / "authority.crt").write_bytes(authority.certificate_pem())
    certificate, key = authority.issue("server", folder, ("localhost", NAME), addresses=(HOST,))
    tls = {"certificate": str(certificate), "key": str(key)}
    tokens = TokenServer(folder / "tokens")
    door = start_registry(folder / "open", storage)
    with Pusher(door.host) as pusher:
        pusher.push_tags("team/app", ["1.0.0", "1.1.0"])
    doors = RegistryVariants(
        open=door,
        by_password=start_registry(folder / "password", storage, auth=htpasswd(folder / "password")),
        by_token=start_registry(folder / "token", storage, auth=tokens.auth),
        tls=start_registry(folder / "tls", storage, tls=tls, authority=folder / "authority.crt"),
        mutual_tls=start_registry(folder / "mutual", storage, tls=tls | {"clientcas": [str(folder / "authority.crt")]}),
        tokens=tokens,
        authority=authority.certificate_pem(),
        certificate=certificate.read_bytes(),
        key=key.read_bytes(),
    )
    yield doors
    for one in (doors.open, doors.by_password, doors.by_token, doors.tls, doors.mutual_tls, doors.tokens):
        one.close()


def tls_secret(space: Space, name: str, **data: bytes) -> None:
    """Apply a Secret for `certSecretRef`; two underscores in a key are a dot."""
    encoded = {key.replace("__", "."): base64.b64encode(value).decode() for key, value in data.items()}
    space.apply("Secret", name, data=encoded)


def take_away_workload_identity(space: Space) -> None:
    """Remove the rights of the component, which other tests have installed."""
    rights = ROOT / "manifests" / "components" / "workload-identity" / "rbac.yaml"
    space.kubectl("delete", "-f", str(rights), "--ignore-not-found")


def test_anonymous(space: Space, variants: RegistryVariants) -> None:
    image_repository(space, "app", f"{variants.open.host}/team/app")
    found = space.wait_ready("ImageRepository", "app", message=FOUND)
    assert found["status"]["canonicalImageName"] == f"{variants.open.host}/team/app"


@pytest.mark.parametrize("kind", ["dockerconfigjson", "dockercfg", "serviceaccount"])
def test_password_in_every_kind_of_secret(space: Space, variants: RegistryVariants, kind: str) -> None:
    host = variants.by_password.host
    entry = {host: {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}}
    if kind == "dockercfg":
        space.apply("Secret", "pull", type="kubernetes.io/dockercfg", stringData={".dockercfg": json.dumps(entry)})
    else:
        docker_secret(space, "pull", host, USER, PASSWORD)
    if kind == "serviceaccount":
        space.apply("ServiceAccount", "robot", imagePullSecrets=[{"name": "pull"}])
        image_repository(space, "app", f"{host}/team/app", serviceAccountName="robot")
    else:
        image_repository(space, "app", f"{host}/team/app", secretRef={"name": "pull"})
    space.wait_ready("ImageRepository", "app", message=FOUND)


def test_token_service(space: Space, variants: RegistryVariants) -> None:
    host = variants.by_token.host
    image_repository(space, "anonymous", f"{host}/team/app")
    docker_secret(space, "pull", host, USER, PASSWORD)
    image_repository(space, "app", f"{host}/team/app", secretRef={"name": "pull"})
    space.wait_ready("ImageRepository", "app", message=FOUND)
    space.wait_not_ready("ImageRepository", "anonymous", reason="ReadOperationFailed", message="UNAUTHORIZED")
    assert set(variants.tokens.requested_scopes) == {"repository:team/app:pull"}
    before = len(variants.tokens.requested_scopes)
    space.request_and_wait("ImageRepository", "app")
    assert len(variants.tokens.requested_scopes) == before  # the token of the first scan is still good


@pytest.mark.parametrize("keys", [("ca__crt",), ("caFile",)], ids=["ca.crt", "caFile"])
def test_private_authority(space: Space, variants: RegistryVariants, keys: tuple[str]) -> None:
    image = f"{variants.tls.host}/team/app"
    image_repository(space, "app", image, insecure=False)
    space.wait_not_ready("ImageRepository", "app", reason="ReadOperationFailed", message="unknown authority")
    tls_secret(space, "tls", **{keys[0]: variants.authority})
    space.patch("ImageRepository", "app", {"certSecretRef": {"name": "tls"}})
    space.wait_ready("ImageRepository", "app", message=FOUND)


def test_client_certificate(space: Space, variants: RegistryVariants) -> None:
    image = f"{variants.mutual_tls.host}/team/app"
    tls_secret(space, "tls", ca__crt=variants.authority)
    image_repository(space, "app", image, insecure=False, certSecretRef={"name": "tls"})
    space.wait_not_ready("ImageRepository", "app", reason="ReadOperationFailed", message="tls: |EOF|reset")
    tls_secret(space, "both", ca__crt=variants.authority, tls__crt=variants.certificate, tls__key=variants.key)
    space.patch("ImageRepository", "app", {"certSecretRef": {"name": "both"}})
    space.wait_ready("ImageRepository", "app", message=FOUND)


@pytest.fixture
def with_local_proxies(any_controllers: Running) -> Iterator[None]:
    """Let the operator allow proxies of the tests to scans for a while."""
    with proxies_allowed(any_controllers, "imagerepository"):
        yield


@pytest.mark.usefixtures("with_local_proxies")
def test_behind_a_proxy(space: Space, variants: RegistryVariants) -> None:
    with ProxyServer("http", routes={f"{NAME}:5443": variants.tls.host}) as proxy:
        space.apply("Secret", "proxy", stringData={"address": proxy.url})
        tls_secret(space, "tls", ca__crt=variants.authority)
        references = {"proxySecretRef": {"name": "proxy"}, "certSecretRef": {"name": "tls"}}
        image_repository(space, "app", f"{NAME}:5443/team/app", **references)
        space.wait_ready("ImageRepository", "app", message=FOUND)
        assert set(proxy.asked) == {f"CONNECT {NAME}:5443"}
        image_repository(space, "elsewhere", "other.internal:5443/team/app", **references)
        space.wait_not_ready("ImageRepository", "elsewhere", reason="ReadOperationFailed", message="502")


def test_a_proxy_inside_is_not_asked_for_what_is_outside(space: Space) -> None:
    with ProxyServer("http", host=LOOPBACK) as proxy:
        space.apply("Secret", "proxy", stringData={"address": proxy.url})
        image_repository(space, "app", f"{NAME}:5443/team/app", proxySecretRef={"name": "proxy"})
        space.wait_not_ready("ImageRepository", "app", reason="ReadOperationFailed", message="--allowed-networks")
        assert proxy.asked == []


def test_a_redirect_to_a_registry_that_wants_a_token(space: Space, variants: RegistryVariants) -> None:
    there = variants.by_token.host
    first = HostileRegistry(lambda h: h.answer(307, b"", Location=f"http://{there}{h.path}"))
    docker_secret(space, "pull", there, USER, PASSWORD)
    image_repository(space, "app", f"{first.host}/team/app", secretRef={"name": "pull"})
    space.wait_ready("ImageRepository", "app", message=FOUND)
    docker_secret(space, "first", first.host, USER, PASSWORD)
    image_repository(space, "nobody", f"{first.host}/team/app", secretRef={"name": "first"})
    # The token service knows the same password, but it is not for this host.
    space.wait_not_ready("ImageRepository", "nobody", reason="ReadOperationFailed", message="UNAUTHORIZED: who")
    first.close()


def test_a_repository_of_a_shared_host_does_not_get_the_password_for_the_next(space: Space) -> None:
    got: list[str] = []

    def steal(hostile: HostileRegistryHandler) -> None:
        got.append(hostile.headers.get("Authorization", ""))
        hostile.answer(200, b'{"token": "useless"}')

    def serve(hostile: HostileRegistryHandler) -> None:
        if hostile.path.startswith("/token"):
            hostile.answer(200, b'{"token": "good"}')
        elif hostile.path.startswith("/v2/evil/"):
            hostile.answer(401, b"", WWW_Authenticate=f'Bearer realm="http://{thief.host}/token"')
        elif hostile.headers.get("Authorization") == "Bearer good":
            hostile.tags("1.0.0", "1.1.0")
        else:
            hostile.answer(401, b"", WWW_Authenticate=f'Bearer realm="http://{shared.host}/token"')

    thief, shared = HostileRegistry(steal), HostileRegistry(serve)
    image_repository(space, "evil", f"{shared.host}/evil")
    space.wait_not_ready("ImageRepository", "evil", reason="ReadOperationFailed", message="401")
    docker_secret(space, "pull", shared.host, USER, PASSWORD)
    image_repository(space, "victim", f"{shared.host}/team/app", secretRef={"name": "pull"})
    space.wait_ready("ImageRepository", "victim", message=FOUND)
    assert set(got) == {""}
    thief.close()
    shared.close()


def test_registry_of_gitea(space: Space, parts: Parts) -> None:
    host = parts.git_url.removeprefix("http://")
    with Pusher(host, user=parts.git_user, password=parts.git_password) as pusher:
        pusher.push_tags(f"{parts.git_user}/{space.name}", ["1.0.0", "1.1.0"])
    docker_secret(space, "pull", host, parts.git_user, parts.git_password)
    image_repository(space, "app", f"{host}/{parts.git_user}/{space.name}", secretRef={"name": "pull"})
    space.wait_ready("ImageRepository", "app", message=FOUND)


def test_a_rotated_password_works_at_the_next_scan(space: Space, variants: RegistryVariants) -> None:
    host = variants.by_password.host
    docker_secret(space, "pull", host, USER, "old")
    image_repository(space, "app", f"{host}/team/app", secretRef={"name": "pull"}, interval="1s")
    space.wait_not_ready("ImageRepository", "app", reason="ReadOperationFailed", message="UNAUTHORIZED")
    docker_secret(space, "pull", host, USER, PASSWORD)
    space.wait_ready("ImageRepository", "app", message=FOUND)


def test_an_identity_of_the_object_without_the_right_says_which_component_gives_it(space: Space) -> None:
    take_away_workload_identity(space)
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app"
    space.apply("ServiceAccount", "robot")
    role = "eks.amazonaws.com/role-arn=arn:aws:iam::123456789012:role/robot"
    space.kubectl("annotate", "serviceaccount", "robot", "-n", space.name, role)
    image_repository(space, "app", image, provider="aws", serviceAccountName="robot")
    message = (
        "failed to create kubernetes token for .*: install the component workload-identity, which gives it the right"
    )
    space.wait_not_ready("ImageRepository", "app", reason="AuthenticationFailed", message=message)


def test_a_cloud_is_asked_for_its_own_registries_only(space: Space, variants: RegistryVariants) -> None:
    image_repository(space, "app", f"{variants.open.host}/team/app", provider="gcp")
    message = f"invalid GCP registry: '{variants.open.host}'. must match "
    space.wait_not_ready("ImageRepository", "app", reason="AuthenticationFailed", message=message)


def test_controllers_have_no_tokens_issued_unless_that_is_asked_for(space: Space) -> None:
    take_away_workload_identity(space)
    for kind in RECONCILED:
        account = f"system:serviceaccount:tagline-system:{kind.component}"
        question = ("create", "serviceaccounts", "--subresource=token", "-n", space.name, f"--as={account}")
        assert space.kubectl("auth", "can-i", *question, check=False).stdout.strip() == "no"


def test_latest_tags_by_version(space: Space, variants: RegistryVariants) -> None:
    with Pusher(variants.open.host) as pusher:
        pusher.push_tags("team/versions", ["1.9.0", "1.10.0", "latest", "v0.1.0"])
    image_repository(space, "app", f"{variants.open.host}/team/versions")
    found = space.wait_ready("ImageRepository", "app")
    assert found["status"]["lastScanResult"]["latestTags"] == ["v0.1.0", "latest", "1.9.0", "1.10.0"]
    space.patch("ImageRepository", "app", {"latestTags": {"order": "semver", "count": 2}})
    found = space.wait_ready("ImageRepository", "app")
    assert found["status"]["lastScanResult"]["latestTags"] == ["1.10.0", "1.9.0"]


def test_helm_charts_are_scanned_like_images(space: Space, variants: RegistryVariants) -> None:
    # Helm writes the + of a version as _, since a tag must not have one.
    with Pusher(variants.open.host) as pusher:
        pusher.push_tags("charts/app", ["1.0.0", "1.1.0_build.7", "1.2.0-rc.1_build.8"])
    image_repository(space, "chart", f"{variants.open.host}/charts/app")
    version = {"pattern": "^(?P<version>[^_]+)", "extract": "$version"}
    semver_policy(space, "chart", "1.x", filterTags=version)
    semver_policy(space, "preview", ">=1.0.0-0", repository="chart", filterTags=version)
    chosen = space.wait_ready("ImagePolicy", "chart")
    assert chosen["status"]["latestRef"]["tag"] == "1.1.0_build.7"
    assert space.wait_ready("ImagePolicy", "preview")["status"]["latestRef"]["tag"] == "1.2.0-rc.1_build.8"
