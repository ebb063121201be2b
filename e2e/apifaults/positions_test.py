"""`e2e.apifaults`: positions, what names them, and which of them are played."""

import pytest

from e2e.apifaults.calls import describe_api, describe_git, describe_registry
from e2e.apifaults.choosing import choose_from, trials_of
from e2e.apifaults.faults import FAULTS
from e2e.apifaults.positions import Counting, Position, Trial, common

STATUS = Position("imagepolicy", "patch", "imagepolicies/status", 2)
PUSH = Position("imageupdateautomation", "push", "receive-pack", 1)
EVENT = Position("imagepolicy", "event", "imagerepositories", 3)
REFS = Position("imageupdateautomation", "get", "refs:upload-pack", 1)
LISTED = "/apis/image.toolkit.fluxcd.io/v1/imagepolicies"
OWN = "/apis/image.toolkit.fluxcd.io/v1/namespaces/ns/imagepolicies"


@pytest.mark.parametrize("position", [STATUS, PUSH, EVENT, REFS])
def test_what_is_printed_plays_it_again(position: Position) -> None:
    trial = Trial("tag", position, "answer-429-after")
    assert Trial.parse(str(trial)) == trial


def test_text_that_is_no_trial_is_refused() -> None:
    with pytest.raises(ValueError, match="want scenario@process"):
        Trial.parse("tag@imagepolicy")


def test_positions_are_numbered_by_what_is_done() -> None:
    counting = Counting()
    made = [counting.next("p", verb, "x") for verb in ("get", "patch", "get")]
    assert [position.number for position in made] == [1, 1, 2]
    assert counting.positions() == sorted(made)
    assert common([made, made[:2]]) == sorted(made[:2])


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", f"{LISTED}?limit=2", ("", "list", "imagepolicies", "")),
        ("GET", f"{LISTED}?watch=true", ("", "watch", "imagepolicies", "")),
        ("GET", f"{OWN}/app", ("ns", "get", "imagepolicies", "app")),
        ("PATCH", f"{OWN}/app/status?fieldManager=x", ("ns", "patch", "imagepolicies/status", "app")),
        ("POST", "/api/v1/namespaces/ns/events", ("ns", "create", "events", "")),
        ("GET", "/api/v1/namespaces/ns", ("", "get", "namespaces", "ns")),
        ("DELETE", f"{OWN}/app", ("ns", "delete", "imagepolicies", "app")),
    ],
)
def test_requests_to_the_api_server(method: str, target: str, expected: tuple[str, ...]) -> None:
    assert describe_api(method, target) == expected


def test_requests_to_registries_and_git() -> None:
    assert describe_registry("GET", "/v2/ns/app/tags/list?n=1000") == ("get", "tags/list")
    assert describe_registry("HEAD", "/v2/ns/app/manifests/1.0.0") == ("head", "manifests")
    assert describe_registry("GET", "/v2/") == ("get", "ping")
    assert describe_git("GET", "/ns.git/info/refs?service=git-upload-pack", {}, b"") == ("get", "refs:upload-pack")
    assert describe_git("POST", "/ns.git/git-upload-pack", {}, b"0014command=ls-refs\n") == ("fetch", "ls-refs")
    assert describe_git("POST", "/ns.git/git-upload-pack", {}, b"0012command=fetch") == ("fetch", "pack")
    assert describe_git("POST", "/ns.git/git-receive-pack", {}, b"0000") == ("push", "receive-pack")


def test_every_class_has_faults_at_these_positions_and_a_sample_has_every_class() -> None:

    trials = trials_of("tag", [STATUS, PUSH, EVENT])
    classes = set(range(1, 11))
    assert {FAULTS[trial.fault].number for trial in trials} == classes
    for seed in range(20):
        sample = choose_from(trials, which="sample", seed=seed, count=12)
        assert len(sample) == 12
        assert {FAULTS[trial.fault].number for trial in sample} == classes
        assert sample == choose_from(trials, which="sample", seed=seed, count=12)


def test_shards_are_all_trials_each_once() -> None:
    trials = trials_of("tag", [STATUS, PUSH, EVENT])
    shards = [trial for n in range(1, 8) for trial in choose_from(trials, which=f"{n}/7", seed=0, count=0)]
    assert sorted(shards) == sorted(trials)
    with pytest.raises(ValueError, match="no shard"):
        choose_from(trials, which="8/7", seed=0, count=0)


def test_only_some_faults() -> None:
    trials = trials_of("tag", [STATUS, PUSH, EVENT])
    chosen = choose_from(trials, which="all", seed=0, count=0, faults="1,event-cut")
    assert {trial.fault for trial in chosen} == {"crash-before", "crash-after", "event-cut"}
