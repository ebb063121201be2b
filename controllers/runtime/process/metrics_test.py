import pytest

from controllers.runtime.key import Key
from controllers.runtime.process.metrics import Metrics
from controllers.runtime.queue.workqueue import Lane, WorkQueue
from testing.clock import VirtualClock

APP = Key("ns", "app")


def lines(metrics: Metrics) -> dict[str, float]:
    """Sample → value."""
    text = metrics.render().decode()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    }


@pytest.mark.parametrize(
    "sample",
    [
        'controller_runtime_reconcile_total{controller="things",result="success"}',
        'controller_runtime_reconcile_total{controller="things",result="error"}',
        'controller_runtime_reconcile_errors_total{controller="things"}',
        'controller_runtime_terminal_reconcile_errors_total{controller="things"}',
        'controller_runtime_reconcile_panics_total{controller="things"}',
        'controller_runtime_active_workers{controller="things"}',
        'workqueue_depth{controller="things",name="things",priority="user"}',
        'workqueue_depth{controller="things",name="things",priority="resync"}',
        'workqueue_adds_total{controller="things",name="things"}',
        'workqueue_retries_total{controller="things",name="things"}',
        'leader_election_master_status{name="lease"}',
        'rest_client_requests_total{code="200",host="k8s",method="PATCH"}',
        "event_loop_lag_seconds_count",
    ],
)
def test_what_is_known_at_start_starts_at_zero(sample: str) -> None:
    metrics = Metrics()
    metrics.controller("things", workers=4)
    metrics.queue("things")
    metrics.observe_requests("k8s")
    metrics.observe_leadership("lease")
    assert lines(metrics)[sample] == 0


def test_a_run_is_counted_with_its_result() -> None:
    metrics = Metrics()
    series = metrics.controller("things", workers=4)
    series.record_start()
    assert lines(metrics)['controller_runtime_active_workers{controller="things"}'] == 1
    series.record_result("error", seconds=0.2)
    series.record_crash()
    samples = lines(metrics)
    assert samples['controller_runtime_active_workers{controller="things"}'] == 0
    assert samples['controller_runtime_reconcile_total{controller="things",result="error"}'] == 1
    assert samples['controller_runtime_reconcile_errors_total{controller="things"}'] == 1
    assert samples['controller_runtime_reconcile_panics_total{controller="things"}'] == 1
    assert samples['controller_runtime_reconcile_time_seconds_sum{controller="things"}'] == 0.2


def test_durations_of_an_object_fall_into_flux_s_buckets_and_go_with_it() -> None:
    metrics = Metrics()
    durations = metrics.durations.of("Thing")
    for seconds in (0.005, 0.01, 1.0, 5000.0):
        durations.observe(APP, seconds)
    base = 'gotk_reconcile_duration_seconds_{}{{kind="Thing",{}name="app",namespace="ns"}}'
    samples = lines(metrics)
    buckets = {
        sample.split('le="')[1].split('"')[0]: count
        for sample, count in samples.items()
        if "gotk" in sample and "le=" in sample
    }
    assert list(buckets) == [
        "0.01", "0.0383636", "0.147176", "0.564622", "2.16609", "8.3099",
        "31.8798", "122.302", "469.195", "1800", "+Inf",
    ]  # fmt: skip
    assert list(buckets.values()) == [2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 4]
    assert samples[base.format("count", "")] == 4
    assert samples[base.format("sum", "")] == pytest.approx(5001.015)
    durations.forget(APP)
    assert not any("gotk" in sample for sample in lines(metrics))


async def test_running_keys_show_while_they_run() -> None:
    clock = VirtualClock()
    metrics = Metrics()
    series = metrics.queue("things")
    queue = WorkQueue(clock, metrics=series)
    series.watch(queue)
    queue.add(APP)
    queue.add(Key("ns", "b"), Lane.RESYNC)
    await queue.get()
    await clock.advance(2)
    await queue.get()
    await clock.advance(3)
    samples = lines(metrics)
    assert samples['workqueue_unfinished_work_seconds{controller="things",name="things"}'] == 8
    assert samples['workqueue_longest_running_processor_seconds{controller="things",name="things"}'] == 5


def test_requests_without_an_answer_are_counted_apart() -> None:
    metrics = Metrics()
    observe = metrics.observe_requests("k8s")
    observe("GET", 0)
    observe("GET", 404)
    samples = lines(metrics)
    assert samples['rest_client_requests_total{code="<error>",host="k8s",method="GET"}'] == 1
    assert samples['rest_client_requests_total{code="404",host="k8s",method="GET"}'] == 1


def test_two_processes_in_one_interpreter_do_not_share_metrics() -> None:
    one, two = Metrics(), Metrics()
    one.controller("things", workers=4).record_crash()
    assert not any("things" in sample for sample in lines(two))
