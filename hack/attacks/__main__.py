"""Attack the real controllers on a local environment, and print what the victims notice.

    python -m hack.attacks                          # all
    python -m hack.attacks silent-registry drips    # these
    python -m hack.attacks --list
    python -m hack.attacks --flags='--concurrent=2' --repeat 3 shared-host

Each row is an end-to-end test: it lets a tenant attack, does something as another one and takes the time of that. One
environment is started for all of them, and the controllers elect leaders in it, as installed. Exit status 1 when a
victim is not served within its bound, or a process is slow, too large or gone.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
COLUMNS = ("victim", "/healthz", "loop lag", "RSS", "lease")
"""What `e2e.attacked` reports."""
DETAIL = "detail"
"""Of a property that is a line beneath the table: what only this attack measures."""
AS_INSTALLED = "--enable-leader-election"
ATTACKS = {
    "costly-keys": "e2e/costly_keys_test.py::test_costly_keys_of_one_namespace_delay_nobody_else",
    "drips": "e2e/drip_test.py::test_hosts_that_drip_do_not_stop_others",
    "silent-registry": (
        "e2e/attack_silent_test.py::test_repositories_on_a_silent_registry_do_not_delay_another_tenants_scan"
    ),
    "silent-git": (
        "e2e/attack_silent_test.py::test_automations_on_a_silent_git_host_do_not_delay_another_tenants_commit"
    ),
    "dripping-git": "e2e/dripping_git_test.py::test_dripping_git_servers_of_one_namespace_delay_nobody_else",
    "shared-host": (
        "e2e/shared_keys_test.py::test_repositories_that_never_answer_do_not_hold_the_host_that_others_share"
    ),
    "shared-answers": "e2e/shared_keys_test.py::test_what_one_repository_answers_closes_its_host_to_nobody_else",
    "shared-proxy": "e2e/shared_keys_test.py::test_a_tarpit_as_proxy_to_a_registry_delays_only_who_named_it",
    "shared-branch": (
        "e2e/shared_keys_test.py::test_the_url_and_branch_of_a_victim_under_other_credentials_delay_only_who_named_them"
    ),
    "commits": "e2e/hostile_commits_test.py::test_commits_that_grow_delay_nobody_else",
    "patterns": "e2e/hostile_objects_test.py::test_patterns_and_templates_that_cost_stop_nobody_else",
    "ports": "e2e/hostile_objects_test.py::test_connections_to_the_ports_keep_no_probe_and_no_scrape_out",
    "hooks": ("e2e/attack_hooks_test.py::test_junk_loses_no_wake_up_and_a_push_that_is_announced_often_is_one_patch"),
}
"""The tests by name."""


@dataclass(slots=True)
class Row:
    """One line of the table."""

    attack: str
    figures: dict[str, str]
    verdict: str


@dataclass(slots=True)
class Table:
    """Collects rows while pytest runs."""

    names: dict[str, str]
    """Of attacks, by test."""
    repeat: int = 1
    rows: list[Row] = field(default_factory=list)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make each test so often."""
        if self.repeat > 1:
            metafunc.fixturenames.append("repetition")
            metafunc.parametrize("repetition", range(1, 1 + self.repeat))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the figures of a test that has been called, or failed before."""
        if report.when != "call" and not report.failed and not report.skipped:
            return
        test, _, variant = report.nodeid.partition("[")
        name = f"{self.names.get(test, test)} {variant.removesuffix(']')}".strip()
        figures = {name: str(figure) for name, figure in report.user_properties}
        self.rows.append(Row(name, figures, verdict_of(report)))

    def text(self) -> str:
        """Return the table."""
        lines: list[tuple[str, ...]] = [("attack", *COLUMNS, "verdict")]
        lines += [(r.attack, *(r.figures.get(column, "-") for column in COLUMNS), r.verdict) for r in self.rows]
        widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
        table = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
        return "\n".join([*table, *(f"{r.attack}: {r.figures[DETAIL]}" for r in self.rows if DETAIL in r.figures)])


def verdict_of(report: pytest.TestReport) -> str:
    """Return `served`, or why not in a line."""
    if report.passed:
        return "served"
    if report.skipped:
        return "skipped"
    crash = getattr(report.longrepr, "reprcrash", None)
    return f"FAILED: {str(crash.message if crash else report.longrepr).splitlines()[0][:160]}"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m hack.attacks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("attacks", nargs="*", metavar="attack", help=f"of {', '.join(ATTACKS)}; all by default")
    parser.add_argument("--list", action="store_true", help="only print the attacks and their tests")
    parser.add_argument("--flags", default="", help="further flags of the controllers")
    parser.add_argument("--repeat", type=int, default=1, help="how often each is tried")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.attacks if name not in ATTACKS]:
        parser.error(f"no such attack: {', '.join(unknown)}")
    return options


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    chosen = {name: ATTACKS[name] for name in options.attacks or ATTACKS}
    if options.list:
        print("\n".join(f"{name}\t{test}" for name, test in chosen.items()))
        return 0
    os.chdir(ROOT)
    os.environ["E2E_FLAGS"] = f"{AS_INSTALLED} {options.flags}"
    table = Table({test: name for name, test in chosen.items()}, options.repeat)
    status = pytest.main(["-q", "--no-header", "--tb=short", *chosen.values()], plugins=[table])
    print(f"\n{table.text()}")
    return int(status != 0 or not table.rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
