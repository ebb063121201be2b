from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.meta import ObjectMeta
from controllers.runtime.cache.store import Changes, Store, is_newer
from controllers.runtime.key import Key
from testing.thing import Thing, ThingSpec


def thing(name: str, version: int | str, *colours: str, uid: str = "1") -> Thing:
    meta = ObjectMeta(name=name, namespace="ns", uid=f"{name}-{uid}", resource_version=str(version))
    return Thing(metadata=meta, spec=ThingSpec(colours=colours))


def by_colour(obj: Thing) -> Iterable[str]:
    return obj.spec.colours


def store_of(*objects: Thing, resource_version: int | str = 100) -> Store[Thing]:
    store: Store[Thing] = Store({"colour": by_colour})
    store.begin_list()
    store.replace(objects, str(resource_version))
    return store


A = Key("ns", "a")


def test_first_list_adds_everything() -> None:
    store: Store[Thing] = Store({})
    a, b = thing("a", 1), thing("b", 2)
    assert store.replace([a, b], "5") == [(None, a), (None, b)]
    assert (store.get(A), len(store)) == (a, 2)


def test_list_reports_only_the_difference() -> None:
    same, old, gone = thing("same", 1), thing("changed", 2), thing("gone", 3)
    store = store_of(same, old, gone)
    new, added = thing("changed", 101), thing("added", 102)
    assert store.replace([same, new, added], "110") == [(gone, None), (old, new), (None, added)]


def test_recreated_object_is_a_deletion_and_an_addition() -> None:
    old, new = thing("a", 1), thing("a", 105, uid="2")
    assert store_of(old).replace([new], "110") == [(old, None), (None, new)]
    assert store_of(old).put(new) == [(old, None), (None, new)]
    assert store_of(old).record_write(new, replaces="") == [(old, None), (None, new)]


def test_list_of_a_restored_server_wins_though_its_versions_are_smaller() -> None:
    old, restored = thing("a", 90), thing("a", 10)
    store = store_of(old)
    store.begin_list()
    assert store.replace([restored], "20") == [(old, restored)]


def test_own_write_during_a_list_is_not_undone_by_it() -> None:
    old, written = thing("a", 1), thing("a", 120)
    store = store_of(old)
    store.begin_list()
    assert store.record_write(written, replaces="1") == [(old, written)]
    assert store.replace([old], "110") == []
    assert store.get(A) == written


def test_own_creation_during_a_list_is_not_undone_by_it() -> None:
    created = thing("a", 120)
    store = store_of()
    store.begin_list()
    store.record_write(created, replaces="")
    assert store.replace([], "110") == []
    assert store.get(A) == created
    store.begin_list()
    assert store.replace([], "130") == [(created, None)]


@pytest.mark.parametrize(
    ("held", "event", "changes"),
    [
        pytest.param(thing("a", 5), thing("a", 6), [(thing("a", 5), thing("a", 6))], id="newer"),
        pytest.param(thing("a", 5), thing("a", 5), [], id="the-same"),
        pytest.param(thing("a", 10), thing("a", 9), [], id="older-as-number-newer-as-text"),
        pytest.param(thing("a", 5), thing("a", 4, uid="0"), [], id="late-event-of-an-earlier-incarnation"),
        pytest.param(thing("a", "x"), thing("a", "y"), [(thing("a", "x"), thing("a", "y"))], id="opaque"),
    ],
)
def test_event_replaces_unless_known_to_be_no_newer(held: Thing, event: Thing, changes: Changes[Thing]) -> None:
    store = store_of(held)
    assert store.put(event) == changes
    assert store.get(A) == (event if changes else held)


def test_deletion_always_ends_that_very_object() -> None:
    written = thing("a", 200)
    store = store_of(written)
    assert store.remove(thing("a", 150)) == [(written, None)]


def test_deletion_of_an_earlier_object_leaves_the_later_one() -> None:
    assert store_of(thing("a", 200, uid="2")).remove(thing("a", 150, uid="1")) == []


def test_deletion_of_a_later_object_ends_the_earlier_one_too() -> None:
    missed = thing("a", 100, uid="1")
    assert store_of(missed).remove(thing("a", 150, uid="2")) == [(missed, None)]


def test_deletion_of_an_unknown_object_changes_nothing() -> None:
    assert store_of().remove(thing("a", 150)) == []


def test_own_write_is_read_at_once_and_its_event_is_no_second_change() -> None:
    old, written = thing("a", 5), thing("a", 105)
    store = store_of(old)
    assert store.record_write(written, replaces="5") == [(old, written)]
    assert store.get(A) == written
    assert store.put(thing("a", 104)) == []
    assert store.put(written) == []
    later = thing("a", 106)
    assert store.put(later) == [(written, later)]


def test_own_write_that_the_stream_has_overtaken_is_ignored() -> None:
    assert store_of(thing("a", 107)).record_write(thing("a", 105), replaces="5") == []


def test_own_creation_is_read_at_once() -> None:
    created = thing("a", 105)
    assert store_of(resource_version=100).record_write(created, replaces="") == [(None, created)]


def test_late_answer_does_not_bring_a_deleted_object_back() -> None:
    store = store_of(thing("a", 5))
    store.remove(thing("a", 120))
    assert store.record_write(thing("a", 119), replaces="5") == []


def test_late_answer_does_not_bring_an_object_back_that_left_the_selector() -> None:
    store = store_of(thing("a", 5))
    store.remove(thing("a", 120))  # relabelled at 120; the object lives on
    assert store.record_write(thing("a", 125), replaces="120") == []
    back = thing("a", 130)
    assert store.put(back) == [(None, back)]
    written = thing("a", 131)
    assert store.record_write(written, replaces="130") == [(back, written)]


def test_position_of_bookmarks_counts() -> None:
    store = store_of(resource_version=100)
    store.advance("200")
    assert store.record_write(thing("a", 150), replaces="") == []


@pytest.mark.parametrize(
    ("replaces", "taken"),
    [pytest.param("v5", True, id="written-upon-what-is-held"), pytest.param("v4", False, id="held-has-moved-on")],
)
def test_opaque_versions_are_taken_only_upon_what_is_held(replaces: str, *, taken: bool) -> None:
    store = store_of(thing("a", "v5"))
    assert bool(store.record_write(thing("a", "v6"), replaces=replaces)) is taken


def test_index_follows_the_objects() -> None:
    store = store_of(thing("a", 1, "red", "blue"), thing("b", 2, "red"))
    assert [obj.metadata.name for obj in store.by_index("colour", "red")] == ["a", "b"]
    store.put(thing("a", 101, "blue"))
    assert [obj.metadata.name for obj in store.by_index("colour", "red")] == ["b"]
    store.remove(thing("b", 102))
    assert store.by_index("colour", "red") == []
    assert [obj.metadata.resource_version for obj in store.by_index("colour", "blue")] == ["101"]
    with pytest.raises(KeyError):
        store.by_index("size", "xl")


def test_index_that_is_added_later_has_what_is_there() -> None:
    store = store_of(thing("a", 1, "red"))
    store.add_indexers({"first-letter": lambda obj: obj.metadata.name[:1]})
    store.put(thing("ab", 101))
    assert [obj.metadata.name for obj in store.by_index("first-letter", "a")] == ["a", "ab"]
    with pytest.raises(ValueError, match="there is an index 'colour' already"):
        store.add_indexers({"colour": by_colour})


def test_list_of_a_namespace() -> None:
    elsewhere = Thing(metadata=ObjectMeta(name="a", namespace="other", uid="1", resource_version="1"))
    store = store_of(thing("a", 1), elsewhere)
    assert store.list("other") == [elsewhere]
    assert len(store.list()) == 2


@pytest.mark.parametrize(
    ("version", "than", "want"),
    [("10", "9", True), ("9", "10", False), ("9", "9", False), ("a", "9", False), ("9", "", False)],
)
def test_is_newer(version: str, than: str, *, want: bool) -> None:
    assert is_newer(version, than) is want


def versioned(name: str, version: int, uid: str) -> Thing:
    """Return an object whose content follows from its version, as it does on a server."""
    return thing(name, version, "red" if version % 3 else "blue", *["big"] * (version % 2), uid=uid)


things = st.builds(versioned, st.sampled_from("abc"), st.integers(1, 50), st.sampled_from("12"))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), things),
        st.tuples(st.just("remove"), things),
        st.tuples(st.just("record_write"), things),
        st.tuples(st.just("replace"), st.lists(things, unique_by=lambda obj: obj.metadata.name)),
    )
)


@given(steps)
def test_replaying_the_changes_gives_the_store_and_the_index(script: list[tuple[str, Thing | list[Thing]]]) -> None:
    store = store_of(resource_version=0)
    replayed: dict[str, Thing] = {}
    for verb, operand in script:
        if isinstance(operand, list):
            store.begin_list()
            changes = store.replace(operand, "50")
            assert sorted(map(str, store.list())) == sorted(map(str, operand))
        elif verb == "record_write":
            changes = store.record_write(operand, replaces="")
        else:
            changes = store.put(operand) if verb == "put" else store.remove(operand)
        for old, new in changes:
            assert replayed.pop((old or new or operand).metadata.name, None) == old  # type: ignore[union-attr]
            if new is not None:
                assert old is None or old.metadata.uid == new.metadata.uid
                replayed[new.metadata.name] = new
    by_name = {obj.metadata.name: obj for obj in store.list()}
    assert replayed == by_name
    for colour in ("red", "blue", "big"):
        found = {obj.metadata.name for obj in store.by_index("colour", colour)}
        assert found == {name for name, obj in by_name.items() if colour in obj.spec.colours}


class CountedName(str):
    """A namespace that counts how often it is compared."""

    comparisons = 0

    def __eq__(self, other: object) -> bool:
        CountedName.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def in_namespace(namespace: str, name: str, version: int) -> Thing:
    meta = ObjectMeta(name=name, namespace=namespace, uid=f"{namespace}-{name}", resource_version=str(version))
    return Thing(metadata=meta, spec=ThingSpec())


def test_the_list_of_a_namespace_looks_at_no_other() -> None:
    store = store_of(*(in_namespace(CountedName(f"team-{n}"), "app", n) for n in range(1, 1_000)))
    mine = in_namespace("mine", "app", 5_000)
    store.put(mine)
    CountedName.comparisons = 0
    assert store.list("mine") == [mine]
    assert store.list("nobody") == []
    assert CountedName.comparisons < 10


def test_lists_of_namespaces_follow_every_change() -> None:
    old, new = in_namespace("a", "x", 101), in_namespace("a", "x", 105)
    other = in_namespace("b", "x", 102)
    store = store_of(old, other)
    store.put(new)
    assert (store.list("a"), store.list("b")) == ([new], [other])
    store.remove(in_namespace("a", "x", 106))
    assert (store.list("a"), store.list()) == ([], [other])
