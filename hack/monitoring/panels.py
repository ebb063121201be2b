"""What the dashboard shows: rows of panels, each a title, a unit and its queries.

`$namespace` is a variable of the dashboard, `$__rate_interval` one of Grafana's.
"""

from dataclasses import dataclass
from typing import Final

JOB: Final = 'job="tagline"'
HERE: Final = f'{JOB}, namespace=~"$namespace"'
NAMESPACES: Final = f"group by (namespace) (tagline_resource_info{{{JOB}}})"
"""The query of the variable."""
NO_MIN_AGE: Final = ', min_age="false"'
WITHOUT_MIN_AGE: Final = "Without policies that have a minAge."


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel."""

    title: str
    queries: tuple[tuple[str, str], ...]
    """What is asked, and the legend."""
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 7
    text: str = ""
    has_exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Panels below a heading."""

    title: str
    panels: tuple[Panel, ...]


def _info(more: str = "") -> str:
    return f"sum by (kind) (tagline_resource_info{{{HERE}{more}}})"


def _or_zero(more: str) -> str:
    """Return how many objects have some labels, by kind, and 0 for kinds of which none has."""
    return f"{_info(more)} or 0 * {_info()}"


def _rate(metric: str, labels: str, function: str = "rate") -> str:
    by = f"sum by ({labels}) " if labels else "sum"
    return f"{by}({function}({metric}{{{JOB}}}[$__rate_interval]))"


def _increase(metric: str, labels: str = "") -> str:
    return _rate(metric, labels, "increase")


def _slowest(metric: str, label: str) -> str:
    return f"histogram_quantile(0.99, {_rate(f'{metric}_bucket', f'{label}, le')})"


def _delay(title: str, metric: str, more: str = "") -> Panel:
    """Return a panel of what half, and nine in ten, of the observations are below."""
    buckets = f"sum by (le) (rate({metric}_bucket{{{JOB}{more}}}[$__rate_interval]))"
    shares = ((0.5, "half"), (0.9, "90 %"))
    queries = tuple((f"histogram_quantile({share}, {buckets})", label) for share, label in shares)
    return Panel(title, queries, unit="s", text=WITHOUT_MIN_AGE if more else "", has_exemplars=True)


NOT_READY: Final = ', ready!="True", suspended="false"'
OBJECTS: Final = Row(
    "Objects",
    (
        Panel("Objects", ((_info(), "{{kind}}"),), kind="stat"),
        Panel("Not ready", ((_or_zero(NOT_READY), "{{kind}}"),), kind="stat"),
        Panel("Suspended", ((_or_zero(', suspended="true"'), "{{kind}}"),), kind="stat"),
        Panel(
            "What is not ready, and why",
            ((f"max by (kind, namespace, name, reason, image) (tagline_resource_info{{{HERE}{NOT_READY}}})", ""),),
            kind="table",
            width=12,
        ),
        Panel(
            "Updates held back",
            ((f"sum by (kind, namespace, name, reason) (tagline_updates_held{{{HERE}}})", ""),),
            kind="table",
            width=12,
        ),
    ),
)
UPDATES: Final = Row(
    "From a pushed tag to Git",
    (
        _delay("First seen to chosen", "tagline_first_seen_to_chosen_seconds", NO_MIN_AGE),
        _delay("First seen to pushed", "tagline_first_seen_to_pushed_seconds", NO_MIN_AGE),
        Panel(
            "Commits, and pushes made anew",
            (
                (_increase("tagline_pushed_commits_total"), "commits"),
                (_increase("tagline_push_retries_total"), "made anew"),
            ),
        ),
        _delay("First seen to pull request", "tagline_first_seen_to_pull_request_seconds"),
        _delay("First seen to merged", "tagline_first_seen_to_merged_seconds"),
        Panel(
            "Pull requests",
            (
                (f"sum(tagline_pull_requests_open{{{JOB}}})", "open"),
                (_increase("tagline_pull_request_events_total", "event"), "{{event}}"),
            ),
        ),
        Panel("Findings", ((f"sum by (reason) (tagline_findings{{{HERE}}})", "{{reason}}"),), width=12),
        Panel("Choices", ((_increase("tagline_policy_choices_total", "outcome"), "{{outcome}}"),), width=12),
    ),
)
LAST_SCANS: Final = f"time() - tagline_last_scan_timestamp_seconds{{{HERE}}}"
REGISTRIES: Final = Row(
    "Registries",
    (
        Panel(
            "Oldest scan, in intervals",
            ((f"max(({LAST_SCANS}) / on (namespace, name) tagline_scan_interval_seconds{{{HERE}}})", "oldest"),),
        ),
        Panel(
            "Requests",
            ((_rate("tagline_registry_requests_total", "host, code"), "{{host}} {{code}}"),),
            unit="reqps",
        ),
        Panel(
            "Asked to wait, and unreachable",
            (
                (_increase("tagline_registry_throttled_total", "host"), "{{host}} asked to wait"),
                (f"max by (host) (tagline_registry_circuit_open{{{JOB}}})", "{{host}} unreachable"),
            ),
        ),
    ),
)
PROCESSES: Final = Row(
    "Processes",
    (
        Panel(
            "Runs",
            ((_rate("controller_runtime_reconcile_total", "controller, result"), "{{controller}} {{result}}"),),
            unit="ops",
        ),
        Panel("Waiting objects", ((f"sum by (name, priority) (workqueue_depth{{{JOB}}})", "{{name}} {{priority}}"),)),
        Panel("Waiting time, 99 %", ((_slowest("workqueue_queue_duration_seconds", "name"), "{{name}}"),), unit="s"),
        Panel("Leaders", ((f"sum by (name) (leader_election_master_status{{{JOB}}})", "{{name}}"),), kind="stat"),
        Panel(
            "Without word from the API server",
            ((f"max by (kind) (tagline_watch_staleness_seconds{{{JOB}}})", "{{kind}}"),),
            unit="s",
        ),
        Panel(
            "Crashes",
            (
                (_increase("controller_runtime_reconcile_panics_total", "controller"), "{{controller}}"),
                (_increase("tagline_informer_handler_errors_total", "kind"), "handlers of {{kind}}"),
            ),
        ),
        Panel("Memory", ((f"process_resident_memory_bytes{{{JOB}}}", "{{app}}"),), unit="bytes"),
        Panel("CPU", ((_rate("process_cpu_seconds_total", "app"), "{{app}}"),)),
        Panel("Late event loop, 99 %", ((_slowest("event_loop_lag_seconds", "app"), "{{app}}"),), unit="s"),
    ),
)
ROWS: Final = (OBJECTS, UPDATES, REGISTRIES, PROCESSES)


def list_queries() -> list[str]:
    """Return all queries, as Grafana has them before it fills in variables; that of the variable is the last."""
    asked = [query for row in ROWS for panel in row.panels for query, _ in panel.queries]
    return [*asked, NAMESPACES]
