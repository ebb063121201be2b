from datetime import timedelta

import pytest

from controllers.runtime.process import flags
from controllers.runtime.process.flags import BadFlag, Flag, format_usage, parse


@pytest.mark.parametrize(
    ("argv", "flag", "want"),
    [
        pytest.param([], flags.METRICS_ADDR, ":8080", id="default"),
        pytest.param(["--concurrent=20"], flags.CONCURRENT, 20, id="equals"),
        pytest.param(["--concurrent", "20"], flags.CONCURRENT, 20, id="next-word"),
        pytest.param(["-concurrent=20"], flags.CONCURRENT, 20, id="single-dash"),
        pytest.param(["--concurrent=1", "--concurrent=2"], flags.CONCURRENT, 2, id="last-wins"),
        pytest.param(["--events-addr="], flags.EVENTS_ADDR, "", id="empty-value"),
        pytest.param(["--enable-leader-election"], flags.ENABLE_LEADER_ELECTION, True, id="switch"),
        pytest.param(["--watch-all-namespaces=false"], flags.WATCH_ALL_NAMESPACES, False, id="switch-off"),
        pytest.param(["--min-retry-delay=1m30s"], flags.MIN_RETRY_DELAY, timedelta(seconds=90), id="duration"),
        pytest.param(["--watch-label-selector=a=b,c"], flags.WATCH_LABEL_SELECTOR, "a=b,c", id="equals-in-value"),
    ],
)
def test_forms(argv: list[str], flag: Flag[object], want: object) -> None:
    assert parse(argv)[flag] == want


def test_defaults_are_flux_s() -> None:
    options = parse([])
    assert [
        options[flags.HEALTH_ADDR],
        options[flags.CONCURRENT],
        options[flags.WATCH_ALL_NAMESPACES],
        options[flags.ENABLE_LEADER_ELECTION],
        options[flags.LEASE_DURATION].seconds,
        options[flags.RENEW_DEADLINE].seconds,
        options[flags.RETRY_PERIOD].seconds,
        options[flags.MIN_RETRY_DELAY].microseconds,
        options[flags.MAX_RETRY_DELAY].seconds,
    ] == [":9440", 4, True, False, 35, 30, 5, 750_000, 900]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        pytest.param(["--nonsense=1"], "unknown flag: --nonsense", id="unknown"),
        pytest.param(["serve"], "unexpected argument 'serve'", id="word"),
        pytest.param(["--concurrent"], "flag needs an argument: --concurrent", id="no-value"),
        pytest.param(["--concurrent=0"], "invalid value '0' for flag --concurrent: want at least 1", id="too-small"),
        pytest.param(["--concurrent=x"], "invalid value 'x' for flag --concurrent", id="not-a-number"),
        pytest.param(["--log-level=warn"], "want one of trace, debug, info, error", id="not-a-choice"),
        pytest.param(["--max-retry-delay=5"], "--max-retry-delay", id="duration-without-unit"),
        pytest.param(["--min-retry-delay=1h"], "longer than", id="delays-crossed"),
        pytest.param(["--requeue-dependency=0s"], "want more than 0s", id="no-wait"),
        pytest.param(["--requeue-dependency=-5s"], "want more than 0s", id="a-wait-in-the-past"),
        pytest.param(["--interval-jitter-percentage=100"], "want less than 100", id="jitter"),
        pytest.param(["--enable-leader-election=perhaps"], "want true or false", id="not-a-bool"),
        pytest.param(["--feature-gates=Magic=true"], "feature-gate 'Magic' not supported", id="unknown-gate"),
        pytest.param(["--feature-gates=Magic"], "missing bool value", id="gate-without-value"),
        pytest.param(
            ["--default-service-account=x", "--feature-gates=ObjectLevelWorkloadIdentity=false"],
            "cannot set default service accounts when",
            id="account-without-gate",
        ),
    ],
)
def test_what_cannot_be_used_is_said(argv: list[str], message: str) -> None:
    with pytest.raises(BadFlag, match=message):
        parse(argv)


def test_gates_have_defaults_and_can_be_switched() -> None:
    options = parse(
        ["--feature-gates=GitShallowClone=false,Extra=true"], feature_gates={"GitShallowClone": True, "Extra": False}
    )
    assert (
        options.is_feature_enabled("GitShallowClone"),
        options.is_feature_enabled("Extra"),
        options.is_feature_enabled("ObjectLevelWorkloadIdentity"),
    ) == (
        False,
        True,
        True,
    )
    with pytest.raises(KeyError):
        options.is_feature_enabled("Magic")


def test_flags_without_effect_are_accepted_and_reported() -> None:
    options = parse(["--storage-path=/data", "--kube-api-qps=50", "--gc-interval", "10"])
    assert options.warnings == ("storage-path", "kube-api-qps", "gc-interval")


def test_a_kind_adds_flags() -> None:
    extra: Flag[tuple[str, ...]] = Flag("ssh-kex-algos", (), flags.parse_strings, "algorithms for key exchange")
    assert parse(["--ssh-kex-algos=a, b,"], flags=[extra])[extra] == ("a", "b")
    assert parse([], flags=[extra])[extra] == ()
    assert "--ssh-kex-algos" in format_usage("prog", flags=[extra])


def test_usage_names_every_flag_with_its_default() -> None:
    text = format_usage("prog")
    assert all(f"--{flag.name}\n" in text for flag in flags.COMMON_FLAGS)
    assert "(default 750ms)" in text
    assert "no effect: nothing is stored on disk" in text
