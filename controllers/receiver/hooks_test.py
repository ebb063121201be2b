from msgspec.structs import replace

from api.receiver import Receiver, ReceiverStatus
from controllers.receiver.hooks import Hooks
from testing.receivers import receiver


def named(name: str, path: str = "", uid: str = "") -> Receiver:
    return receiver(name, uid=uid, status=ReceiverStatus(webhook_path=path))


def test_receivers_are_found_by_the_paths_of_status_and_secret() -> None:
    hooks = Hooks()
    first = named("first", "/hook/old")
    hooks.on_change(None, first)
    hooks.learn(first, ["/hook/new", "/hook/old"])
    assert hooks.find("/hook/old") == hooks.find("/hook/new") == [first]
    assert hooks.find("/hook/other") == []
    hooks.learn(first, ["/hook/new"])
    assert hooks.find("/hook/old") == [first]  # as the status says
    newer = named("first", "/hook/new")
    hooks.on_change(first, newer)
    assert hooks.find("/hook/old") == []
    assert hooks.find("/hook/new") == [newer]
    hooks.learn(first, ["/hook/newest"])
    assert hooks.find("/hook/new") == [newer]


def test_receivers_that_are_gone_are_forgotten() -> None:
    hooks = Hooks()
    first = named("first", "/hook/a")
    hooks.on_change(None, first)
    hooks.learn(first, ["/hook/b"])
    again = named("first", "", uid="another")
    hooks.on_change(first, again)
    assert [hooks.find("/hook/a"), hooks.find("/hook/b")] == [[], []]
    hooks.learn(first, ["/hook/b"])  # of a read that had begun before
    assert hooks.find("/hook/b") == []
    hooks.on_change(again, None)
    assert hooks.list() == []
    assert hooks.stand_in(0) is None


def test_a_path_that_several_have_is_taken_from_none() -> None:
    hooks = Hooks()
    victim, thief = named("victim", "/hook/a"), named("thief", "/hook/a")
    hooks.on_change(None, thief)
    hooks.on_change(None, victim)
    hooks.learn(victim, ["/hook/a"])
    assert hooks.find("/hook/a") == [thief, victim]
    hooks.on_change(thief, None)
    assert hooks.find("/hook/a") == [victim]
    hooks.on_change(victim, None)
    assert hooks.find("/hook/a") == []


def test_stand_ins_take_turns() -> None:
    hooks = Hooks()
    for name in ("a", "b", "c"):
        hooks.on_change(None, named(name))
    times = [0.001, 0.002, 0.021, 0.022, 0.041, 0.061]
    names = [found.metadata.name for time in times if (found := hooks.stand_in(time))]
    assert names == ["a", "a", "b", "b", "c", "a"]


def test_an_update_keeps_one_place_in_the_turns() -> None:
    hooks = Hooks()
    first = named("a")
    hooks.on_change(None, first)
    hooks.on_change(first, replace(first, status=ReceiverStatus(webhook_path="/hook/a")))
    assert len(hooks.list()) == 1
