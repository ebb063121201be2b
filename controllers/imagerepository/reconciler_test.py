"""One pass over an ImageRepository: when it scans, what it stores and records, and what each obstacle becomes."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from api.imagerepository import ImageRepositoryStatus, LatestTags, ScanResult
from api.meta import LocalObjectReference
from controllers.cloud.logins import CloudLogins
from controllers.cloudaccess.access import CloudAccess
from controllers.imageaccess.reader import AccessReader
from controllers.imagerepository.reconciler import ImageRepositoryReconciler
from controllers.registry.access import Access
from controllers.registry.cloud.providers import PROVIDERS
from controllers.registry.errors import Denied, ImageNotFound, ResponseTooLarge, Throttled, Unavailable
from controllers.runtime.key import key_of
from controllers.runtime.reconcile import bounds
from controllers.runtime.reconcile.leader import LostLeadership
from controllers.runtime.reconcile.outcome import SECRET_RETRY, Ready, Retry, Stalled
from controllers.selection.threads import NamespaceThreads
from controllers.taglist.reader import fetch_list
from controllers.taglist.scan import build_tag_set
from testing.builders import IMAGE
from testing.clock import START, VirtualClock
from testing.loop_holds import measure_holds
from testing.repository_harness import INTERVAL, MINUTE, RepositoryHarness

HOUR = timedelta(hours=1)

PULL = LocalObjectReference(name="pull")
CREATE = "create imagetaglists apps/app-tags-0"
PATCH = "patch imagetaglists apps/app-tags-0"
NO_SECRET = 'failed to configure authentication options: secrets "pull" not found'


def revision(*tags: str) -> str:
    return build_tag_set(tags, None).revision


async def test_first_scan_stores_and_reports(harness: RepositoryHarness) -> None:
    end = await harness.reconcile(new_generation=True)
    message = "successful scan: found 2 tags"
    assert end == Ready(message, requeue_after=INTERVAL, event=message)
    assert harness.registry.asked == [(IMAGE, Access(), INTERVAL)]
    assert harness.run.status == ImageRepositoryStatus(
        canonical_image_name=IMAGE,
        observed_exclusion_list=(r"^.*\.sig$",),
        last_scan_result=ScanResult(
            tag_count=2, scan_time=START, latest_tags=("2.0", "1.0"), revision=revision("1.0", "2.0")
        ),
    )
    assert harness.kube.requests == [CREATE]
    assert harness.run.progress == "scanning: first scan"


async def test_repository_without_tags_is_a_success(harness: RepositoryHarness) -> None:
    harness.registry.tags = ["1.0.sig"]
    end = await harness.reconcile()
    assert end.message == "successful scan: found 0 tags"
    assert len(harness.chunks) == 1
    await harness.reconcile(after=MINUTE)
    assert not harness.scanned


async def test_scan_that_is_not_due_asks_nobody(idle: RepositoryHarness) -> None:
    end = await idle.reconcile(after=MINUTE)
    assert end == Ready("successful scan: found 2 tags", requeue_after=9 * MINUTE)
    assert not idle.scanned
    assert idle.kube.requests == []


async def test_restart_scans_nothing_that_is_not_due(idle: RepositoryHarness) -> None:
    idle.restart()
    assert (await idle.reconcile(after=MINUTE)).requeue_after == 9 * MINUTE
    assert not idle.scanned


async def test_scan_that_finds_nothing_new_writes_no_list_and_reports_no_change(idle: RepositoryHarness) -> None:
    end = await idle.reconcile(after=INTERVAL)
    assert end == Ready(
        "successful scan: found 2 tags", requeue_after=INTERVAL, no_change="no new tags found, next scan in 10m0s"
    )
    assert idle.kube.requests == []
    assert idle.run.status.last_scan_result is not None
    assert idle.run.status.last_scan_result.scan_time == START + INTERVAL


async def test_an_answer_that_is_repeated_is_not_worked_through_again(
    idle: RepositoryHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise AssertionError("the same tags were arranged once more")

    with monkeypatch.context() as patched:
        patched.setattr("controllers.imagerepository.exclusion.TagExclusion.build", fail)
        before = idle.run.status
        end = await idle.reconcile(after=INTERVAL)
        assert end.no_change == "no new tags found, next scan in 10m0s"
        assert before.last_scan_result is not None
        result = replace(before.last_scan_result, scan_time=START + INTERVAL)
        assert idle.run.status == replace(before, last_scan_result=result)
        idle.registry.tags.append("3.0")
        with pytest.raises(AssertionError, match="once more"):
            await idle.reconcile(after=2 * INTERVAL)
    assert (await idle.reconcile(after=3 * INTERVAL)).event == "successful scan: found 3 tags"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"exclusion_list": ("^1",)}, id="exclusion-list"),
        pytest.param({"latest_tags": LatestTags(order="firstSeen", count=1)}, id="latest-tags"),
    ],
)
async def test_an_answer_that_is_repeated_counts_anew_for_another_spec(
    idle: RepositoryHarness, change: dict[str, Any]
) -> None:
    await idle.reconcile(after=INTERVAL)
    await idle.reconcile(after=2 * INTERVAL)
    idle.repository = replace(idle.repository, spec=replace(idle.repository.spec, **change))
    await idle.reconcile(after=3 * INTERVAL, new_generation=True)
    assert idle.scanned
    result = idle.run.status.last_scan_result
    assert result is not None
    assert len(result.latest_tags) == (2 if "exclusion_list" in change else 1)
    assert result.latest_tags == (("2.0.sig", "2.0") if "exclusion_list" in change else result.latest_tags)


async def test_what_somebody_wrote_into_the_status_does_not_stay_though_the_answer_is_repeated(
    idle: RepositoryHarness,
) -> None:
    await idle.reconcile(after=INTERVAL)
    true = idle.run.status.last_scan_result
    assert true is not None
    edits: list[dict[str, Any]] = [{"latest_tags": ("9.9",)}, {"tag_count": 7}, {"revision": "1"}]
    for number, edit in enumerate(edits, 2):
        forged = replace(idle.run.status, last_scan_result=replace(true, **edit))
        idle.repository = replace(idle.repository, status=forged)
        await idle.reconcile(after=number * INTERVAL)
        assert idle.scanned
        found = idle.run.status.last_scan_result
        assert found is not None
        assert replace(found, scan_time=true.scan_time) == true, edit


async def test_scan_that_finds_other_tags_rewrites_the_list_and_is_reported(idle: RepositoryHarness) -> None:
    idle.registry.tags.append("3.0")
    end = await idle.reconcile(after=INTERVAL)
    assert end.event == "successful scan: found 3 tags"
    assert PATCH in idle.kube.requests
    assert idle.run.status.last_scan_result is not None
    assert idle.run.status.last_scan_result.revision == revision("1.0", "2.0", "3.0")


async def test_tags_that_a_wrong_clock_dated_are_dated_anew_though_none_has_changed(idle: RepositoryHarness) -> None:
    idle.registry.tags.append("3.0")
    await idle.reconcile(after=9999 * HOUR)
    assert (await first_seen(idle))["3.0"] == int((START + 9999 * HOUR).timestamp())
    await idle.reconcile(after=HOUR)
    assert idle.scanned
    assert (await first_seen(idle))["3.0"] == int((START + HOUR).timestamp())
    await idle.reconcile(after=2 * HOUR)
    assert (idle.scanned, idle.kube.requests) == (True, []), "once is enough"


async def first_seen(harness: RepositoryHarness) -> Mapping[str, int | None]:
    found = await fetch_list(harness.kube, key_of(harness.repository))
    assert found is not None
    return found.first_seen


async def test_as_many_tags_as_before_but_others_are_reported_too(idle: RepositoryHarness) -> None:
    idle.registry.tags = ["1.0", "3.0"]
    end = await idle.reconcile(after=INTERVAL)
    assert end == Ready("successful scan: found 2 tags", requeue_after=INTERVAL, event="successful scan: found 2 tags")


@pytest.mark.parametrize(
    ("spec", "facts", "reason"),
    [
        pytest.param({}, {"requested": True}, "reconcile requested", id="requested"),
        pytest.param({"image": "ghcr.io/org/other"}, {"new_generation": True}, "new image name", id="renamed"),
        pytest.param({"exclusion_list": ("^1",)}, {"new_generation": True}, "updated exclusion list", id="exclusions"),
        pytest.param({}, {"after": INTERVAL}, "triggered by interval", id="interval"),
    ],
)
async def test_scan_for_a_reason_says_so_while_it_runs(
    idle: RepositoryHarness, spec: dict[str, Any], facts: dict[str, Any], reason: str
) -> None:
    await idle.reconcile(spec=spec, **facts)
    assert idle.scanned
    assert idle.run.progress == f"scanning: {reason}"


async def test_list_that_is_gone_is_scanned_for_and_stored_again(idle: RepositoryHarness) -> None:
    idle.kube.remove("imagetaglists", "apps", "app-tags-0")
    idle.headers.catch_up()
    end = await idle.reconcile(after=MINUTE)
    assert idle.run.progress == "scanning: no tags in database"
    assert idle.kube.requests == [CREATE]
    assert end.no_change == "no new tags found, next scan in 10m0s"


async def test_change_that_needs_no_scan_is_reported_as_no_change(idle: RepositoryHarness) -> None:
    end = await idle.reconcile(after=MINUTE, spec={"interval": "20m"}, new_generation=True)
    assert end == Ready(
        "successful scan: found 2 tags",
        requeue_after=19 * MINUTE,
        no_change="no change in repository configuration since last scan, next scan in 19m0s",
    )
    assert not idle.scanned


async def test_new_spec_is_not_ready_before_its_secrets_are_there(idle: RepositoryHarness) -> None:
    end = await idle.fail(Retry, after=MINUTE, spec={"secret_ref": PULL}, new_generation=True)
    assert (end.reason, end.message) == ("AuthenticationFailed", NO_SECRET)
    assert not idle.scanned


async def test_spec_reaches_the_registry(harness: RepositoryHarness) -> None:
    await harness.reconcile(spec={"timeout": "20s", "insecure": True, "image": "alpine"})
    assert harness.registry.asked == [("index.docker.io/library/alpine", Access(insecure=True), timedelta(seconds=20))]


async def test_exclusion_list_is_applied_and_observed(harness: RepositoryHarness) -> None:
    await harness.reconcile(spec={"exclusion_list": ("^1", "sig$")})
    assert harness.run.status.observed_exclusion_list == ("^1", "sig$")
    assert harness.run.status.last_scan_result is not None
    assert harness.run.status.last_scan_result.latest_tags == ("2.0",)


async def test_tags_that_the_exclusion_list_leaves_out_do_not_count_for_the_limit(harness: RepositoryHarness) -> None:
    harness.registry.max_tags = 2
    await harness.reconcile(spec={"exclusion_list": ("^1",)})
    result = harness.run.status.last_scan_result
    assert result is not None
    assert result.latest_tags == ("2.0.sig", "2.0")
    assert {chunk.status.excluded_count for chunk in harness.chunks if chunk.status} == {1}


@pytest.mark.parametrize("field", ["interval", "timeout"])
async def test_duration_beyond_all_bounds_stalls(harness: RepositoryHarness, field: str) -> None:
    """The schema has a pattern for durations, which no number is too long for."""
    end = await harness.fail(Stalled, spec={"image": IMAGE, field: "9999999h"})
    assert (end.reason, end.message) == (
        "InvalidDuration",
        "read duration '9999999h': it is longer than 292 years",
    )


@pytest.mark.parametrize(
    ("image", "message"),
    [
        pytest.param(
            "https://ghcr.io/a/b",
            "image 'https://ghcr.io/a/b' should not include URL scheme; remove 'https://'",
            id="scheme",
        ),
        pytest.param("ghcr.io/a/b:1", "image 'ghcr.io/a/b:1' should not include a tag; remove ':1'", id="tag"),
        pytest.param("Foo/Bar", "could not parse reference: Foo/Bar", id="unreadable"),
    ],
)
async def test_image_that_is_none_stalls(harness: RepositoryHarness, image: str, message: str) -> None:
    end = await harness.fail(Stalled, spec={"image": image})
    assert (end.reason, end.message) == ("ImageURLInvalid", message)
    assert not harness.scanned


async def test_credentials_that_are_missing_are_looked_for_every_half_minute(harness: RepositoryHarness) -> None:
    end = await harness.fail(Retry, spec={"secret_ref": PULL})
    assert (end.reason, end.message) == ("AuthenticationFailed", NO_SECRET)
    assert end.max_delay == SECRET_RETRY
    assert not harness.scanned
    assert harness.run.progress == "reconciliation in progress"


@pytest.mark.parametrize(
    ("failure", "retry_after"),
    [
        pytest.param(Denied("401 from ghcr.io"), None, id="denied"),
        pytest.param(ImageNotFound("404 from ghcr.io"), None, id="not-found"),
        pytest.param(Unavailable("ghcr.io: no answer in time"), None, id="unavailable"),
        pytest.param(ResponseTooLarge("more than 1000 pages"), None, id="too-large"),
        pytest.param(Throttled("429 from ghcr.io"), None, id="throttled"),
        pytest.param(Throttled("429 from ghcr.io", 3 * MINUTE), 3 * MINUTE, id="throttled-waits-as-asked"),
    ],
)
async def test_scan_that_fails_changes_no_fact(
    idle: RepositoryHarness, failure: Exception, retry_after: timedelta | None
) -> None:
    before = idle.repository.status
    idle.registry.failure = failure
    end = await idle.fail(Retry, after=INTERVAL)
    assert (end.reason, end.message) == ("ReadOperationFailed", f"scan failed: {failure}")
    assert end.retry_after == retry_after
    assert idle.run.status == before


async def test_pattern_that_does_not_compile_fails_the_scan(harness: RepositoryHarness) -> None:
    end = await harness.fail(Retry, spec={"exclusion_list": ("(",)})
    assert end.reason == "ReadOperationFailed"
    assert end.message == ("scan failed: failed to compile regex (: error parsing regexp: missing closing ): `(`")


def _no_registry(harness: RepositoryHarness) -> None:
    harness.registry.failure = Unavailable("ghcr.io: connection refused")


def _no_storage(harness: RepositoryHarness) -> None:
    harness.registry.tags.append("9.9")
    harness.kube.forbid(PATCH)


@pytest.mark.parametrize(
    "break_it",
    [pytest.param(_no_registry, id="registry-fails"), pytest.param(_no_storage, id="storage-fails")],
)
async def test_requested_scan_that_failed_stays_due(
    idle: RepositoryHarness, break_it: Callable[[RepositoryHarness], None]
) -> None:
    break_it(idle)
    await idle.fail(Retry, after=MINUTE, requested=True)
    idle.record_failure()
    idle.registry.failure = None
    end = await idle.reconcile(after=2 * MINUTE)
    assert idle.run.progress == "scanning: reconcile requested"
    assert end.message.startswith("successful scan")
    idle.repository = replace(idle.repository, status=replace(idle.repository.status, conditions=()))
    await idle.reconcile(after=3 * MINUTE)
    assert not idle.scanned


async def test_progress_that_somebody_else_left_behind_owes_no_scan(idle: RepositoryHarness) -> None:
    idle.run.progress = "scanning: reconcile requested"
    idle.record_failure(ready="True")
    await idle.reconcile(after=MINUTE)
    assert not idle.scanned


async def test_run_that_failed_before_its_scan_owes_none(idle: RepositoryHarness) -> None:
    await idle.fail(Retry, after=MINUTE, spec={"secret_ref": PULL}, new_generation=True)
    idle.record_failure()
    await idle.reconcile(after=2 * MINUTE, spec={"secret_ref": None})
    assert not idle.scanned


async def test_tag_list_that_cannot_be_stored_leaves_the_facts_of_the_last_scan(idle: RepositoryHarness) -> None:
    before = idle.repository.status
    idle.registry.tags.append("3.0")
    idle.kube.forbid(PATCH)
    end = await idle.fail(Retry, after=INTERVAL)
    assert end.reason == "ReadOperationFailed"
    assert end.message == (
        f"scan failed: failed to store tags: {PATCH}: 403 Forbidden: "
        '"apps/app-tags-0" is forbidden for patch imagetaglists'
    )
    assert idle.run.status == before


async def test_list_is_written_before_the_status_speaks_of_it(harness: RepositoryHarness) -> None:
    states: list[object] = []

    def check() -> None:  # the last thing before the first write
        states.append((harness.run.status.last_scan_result, harness.chunks))

    await harness.reconcile(check=check)
    assert states == [(None, [])]
    (chunk,) = harness.chunks
    assert chunk.status is not None
    assert harness.run.status.last_scan_result is not None
    assert chunk.status.revision == harness.run.status.last_scan_result.revision


async def test_crash_after_the_list_and_before_the_status_is_made_good_by_another_scan(idle: RepositoryHarness) -> None:
    facts = idle.repository
    idle.registry.tags.append("3.0")
    await idle.reconcile(after=INTERVAL)
    idle.repository = facts  # the status was never written
    idle.restart()
    end = await idle.reconcile(after=MINUTE)
    assert idle.run.progress == "scanning: no tags in database"
    assert end.event == "successful scan: found 3 tags"
    assert idle.kube.requests == []


async def test_process_that_lost_its_lead_writes_nothing(harness: RepositoryHarness) -> None:
    def lost() -> None:
        raise LostLeadership

    with pytest.raises(LostLeadership):
        await harness.reconcile(check=lost)
    assert harness.chunks == []
    assert harness.run.status == ImageRepositoryStatus()


async def test_leadership_is_not_needed_where_nothing_is_written(idle: RepositoryHarness) -> None:
    def lost() -> None:
        raise LostLeadership

    end = await idle.reconcile(after=INTERVAL, check=lost)
    assert end.no_change == "no new tags found, next scan in 10m0s"


@pytest.mark.parametrize(
    ("order", "want"),
    [
        pytest.param("alphabetical", ("9.0.0", "10.0.0"), id="alphabetical"),
        pytest.param("semver", ("10.0.0", "9.0.0"), id="semver"),
        pytest.param("firstSeen", ("1.0.0", "9.0.0"), id="first-seen"),
    ],
)
async def test_latest_tags_are_those_that_the_spec_asks_for(
    harness: RepositoryHarness, order: str, want: tuple[str, ...]
) -> None:
    harness.registry.tags = ["9.0.0", "10.0.0"]
    await harness.reconcile(spec={"latest_tags": LatestTags(count=2, order=order)})
    harness.registry.tags.append("1.0.0")
    await harness.reconcile(after=INTERVAL)
    result = harness.run.status.last_scan_result
    assert result is not None
    assert result.latest_tags == want
    assert harness.run.status.observed_latest_tags == LatestTags(count=2, order=order)


async def test_other_latest_tags_cost_a_scan_and_a_scan_without_changes_ranks_nothing_anew(
    idle: RepositoryHarness,
) -> None:
    wanted = LatestTags(count=1, order="firstSeen")
    await idle.reconcile(spec={"latest_tags": wanted}, new_generation=True)
    assert idle.run.progress == "scanning: updated latest tags"
    assert idle.kube.requests == []  # a short list is in memory
    await idle.reconcile(after=INTERVAL)
    assert (idle.scanned, idle.kube.requests) == (True, [])
    await idle.reconcile(after=INTERVAL, spec={"latest_tags": None}, new_generation=True)
    result = idle.run.status.last_scan_result
    assert result is not None
    assert (result.latest_tags, idle.run.status.observed_latest_tags) == (("2.0", "1.0"), None)


async def test_identity_of_the_object_without_the_gate_stalls_before_anything_else(harness: RepositoryHarness) -> None:
    logins = CloudLogins(VirtualClock(), PROVIDERS, pin_proxy=str, max_size=1, max_age=INTERVAL)
    clouds = CloudAccess(harness.kube, logins, object_level=False, default_service_account="")
    reader = AccessReader(harness.kube, clouds=clouds)
    harness.reconciler = ImageRepositoryReconciler(harness.registry, reader, harness.writer, missed=harness.missed)
    end = await harness.fail(
        Stalled, spec={"provider": "aws", "service_account_name": "robot", "image": "https://no/image"}
    )
    assert end.reason == "FeatureGateDisabled"
    assert end.message == (
        "to use spec.serviceAccountName for provider authentication please enable the ObjectLevelWorkloadIdentity "
        "feature gate in the controller, which --feature-gates=ObjectLevelWorkloadIdentity=false has switched off"
    )
    assert harness.kube.requests == []


async def test_spread_scan_runs_when_it_said_it_would(harness: RepositoryHarness) -> None:
    first = await harness.reconcile(jitter_percentage=20)
    assert first.requeue_after is not None
    assert first.requeue_after != INTERVAL
    assert abs(first.requeue_after - INTERVAL) <= INTERVAL / 5
    await harness.reconcile(after=first.requeue_after - timedelta(seconds=2), jitter_percentage=20)
    assert not harness.scanned
    await harness.reconcile(after=first.requeue_after, jitter_percentage=20)
    assert (harness.scanned, harness.run.progress) == (True, "scanning: triggered by interval")


async def test_credentials_that_do_not_come_in_time_end_the_run(
    harness: RepositoryHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MIN_TIMEOUT", timedelta(milliseconds=1))
    harness.kube.before = lambda _: asyncio.Event().wait()
    end = await harness.fail(Retry, spec={"timeout": "1ms", "secret_ref": PULL})
    assert end.reason == "AuthenticationFailed"
    assert end.message == "failed to configure authentication options: context deadline exceeded"


@pytest.mark.parametrize(
    ("spec", "note"),
    [
        pytest.param(
            {"timeout": "600m"}, "; spec.timeout 600m counts as 10m0s, the longest timeout", id="timeout-too-long"
        ),
        pytest.param(
            {"interval": "0s", "timeout": "5s"},
            "; spec.interval 0s counts as 1s, the shortest interval",
            id="interval-of-nothing",
        ),
        pytest.param({"timeout": "10m", "interval": "1s"}, "", id="within-bounds"),
        pytest.param({"interval": "24h"}, "", id="long-interval-alone"),
    ],
)
async def test_a_duration_out_of_bounds_is_told_and_the_scan_goes_on(
    harness: RepositoryHarness, spec: dict[str, Any], note: str
) -> None:
    end = await harness.reconcile(spec=spec)
    assert end.message == f"successful scan: found 2 tags{note}"
    assert end.requeue_after is not None
    assert end.requeue_after >= timedelta(seconds=1), "else it would be a busy loop"
    [(_, _, timeout)] = harness.registry.asked
    assert timeout <= timedelta(minutes=10)
    harness.registry.failure = Unavailable("nobody there")
    failed = await harness.fail(Retry, requested=True)
    assert failed.message == f"scan failed: nobody there{note}"


async def test_exclusion_list_that_costs_does_not_hold_the_event_loop(harness: RepositoryHarness) -> None:
    patterns = tuple(rf"\pL{{55}}{number}" for number in range(25))  # each takes 20 ms to compile
    holds = await measure_holds(harness.reconcile(spec={"exclusion_list": patterns}))
    assert holds.longest < holds.seconds / 3


async def test_a_list_that_has_shrunk_to_nothing_is_a_warning(harness: RepositoryHarness) -> None:
    assert (await harness.reconcile()).warnings == ()
    harness.registry.tags = ["1.0.sig"]
    emptied = await harness.reconcile(after=INTERVAL)
    text = "2 tags before, none now but 1 that the exclusion list leaves out: policies keep what they chose last"
    assert (emptied.message, emptied.warnings) == ("successful scan: found 0 tags", (("NoTagsLeft", text),))
    assert (await harness.reconcile(after=2 * INTERVAL)).warnings == (), "it is told once"


@pytest.mark.parametrize("max_tags", [0, 1000], ids=["while-listing", "listed"])
async def test_exclusion_list_that_costs_runs_in_a_thread_of_the_namespace(
    harness: RepositoryHarness, monkeypatch: pytest.MonkeyPatch, max_tags: int
) -> None:
    namespaces: list[str] = []
    in_thread = NamespaceThreads.run

    async def run(self: NamespaceThreads, namespace: str, work: Callable[[], Any]) -> Any:
        namespaces.append(namespace)
        return await in_thread(self, namespace, work)

    monkeypatch.setattr(NamespaceThreads, "run", run)
    harness.registry.max_tags, harness.registry.tags = max_tags, [f"{number:0120}" for number in (0, *range(100))]
    await harness.reconcile(spec={"exclusion_list": ("(.?)" * 50 + "^nothing$",)})
    assert namespaces == ["apps"]
    status = harness.repository.status.last_scan_result
    assert status
    assert status.tag_count == 100, "each is stored once"
    namespaces.clear()
    await harness.reconcile(spec={"exclusion_list": ("^nothing$",)}, requested=True)
    assert namespaces == []
