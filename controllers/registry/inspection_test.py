"""What images say about themselves: index and single image, dates, what is requested again and what is not."""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from controllers.registry.errors import BadResponse, ImageNotFound
from controllers.registry.inspection import Inspection, Inspector
from controllers.registry.provenance import Provenance
from testing.registry_harness import ANONYMOUS, MINUTE, RegistryHarness, run_harness
from testing.registry_server import ReceivedRequest, Reply, diagnostics

OF_TEAM_B = replace(ANONYMOUS, owner="team-b")
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


class Store:
    """A registry of documents by digest, and tags that point at them."""

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}
        self.tags: dict[str, str] = {}

    def put(self, document: Any) -> str:
        body = json.dumps(document).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.documents[digest] = body
        return digest

    def image(self, **config: Any) -> str:
        return self.put({"schemaVersion": 2, "config": {"digest": self.put(config)}})

    def index(self, *entries: tuple[str, dict[str, str]], **more: Any) -> str:
        return self.put({"manifests": [{"digest": digest, "platform": where} for digest, where in entries], **more})

    def __call__(self, asked: ReceivedRequest) -> Reply:
        name = asked.path.rsplit("/", 1)[-1]
        digest = self.tags.get(name, name)
        if asked.path == "/v2/":
            return Reply(body=b"{}")
        if digest not in self.documents:
            return diagnostics(404, "MANIFEST_UNKNOWN", "manifest unknown")
        return Reply(headers={"Docker-Content-Digest": digest}, body=self.documents[digest])


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def here(store: Store) -> AsyncIterator[RegistryHarness]:
    async with run_harness(store) as made:
        yield made


async def inspect(here: RegistryHarness, tag: str = "1") -> Inspection:
    return await Inspector(here.client).inspect(here.image(), tag, ANONYMOUS, timeout=MINUTE)


LINUX = {"os": "linux", "architecture": "arm64", "variant": "v8"}


async def test_single_image_gives_its_platform_and_date(here: RegistryHarness, store: Store) -> None:
    store.tags["1"] = store.image(**LINUX, created="2024-05-01T14:00:00+02:00", unheard={"of": 1})
    assert await inspect(here) == Inspection(frozenset({"linux/arm64/v8"}), NOON)


async def test_index_gives_all_platforms_and_the_date_of_its_first_image(here: RegistryHarness, store: Store) -> None:
    image = store.image(created="2024-05-01T12:00:00.123456789Z")
    attestation = (store.put({}), {"os": "unknown", "architecture": "unknown"})
    store.tags["1"] = store.index(attestation, (image, LINUX), (image, {"os": "linux", "architecture": "amd64"}))
    found = await inspect(here)
    assert found.platforms == {"linux/arm64/v8", "linux/amd64"}
    assert found.built_at is not None
    assert found.built_at.replace(microsecond=0) == NOON


async def test_annotation_spares_two_requests(here: RegistryHarness, store: Store) -> None:
    annotations = {"org.opencontainers.image.created": "2024-05-01T12:00:00Z"}
    store.tags["1"] = store.index((store.image(), LINUX), annotations=annotations)
    assert (await inspect(here)).built_at == NOON
    assert len([asked for asked in here.server.asked if asked.path != "/v2/"]) == 2


@pytest.mark.parametrize(
    "created",
    [
        pytest.param({}, id="absent"),
        pytest.param({"created": ""}, id="empty"),
        pytest.param({"created": "yesterday"}, id="no-date"),
        pytest.param({"created": "1970-01-01T00:00:00Z"}, id="reproducible-build"),
        pytest.param({"created": "0001-01-01T00:00:00Z"}, id="zero"),
        pytest.param({"created": "2024-05-01T12:00:00"}, id="no-zone"),
        pytest.param({"created": "9999-12-31T23:59:59-12:00"}, id="after-the-end-of-time"),
    ],
)
async def test_dates_that_say_nothing(here: RegistryHarness, store: Store, created: dict[str, str]) -> None:
    store.tags["1"] = store.image(**created)
    assert await inspect(here) == Inspection(frozenset(), None)


async def test_what_is_known_by_digest_is_not_read_again(here: RegistryHarness, store: Store) -> None:
    store.tags |= {"1": store.image(**LINUX), "2": store.image(**LINUX)}
    inspector = Inspector(here.client)
    for tag in ("1", "2", "1"):
        await inspector.inspect(here.image(), tag, ANONYMOUS, timeout=MINUTE)
    assert [asked.method for asked in here.server.asked if asked.path != "/v2/"] == [
        "HEAD",
        "GET",
        "GET",
        "HEAD",
        "HEAD",
    ]


async def test_tag_that_is_gone(here: RegistryHarness) -> None:
    with pytest.raises(ImageNotFound):
        await inspect(here)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"<html>", "not the JSON of an image", id="no-json"),
        pytest.param(b'{"config": {"digest": "../../other"}}', "refers to what is not a digest", id="path-for-digest"),
        pytest.param(b'{"manifests": "many"}', "not the JSON of an image", id="wrong-type"),
    ],
)
async def test_documents_that_are_none(here: RegistryHarness, store: Store, body: bytes, message: str) -> None:
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    store.documents[digest], store.tags["1"] = body, digest
    with pytest.raises(BadResponse, match=message):
        await inspect(here)


async def test_content_that_is_not_that_of_its_digest(here: RegistryHarness, store: Store) -> None:
    store.tags["1"] = store.image(**LINUX)
    store.documents = dict.fromkeys(store.documents, b"{}")
    with pytest.raises(BadResponse, match="content is not that of its digest"):
        await inspect(here)


# Where images were built from.

SOURCE, REVISION = "org.opencontainers.image.source", "org.opencontainers.image.revision"
APP, COMMIT = "https://github.com/org/app", "c" * 40
TOLD = {SOURCE: f"{APP}.git", REVISION: COMMIT}
ORIGIN = Provenance(APP, COMMIT)


def labelled(labels: Any, **config: Any) -> dict[str, Any]:
    return {"config": {"Labels": labels}, **config}


def methods(here: RegistryHarness) -> list[str]:
    return [asked.method for asked in here.server.asked if asked.path != "/v2/"]


async def origin(inspector: Inspector, here: RegistryHarness, tag: str = "1", digest: str = "") -> Provenance:
    return await inspector.read_provenance(here.image(), tag, digest, ANONYMOUS, timeout=MINUTE)


async def test_single_image_has_its_provenance_in_labels(here: RegistryHarness, store: Store) -> None:
    store.tags["1"] = store.image(**labelled(TOLD))
    assert await origin(Inspector(here.client), here) == ORIGIN
    assert methods(here) == ["HEAD", "GET", "GET"]


async def test_annotations_win_over_labels_key_by_key(here: RegistryHarness, store: Store) -> None:
    config = store.put(labelled({SOURCE: "https://github.com/base/image", REVISION: COMMIT}))
    store.tags["1"] = store.put({"config": {"digest": config}, "annotations": {SOURCE: APP}})
    assert await origin(Inspector(here.client), here) == ORIGIN


async def test_index_is_read_down_to_the_labels_of_its_first_image(here: RegistryHarness, store: Store) -> None:
    attestation = (store.put({}), {"os": "unknown", "architecture": "unknown"})
    image = store.image(**labelled(TOLD), created="2024-05-01T12:00:00Z")
    store.tags["1"] = store.index(attestation, (image, LINUX))
    inspector = Inspector(here.client)
    assert await origin(inspector, here) == ORIGIN
    assert methods(here) == ["HEAD", "GET", "GET", "GET"]
    await inspector.inspect(here.image(), "1", ANONYMOUS, timeout=MINUTE)  # has been read with it
    assert methods(here)[4:] == ["HEAD"]


async def test_annotations_of_an_index_spare_two_requests_here_too(here: RegistryHarness, store: Store) -> None:
    annotations = {**TOLD, "org.opencontainers.image.created": "2024-05-01T12:00:00Z"}
    store.tags["1"] = store.index((store.image(), LINUX), annotations=annotations)
    assert await origin(Inspector(here.client), here) == ORIGIN
    assert methods(here) == ["HEAD", "GET"]


async def test_what_only_the_provenance_needs_is_read_only_for_it(here: RegistryHarness, store: Store) -> None:
    annotations = {"org.opencontainers.image.created": "2024-05-01T12:00:00Z"}
    store.tags["1"] = store.index((store.image(**labelled(TOLD)), LINUX), annotations=annotations)
    inspector = Inspector(here.client)
    assert (await inspector.inspect(here.image(), "1", ANONYMOUS, timeout=MINUTE)).built_at == NOON
    assert methods(here) == ["HEAD", "GET"]
    assert await origin(inspector, here) == ORIGIN
    assert methods(here)[2:] == ["HEAD", "GET", "GET", "GET"]


async def test_provenance_by_digest_needs_no_tag_and_no_request_when_cached(
    here: RegistryHarness, store: Store
) -> None:
    digest = store.image(**labelled(TOLD))
    inspector = Inspector(here.client)
    for _ in range(2):
        assert await origin(inspector, here, tag="moved", digest=digest) == ORIGIN
    assert methods(here) == ["GET", "GET"]


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({}, id="no-config"),
        pytest.param({"config": None}, id="null"),
        pytest.param({"config": "text"}, id="of-another-type"),
        pytest.param({"config": {"Labels": None}}, id="no-labels"),
        pytest.param({"config": {"Labels": {SOURCE: 7}}}, id="labels-that-are-no-texts"),
        pytest.param({"config": {"Labels": {SOURCE: "s3cret@host", REVISION: "main"}}}, id="nothing-usable"),
    ],
)
async def test_images_without_provenance(here: RegistryHarness, store: Store, config: dict[str, Any]) -> None:
    store.tags["1"] = store.image(**LINUX, **config)
    inspector = Inspector(here.client)
    assert await origin(inspector, here) == Provenance()
    assert (await inspector.inspect(here.image(), "1", ANONYMOUS, timeout=MINUTE)).platforms == {"linux/arm64/v8"}


async def test_index_without_images_gives_its_own_annotations(here: RegistryHarness, store: Store) -> None:
    store.tags["1"] = store.index(annotations={SOURCE: APP})
    assert await origin(Inspector(here.client), here) == Provenance(APP)
    assert methods(here) == ["HEAD", "GET"]


async def test_what_one_namespace_has_read_is_not_shown_to_another(here: RegistryHarness, store: Store) -> None:
    digest = store.tags["1"] = store.image(**labelled(TOLD), **LINUX)
    inspector = Inspector(here.client)
    assert await origin(inspector, here) == ORIGIN
    store.documents[digest] = b""  # only its digest is known to those who have no access, as from a proxy of theirs
    for call in (
        inspector.inspect(here.image(), "1", OF_TEAM_B, timeout=MINUTE),
        inspector.read_provenance(here.image(), "1", digest, OF_TEAM_B, timeout=MINUTE),
    ):
        with pytest.raises(BadResponse):
            await call
    assert await origin(inspector, here) == ORIGIN
