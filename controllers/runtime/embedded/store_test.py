from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from api.core import Namespace, Secret
from api.names import NAMESPACES, SECRETS, SERVICE_ACCOUNTS
from controllers.runtime.embedded.api import EmbeddedApi
from controllers.runtime.embedded.client import EmbeddedClient
from controllers.runtime.kube.errors import Conflict, Invalid, NotFound
from controllers.runtime.kube.serializer import ObjectEvent
from testing.clock import VirtualClock
from testing.gadget import GADGET_KINDS, GADGETS, OLD_GADGETS, PARTS, Gadget, Part, encode_gadget
from testing.thing import THINGS, Thing


@pytest.fixture
def api() -> Iterator[EmbeddedApi]:
    with EmbeddedApi.in_memory(GADGET_KINDS, clock=VirtualClock()) as made:
        yield made


@pytest.fixture
def client(api: EmbeddedApi) -> EmbeddedClient:
    return api.connect()


async def create(client: EmbeddedClient, name: str = "a", **parts: Any) -> Gadget:
    return await client.create(GADGETS, "ns", encode_gadget(name, **parts), into=Gadget)


def part_of(owner: Gadget, name: str = "p", *, uid: str = "") -> dict[str, Any]:
    reference = {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.metadata.name}
    references = [reference | {"uid": uid or owner.metadata.uid}]
    meta = {"name": name, "namespace": "ns", "ownerReferences": references}
    return {"apiVersion": PARTS.api_version, "kind": PARTS.kind, "metadata": meta, "data": "x"}


async def parts(client: EmbeddedClient) -> list[str]:
    return [part.metadata.name for part in (await client.list(PARTS, into=Part)).items]


async def test_a_new_object_gets_what_a_server_gives_it(client: EmbeddedClient) -> None:
    sent = encode_gadget(meta={"uid": "mine", "generation": 7, "managedFields": [], "labels": {"a": "b"}})
    made = await client.create(GADGETS, "ns", {**sent, "status": {"done": "x"}, "unheardOf": 1}, into=dict[str, Any])
    meta = made["metadata"]
    assert made["spec"] == {"interval": "1m", "colour": "red", "names": ["x"]}
    assert made["status"] == {"observedGeneration": -1}
    assert (meta["generation"], meta["labels"], meta["namespace"]) == (1, {"a": "b"}, "ns")
    assert len(meta["uid"]) == 36
    assert meta["creationTimestamp"].endswith("Z")
    assert "unheardOf" not in made
    assert "managedFields" not in meta


async def test_a_dry_run_is_answered_and_keeps_nothing(api: EmbeddedApi, client: EmbeddedClient) -> None:
    made = await create(client)
    version = api.store.version
    watch = client.watch(GADGETS, into=Gadget, resource_version=version, timeout_seconds=60)
    changed = await client.replace(GADGETS, "ns", "a", encode_gadget(size=7), into=Gadget, dry_run=True)
    assert (changed.spec.size, changed.metadata.generation) == (7, 2)
    new = await client.create(
        GADGETS, "other", encode_gadget("b", meta={"namespace": "other"}), into=Gadget, dry_run=True
    )
    assert new.metadata.name == "b"
    with pytest.raises(Invalid):
        await client.replace(GADGETS, "ns", "a", encode_gadget(interval=None), into=Gadget, dry_run=True)
    with pytest.raises(Invalid, match=r"metadata\.name"):
        await client.create(GADGETS, "ns", encode_gadget("Bad_Name"), into=Gadget, dry_run=True)
    with pytest.raises(NotFound):
        await client.get(NAMESPACES, "", "other", into=Namespace)
    assert (await client.list(GADGETS, into=Gadget)).items == [made]
    assert api.store.version == version
    later = await create(client, "c")
    async with aclosing(watch):
        event = await anext(watch)
    assert isinstance(event, ObjectEvent)
    assert event.object == later


async def test_generations_count_changes_of_the_spec_alone(client: EmbeddedClient) -> None:
    made = await create(client)

    async def patched(body: Any, subresource: str = "") -> tuple[int, str]:
        answer = await client.patch(GADGETS, "ns", "a", body, into=Gadget, subresource=subresource)
        return answer.metadata.generation, answer.status.done

    assert await patched({"spec": {"size": 2}}) == (2, "")
    assert await patched({"metadata": {"annotations": {"a": "b"}}}) == (2, "")
    assert await patched({"status": {"done": "yes"}}) == (2, "")
    assert await patched({"spec": {"size": 9}, "status": {"done": "yes"}}, "status") == (2, "yes")
    version = (await client.get(GADGETS, "ns", "a", into=Gadget)).metadata.resource_version
    assert await patched({"spec": {"size": 2}}) == (2, "yes")
    unchanged = await client.get(GADGETS, "ns", "a", into=Gadget)
    assert (unchanged.metadata.resource_version, unchanged.spec.size) == (version, 2)
    assert unchanged.metadata.uid == made.metadata.uid


async def test_nobody_changes_what_only_a_server_sets(client: EmbeddedClient) -> None:
    made = await create(client)
    body = {"metadata": {"generation": 9, "creationTimestamp": "2000-01-01T00:00:00Z", "deletionTimestamp": None}}
    answer = await client.patch(GADGETS, "ns", "a", body, into=Gadget)
    assert answer == made
    with pytest.raises(Conflict, match="UID in precondition: other"):
        await client.patch(GADGETS, "ns", "a", {"metadata": {"uid": "other"}}, into=Gadget)
    with pytest.raises(Invalid, match="the name of the object does not match"):
        await client.patch(GADGETS, "ns", "a", {"metadata": {"name": "b"}}, into=Gadget)


async def test_versions_differ_in_name_only(client: EmbeddedClient) -> None:
    old = await client.create(OLD_GADGETS, "ns", encode_gadget(version="v1beta1", size=3), into=Gadget)
    new = await client.get(GADGETS, "ns", "a", into=Gadget)
    assert (old.api_version, new.api_version) == ("example.com/v1beta1", "example.com/v1")
    assert (old.spec, old.metadata) == (new.spec, new.metadata)
    assert new.spec.names == ("x",)  # the default of the stored version comes on the way to storage
    answer = await client.patch(OLD_GADGETS, "ns", "a", {"spec": {"size": 3}}, into=Gadget)
    assert (answer.api_version, answer.metadata) == ("example.com/v1beta1", new.metadata)
    (listed,) = (await client.list(OLD_GADGETS, into=Gadget)).items
    assert listed == old
    with pytest.raises(NotFound, match="could not find the requested resource"):
        await client.get(replace(GADGETS, version="v9"), "ns", "a", into=Gadget)


async def test_what_belongs_elsewhere_is_refused(client: EmbeddedClient) -> None:
    with pytest.raises(NotFound):
        await client.get(THINGS, "ns", "a", into=Thing)
    with pytest.raises(Invalid, match=r"the object provided is example.com/v1beta1 Gadget"):
        await client.create(GADGETS, "ns", encode_gadget(version="v1beta1"), into=Gadget)
    with pytest.raises(Invalid, match="Object 'Kind' is missing"):
        await client.create(GADGETS, "ns", {"metadata": {"name": "a"}}, into=Gadget)
    with pytest.raises(Invalid, match="does not match the namespace sent on the request"):
        await client.create(GADGETS, "other", encode_gadget(), into=Gadget)
    with pytest.raises(Invalid, match="resourceVersion should not be set"):
        await create(client, meta={"resourceVersion": "1"})
    with pytest.raises(NotFound):
        await client.patch(PARTS, "ns", "a", {}, into=Part, subresource="status")


@pytest.mark.parametrize(
    ("meta", "text"),
    [
        pytest.param({"name": "A_"}, "a lowercase RFC 1123 subdomain", id="name"),
        pytest.param({"name": "x" * 254}, '422 Invalid: Gadget "xx', id="long-name"),
        pytest.param({"name": ""}, "name or generateName is required", id="no-name"),
        pytest.param({"name": "a", "labels": {"a": 1}}, "metadata.labels.a", id="label-of-a-number"),
        pytest.param({"name": "a", "annotations": ["a"]}, "metadata.annotations", id="annotations-in-a-list"),
    ],
)
async def test_bad_metadata(client: EmbeddedClient, meta: Any, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        await create(client, meta=meta)


async def test_a_name_is_made_on_request(client: EmbeddedClient) -> None:
    body = encode_gadget(meta={"generateName": "a-"})
    del body["metadata"]["name"]
    names = {(await client.create(GADGETS, "ns", body, into=Gadget)).metadata.name for _ in range(3)}
    assert len(names) == 3
    assert {name[:2] for name in names} == {"a-"}


async def test_what_was_accepted_once_does_not_keep_the_status_from_being_written(client: EmbeddedClient) -> None:
    await client.create(OLD_GADGETS, "ns", encode_gadget(version="v1beta1", names=["a", "b", "c"]), into=Gadget)
    answer = await client.patch(GADGETS, "ns", "a", {"status": {"done": "x"}}, into=Gadget, subresource="status")
    assert (answer.status.done, answer.spec.names) == ("x", ("a", "b", "c"))
    with pytest.raises(Invalid, match="Too many: 4: must have at most 2 items"):
        await client.patch(GADGETS, "ns", "a", {"spec": {"names": ["a", "b", "c", "d"]}}, into=Gadget)


async def test_what_is_owned_goes_with_its_owner(client: EmbeddedClient) -> None:
    owner = await create(client)
    for name in ("p1", "p2"):
        await client.create(PARTS, "ns", part_of(owner, name), into=Part)
    await client.delete(GADGETS, "ns", "a")
    assert await parts(client) == []


async def test_what_is_owned_twice_stays_while_one_owner_is_left(client: EmbeddedClient) -> None:
    one, two = await create(client, "one"), await create(client, "two")
    body = part_of(one)
    body["metadata"]["ownerReferences"] += part_of(two)["metadata"]["ownerReferences"]
    await client.create(PARTS, "ns", body, into=Part)
    await client.delete(GADGETS, "ns", "one")
    assert await parts(client) == ["p"]
    await client.delete(GADGETS, "ns", "two")
    assert await parts(client) == []


async def test_what_is_made_after_its_owner_went_does_not_stay(client: EmbeddedClient) -> None:
    owner = await create(client)
    await client.delete(GADGETS, "ns", "a")
    await create(client)  # a namesake
    assert (await client.create(PARTS, "ns", part_of(owner), into=Part)).metadata.name == "p"
    assert await parts(client) == []


async def test_finalizers_keep_an_object_until_they_are_gone(client: EmbeddedClient) -> None:
    await create(client, meta={"finalizers": ["example.com/f"]})
    await client.delete(GADGETS, "ns", "a")
    marked = await client.get(GADGETS, "ns", "a", into=Gadget)
    assert marked.metadata.deletion_timestamp is not None
    assert marked.metadata.generation == 2
    await client.delete(GADGETS, "ns", "a")
    assert await client.get(GADGETS, "ns", "a", into=Gadget) == marked
    last = await client.patch(GADGETS, "ns", "a", {"metadata": {"finalizers": None}}, into=Gadget)
    assert last.metadata.finalizers == ()
    with pytest.raises(NotFound):
        await client.get(GADGETS, "ns", "a", into=Gadget)


async def test_a_namespace_is_there_with_its_first_object_and_everything_goes_with_it(client: EmbeddedClient) -> None:
    await create(client)
    (namespace,) = (await client.list(NAMESPACES, into=Namespace)).items
    assert namespace.metadata.labels == {"kubernetes.io/metadata.name": "ns"}
    await client.patch(NAMESPACES, "", "ns", {"metadata": {"labels": {"team": "a"}}}, into=Namespace)
    await create(client, "b")
    labels = (await client.get(NAMESPACES, "", "ns", into=Namespace)).metadata.labels
    assert labels == {"kubernetes.io/metadata.name": "ns", "team": "a"}
    await client.delete(NAMESPACES, "", "ns")
    assert (await client.list(GADGETS, into=Gadget)).items == []


async def test_replacing_an_object_keeps_its_status_and_drops_what_is_not_sent(client: EmbeddedClient) -> None:
    made = await create(client, size=2, meta={"annotations": {"a": "b"}})
    await client.patch(GADGETS, "ns", "a", {"status": {"done": "x"}}, into=Gadget, subresource="status")
    replaced = await client.replace(GADGETS, "ns", "a", encode_gadget(), into=Gadget)
    assert (replaced.spec.size, replaced.metadata.annotations, replaced.status.done) == (1, {}, "x")
    assert (replaced.metadata.uid, replaced.metadata.generation) == (made.metadata.uid, 2)
    old = encode_gadget(meta={"resourceVersion": made.metadata.resource_version})
    with pytest.raises(Conflict, match="the object has been modified"):
        await client.replace(GADGETS, "ns", "a", old, into=Gadget)


async def test_texts_of_a_secret_are_encoded_and_bad_data_is_not_shown(client: EmbeddedClient) -> None:
    body = {"metadata": {"name": "s"}, "data": {"a": "MQ=="}, "stringData": {"b": "zwei"}}
    made = await client.create(SECRETS, "ns", body, into=Secret)
    assert (made.data, made.type) == ({"a": b"1", "b": b"zwei"}, "Opaque")
    with pytest.raises(Invalid, match=r"data.a: Invalid value: not base64") as caught:
        await client.create(SECRETS, "ns", {"metadata": {"name": "t"}, "data": {"a": "hunter2!"}}, into=Secret)
    assert "hunter2" not in str(caught.value)


async def test_nobody_issues_tokens(client: EmbeddedClient) -> None:
    with pytest.raises(NotFound, match="there is no token without a cluster"):
        await client.create(SERVICE_ACCOUNTS, "ns", {}, into=Part, name="default", subresource="token")


async def test_names_that_lead_elsewhere_are_refused(client: EmbeddedClient) -> None:
    with pytest.raises(Invalid):
        await client.get(GADGETS, "ns", "../secrets", into=Gadget)
