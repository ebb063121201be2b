import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.webhooks.matching import Resource, Subject, in_scope, match
from controllers.webhooks.verdict import Action, Event, Name


def push(host: str, repository: str, tag: str = "1") -> Event:
    return Event(Action.PUSH, (Name(host, repository),), tag)


@pytest.mark.parametrize(
    ("image", "host", "repository", "wakes"),
    [
        pytest.param("alpine", "docker.io", "library/alpine", True, id="docker-hub-library"),
        pytest.param("docker.io/org/app", "registry-1.docker.io", "org/app", True, id="docker-hub-alias"),
        pytest.param("index.docker.io/library/alpine", "docker.io", "alpine", True, id="docker-hub-short"),
        pytest.param("ghcr.io/org/app", "GHCR.io", "Org/App", True, id="capitals"),
        pytest.param("r.example.com:443/app", "r.example.com", "app", True, id="default-port"),
        pytest.param("r.example.com:5000/app", "r.example.com", "app", False, id="other-port"),
        pytest.param("r.example.com/app", "", "app", True, id="host-unknown"),
        pytest.param("r.example.com/app", "r.example.com", "app2", False, id="other-name"),
        pytest.param("r.example.com/org/app", "r.example.com", "app", False, id="end-of-the-path"),
        pytest.param("r.example.com/app", "evil.example.com", "app", False, id="other-host"),
        pytest.param("registry/app", "registry", "app", False, id="host-without-a-dot-is-not-docker-hub"),
        pytest.param("https://r.example.com/app", "r.example.com", "app", False, id="image-is-invalid"),
    ],
)
def test_canonical_names_are_compared(image: str, host: str, repository: str, wakes: bool) -> None:
    found = match([push(host, repository)], [Subject("apps", "app", image)])
    assert bool(found.wakes) is wakes
    assert [passed.why for passed in found.passed] == ([] if wakes else ["no ImageRepository in scope has this image"])


def test_configured_registry_replaces_the_host_of_the_payload() -> None:
    subjects = [Subject("apps", "inside", "registry.svc:5000/app"), Subject("apps", "outside", "r.example.com/app")]
    found = match([push("registry.svc:5000", "app"), push("", "app")], subjects, registry="r.example.com")
    assert [wake.subject.name for wake in found.wakes] == ["outside"]


def test_many_events_of_one_image_are_one_wake_up() -> None:
    subject = Subject("apps", "app", "ghcr.io/org/app")
    found = match([push("ghcr.io", "org/app", tag) for tag in ("1", "2", "1")], [subject])
    assert [(wake.subject, wake.tags) for wake in found.wakes] == [(subject, ("1", "2"))]


def test_event_without_a_tag_makes_a_scan_whatever_comes_with_it() -> None:
    for tags in (("", "1"), ("1", "")):
        found = match([push("ghcr.io", "org/app", tag) for tag in tags], [Subject("a", "app", "ghcr.io/org/app")])
        assert [wake.tags for wake in found.wakes] == [()]


def test_several_repositories_of_one_image_are_all_woken_but_suspended_ones() -> None:
    subjects = [
        Subject("b", "app", "ghcr.io/org/app"),
        Subject("a", "app", "ghcr.io/org/app"),
        Subject("c", "app", "ghcr.io/org/app", suspended=True),
    ]
    found = match([push("ghcr.io", "org/app")], subjects)
    assert [wake.subject.namespace for wake in found.wakes] == ["a", "b"]
    assert [passed.why for passed in match([push("ghcr.io", "org/app")], subjects[2:]).passed] == ["it is suspended"]


def test_what_is_no_push_wakes_nothing() -> None:
    events = [Event(Action.DELETE, (Name("ghcr.io", "org/app"),), "1"), Event(Action.PING, detail="ping")]
    found = match(events, [Subject("a", "app", "ghcr.io/org/app")])
    assert found.wakes == ()
    assert [passed.why for passed in found.passed] == ["delete", "ping"]


def test_generic_event_wakes_all_that_is_listed() -> None:
    subjects = [Subject("a", "app", "ghcr.io/org/app"), Subject("a", "broken", "")]
    assert len(match([Event(Action.PUSH, wakes_all=True)], subjects).wakes) == 2


def test_scope_is_what_the_receiver_lists() -> None:
    subjects = [
        Subject("apps", "app", "a/b", labels={"team": "x"}),
        Subject("apps", "other", "a/b"),
        Subject("shared", "app", "a/b"),
    ]

    def scope(*resources: Resource, allows_others: bool = True) -> list[tuple[str, str]]:
        found = in_scope(subjects, resources, namespace="apps", allows_others=allows_others)
        return [(subject.namespace, subject.name) for subject in found]

    assert scope() == []
    assert scope(Resource(kind="ImageRepository", name="app")) == [("apps", "app")]
    assert scope(Resource(kind="GitRepository", name="*")) == []
    assert scope(Resource(kind="ImageRepository", name="*")) == [("apps", "app"), ("apps", "other")]
    assert scope(Resource(kind="ImageRepository", name="*", labels={"team": "x"})) == [("apps", "app")]
    abroad = Resource(kind="ImageRepository", name="app", namespace="shared")
    assert scope(abroad) == [("shared", "app")]
    assert scope(abroad, allows_others=False) == []


@given(st.lists(st.tuples(st.sampled_from(["ghcr.io", "", "docker.io"]), st.sampled_from(["org/app", "org/b"]),
                          st.sampled_from(["", "1", "2"]))))  # fmt: skip
def test_order_of_events_changes_no_wake_up(parts: list[tuple[str, str, str]]) -> None:
    subjects = [Subject("a", "app", "ghcr.io/org/app"), Subject("a", "b", "org/b")]
    events = [push(*part) for part in parts]
    found, reverse = match(events, subjects), match(reversed(events), subjects)
    assert [(wake.subject, set(wake.tags)) for wake in found.wakes] == [
        (wake.subject, set(wake.tags)) for wake in reverse.wakes
    ]
