"""`hack/registry`: asked by a client that pushes, one that lists, and by plain requests."""

from collections.abc import Iterator

import httpx
import pytest

from hack.oci import MANIFEST, Pusher
from hack.registry.accounts import Accounts, Scheme, make_hash, read_htpasswd
from hack.registry.server import Registry
from hack.registry.store import digest_of

HASHES = {"ci": make_hash("s3cret")}


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as server:
        yield server


@pytest.fixture
def client(registry: Registry) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{registry.host}", trust_env=False) as client:
        yield client


def test_a_pushed_image_is_listed_and_pulled(registry: Registry, client: httpx.Client) -> None:
    with Pusher(registry.host) as pusher:
        digest = pusher.push("org/app", "1.0.0")
    assert client.get("/v2/org/app/tags/list").json() == {"name": "org/app", "tags": ["1.0.0"]}
    by_tag = client.get("/v2/org/app/manifests/1.0.0")
    assert (by_tag.headers["Content-Type"], by_tag.headers["Docker-Content-Digest"]) == (MANIFEST, digest)
    assert client.get(f"/v2/org/app/manifests/{digest}").content == by_tag.content
    config = by_tag.json()["config"]["digest"]
    assert digest_of(client.get(f"/v2/org/app/blobs/{config}").content) == config


def test_pages_follow_each_other_in_ascii_order(registry: Registry, client: httpx.Client) -> None:
    tags = ["1.0", "1.10", "1.9", "Z", "a"]
    with Pusher(registry.host) as pusher:
        pusher.push_tags("org/app", reversed(tags))
    seen, url = [], "/v2/org/app/tags/list?n=2"
    while url:
        answer = client.get(url)
        seen.append(answer.json()["tags"])
        url = answer.links.get("next", {}).get("url", "")
    assert seen == [["1.0", "1.10"], ["1.9", "Z"], ["a"]]


def test_a_full_last_page_names_no_next_one(registry: Registry, client: httpx.Client) -> None:
    with Pusher(registry.host) as pusher:
        pusher.push_tags("org/app", ["1", "2"])
    assert "Link" not in client.get("/v2/org/app/tags/list?n=2").headers


@pytest.mark.parametrize("scheme", ["basic", "token"])
def test_an_account_opens_its_repository_and_nobody_else_does(scheme: Scheme) -> None:
    with Registry(Accounts(scheme, HASHES)) as registry:
        url = f"http://{registry.host}/v2/org/app/tags/list"
        with Pusher(registry.host, user="ci", password="s3cret") as pusher:
            pusher.push("org/app", "1.0.0")
        assert httpx.get(url, trust_env=False).status_code == 401
        with (
            Pusher(registry.host, user="ci", password="wrong") as pusher,
            pytest.raises((RuntimeError, httpx.HTTPError)),
        ):
            pusher.push("org/app", "1.0.1")


def test_a_token_opens_only_the_repository_of_its_scope() -> None:
    with Registry(Accounts("token", HASHES)) as registry, httpx.Client(trust_env=False) as client:
        with Pusher(registry.host, user="ci", password="s3cret") as pusher:
            pusher.push("org/app", "1")
            pusher.push("org/other", "1")
        token = client.get(
            f"http://{registry.host}/token", params={"scope": "repository:org/app:pull"}, auth=("ci", "s3cret")
        ).json()["token"]
        statuses = [
            client.get(
                f"http://{registry.host}/v2/{name}/tags/list", headers={"Authorization": f"Bearer {token}"}
            ).status_code
            for name in ("org/app", "org/other")
        ]
        assert statuses == [200, 401]


def test_a_blob_comes_in_one_piece_in_chunks_or_with_the_first_request(client: httpx.Client) -> None:
    content = b"layer of an image"
    digest = digest_of(content)
    at_once = client.post("/v2/org/app/blobs/uploads/", params={"digest": digest}, content=content)
    assert (at_once.status_code, at_once.headers["Location"]) == (201, f"/v2/org/app/blobs/{digest}")
    place = client.post("/v2/org/other/blobs/uploads/").headers["Location"]
    assert client.patch(place, content=content[:5], headers={"Content-Range": "0-4"}).headers["Range"] == "0-4"
    assert client.patch(place, content=b"x", headers={"Content-Range": "9-9"}).status_code == 416
    assert client.patch(place, content=iter([content[5:9], content[9:]])).status_code == 202  # chunked
    assert client.get(place).headers["Range"] == f"0-{len(content) - 1}"
    assert client.put(place, params={"digest": digest}).status_code == 201
    assert client.get(f"/v2/org/other/blobs/{digest}").content == content
    assert client.head(f"/v2/org/other/blobs/{digest}").headers["Content-Length"] == str(len(content))


def test_deleting_a_tag_leaves_the_manifest_and_deleting_that_takes_its_tags(
    registry: Registry, client: httpx.Client
) -> None:
    with Pusher(registry.host) as pusher:
        pusher.push_tags("org/app", ["1", "2", "3"])
    digest = client.head("/v2/org/app/manifests/1").headers["Docker-Content-Digest"]
    assert client.delete("/v2/org/app/manifests/1").status_code == 202
    assert client.get("/v2/org/app/tags/list").json()["tags"] == ["2", "3"]
    assert client.delete(f"/v2/org/app/manifests/{digest}").status_code == 202
    assert client.get("/v2/org/app/tags/list").json()["tags"] == []


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/org/none/tags/list", 404, "NAME_UNKNOWN"),
        ("GET", "/v2/org/app/tags/list?n=x", 400, "PAGINATION_NUMBER_INVALID"),
        ("GET", f"/v2/org/app/manifests/{'x' * 129}", 404, "MANIFEST_UNKNOWN"),
        ("PUT", f"/v2/org/app/manifests/sha256:{'0' * 64}", 400, "DIGEST_INVALID"),
        ("PUT", "/v2/Org/app/manifests/1", 400, "NAME_INVALID"),
        ("PUT", "/v2/org/app/blobs/uploads/00?digest=x", 404, "BLOB_UPLOAD_UNKNOWN"),
        ("GET", f"/v2/org/app/blobs/sha256:{'0' * 64}", 404, "BLOB_UNKNOWN"),
        ("DELETE", "/v2/org/app/blobs/uploads/00", 405, "UNSUPPORTED"),
        ("GET", "/v3/", 404, "UNSUPPORTED"),
    ],
)
def test_what_is_not_there_is_refused_with_a_code(
    registry: Registry, client: httpx.Client, method: str, path: str, status: int, code: str
) -> None:
    with Pusher(registry.host) as pusher:
        pusher.push("org/app", "1")
    answer = client.request(method, path, content=b"{}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)


def test_a_blob_with_another_digest_is_refused(client: httpx.Client) -> None:
    answer = client.post("/v2/org/app/blobs/uploads/", params={"digest": digest_of(b"a")}, content=b"b")
    assert answer.json()["errors"][0]["code"] == "DIGEST_INVALID"


def test_htpasswd_is_read_as_the_program_writes_it() -> None:
    assert read_htpasswd("# ci\nci:$2y$05$abc\n\n") == {"ci": b"$2y$05$abc"}
    with pytest.raises(ValueError, match="line 2: expected user:bcrypt-hash"):
        read_htpasswd("ci:$2y$05$abc\nold:{SHA}abc\n")
