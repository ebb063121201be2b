"""`controllers.imagepolicy`: patterns that cost, on the few tags that are otherwise looked at on the event loop."""

import threading

import pytest

from api.imagepolicy import DenyRule, ImagePolicyChoice, SemverPolicy, TagFilter
from controllers.golang.regexp import budget
from controllers.runtime.reconcile.outcome import Stalled
from controllers.selection import selector
from testing.builders import image_policy, image_repository
from testing.loop_holds import measure_holds, record_threads
from testing.policy_harness import PolicyHarness

MANY_GROUPS = "(.?)" * 200
LARGE_PROGRAM = r"\pL{55}"
TAGS = [f"{number:04}" + "ab01.-" * 20 for number in range(64)]
SEMVER = SemverPolicy(range="*")
LONG_LIST = [f"{number**99:b}"[:128].translate({48: "a", 49: "b"}) for number in range(1001, 3000)]
"""With one more, as many tags as are looked at on the event loop."""
SLOW_ON_LONG_LIST = "a" + "." * 20 + "c"
"""Small, but RE2 has no memory for all that it could have seen of a text of `a` and `b`."""


async def test_filter_that_costs_does_not_hold_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MAX_CPU_SECONDS", 0.1)
    harness = PolicyHarness(*TAGS)
    policy = image_policy(filter_tags=TagFilter(pattern=MANY_GROUPS))
    holds = await measure_holds(harness.fail(Stalled, policy))
    assert holds.longest < holds.seconds / 3


@pytest.mark.parametrize("scanned", [True, False], ids=["tags", "not-scanned-yet"])
async def test_deny_list_that_costs_does_not_hold_the_event_loop(*, scanned: bool) -> None:
    harness = PolicyHarness("1.0.0")
    if not scanned:
        harness.put(image_repository())
    deny = tuple(DenyRule(pattern=f"{LARGE_PROGRAM}{scanned}{number}") for number in range(20))
    policy = image_policy(policy=ImagePolicyChoice(semver=SEMVER, deny=deny))
    holds = await measure_holds(harness.end(policy))
    assert holds.longest < holds.seconds / 3


@pytest.mark.parametrize(
    "patterns",
    [
        pytest.param(["a" + "." * number + "c" for number in range(24)], id="together"),
        pytest.param([SLOW_ON_LONG_LIST], id="in-long-tags"),
    ],
)
async def test_patterns_that_look_cheap_do_not_run_on_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, patterns: list[str]
) -> None:
    threads = record_threads(monkeypatch, selector, "select")
    harness = PolicyHarness("1.0.0", *LONG_LIST)
    deny = tuple(DenyRule(pattern=pattern) for pattern in patterns)
    await harness.reconcile(image_policy(policy=ImagePolicyChoice(semver=SEMVER, deny=deny)))
    assert threads
    assert threading.main_thread() not in threads
    threads.clear()
    await harness.reconcile(image_policy(policy=ImagePolicyChoice(semver=SEMVER, deny=(DenyRule(pattern="rc$"),))))
    assert threads == {threading.main_thread()}, "what is over at once is not worth a thread"
