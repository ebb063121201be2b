"""`docs`: what the pages name exists: links, make targets, flags, paths, modules, fields, metrics, reasons, figures."""

import importlib
import importlib.util
import io
import re
import shlex
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML

from api.kinds import EVERY_KIND, EVERY_PROCESS
from api.openapi import struct_schema
from cli.grammar.globals import GLOBAL_FLAGS
from cli.grammar.tree import load, walk
from cli.main import CLUSTER_VERBS, VERBS, build_parser
from cli.main import main as tagline
from controllers.clock import SYSTEM_CLOCK
from controllers.cloud.logins import CloudLogins
from controllers.cloudaccess.observer import TokenCacheMetrics
from controllers.imageaccess.observer import RegistryMetrics
from controllers.imagepolicy.metrics import ChoiceMetrics
from controllers.imagerepository.metrics import INTERVAL, LAST_SCAN, MissedHooks
from controllers.imageupdateautomation.metrics import FINDINGS, PushMetrics
from controllers.pullrequests.metrics import PullRequestMetrics
from controllers.receiver.metrics import HookMetrics
from controllers.runtime.process.metrics import Metrics
from controllers.telemetry.objects import ObjectGauges
from hack.cligolden.cases import read_files
from hack.conformance.runner import RECORDED
from hack.monitoring.panels import list_queries
from hack.pages import helmlines
from hack.pages.commandlines import Wrong, check_script
from hack.reference.commands import existing, find_verb
from hack.reference.fields import rows
from hack.reference.flags import parse_help

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TOP_FOLDERS = ("api", "cli", "controllers", "docs", "e2e", "hack", "manifests", "requirements", "testing")

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


@cache
def text(page: Path) -> str:
    return page.read_text()


@cache
def prose(page: Path) -> str:
    """Return the page without its code blocks."""
    return FENCE.sub("", text(page))


def inline_code(page: Path) -> list[str]:
    return INLINE.findall(prose(page))


def blocks(page: Path, language: str) -> list[str]:
    return [body for found, body in FENCE.findall(text(page)) if found == language]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the page's headings."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target in LINK.findall(INLINE.sub("", prose(page))):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            dead.append(target)
    assert dead == []


@every_page
def test_markdown_reads_the_same_on_the_site_and_on_git_hosts(page: Path) -> None:
    """Lists and tables need a blank line above them, blocks and lists inside of lists are not written."""
    wrong, before = [], ""
    for number, line in enumerate(prose(page).splitlines(), 1):
        begins = re.match(r"(- |\d+\. |\|)", line)
        goes_on = re.match(r"(\s*- |\s*\d+\. |\||  )", before)
        if (begins and before.strip() and not goes_on) or re.match(r" +(- |```)", line):
            wrong.append(f"{number}: {line}")
        before = line
    assert wrong == []


@every_page
def test_commands_in_sentences_are_understood(page: Path) -> None:
    """What they leave out is no fault, what they name is."""
    wrong = []
    for code in inline_code(page):
        if re.match(r"tagline [a-z]+ .*-", code) and not re.search(r"[…()]|\b[A-Z]{2,}\b", code):
            try:
                check_script(code)
            except Wrong as error:
                wrong += [f"{code}: {error}"] if not re.search("required|expected one", str(error)) else []
    assert wrong == []


@every_page
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shell = "\n".join(blocks(page, "sh") + inline_code(page))
    named = {word for found in re.findall(r"^make ((?:[a-z0-9-]+ ?)+)", shell, re.MULTILINE) for word in found.split()}
    assert named - targets == set()


@cache
def verb_flags() -> set[str]:
    """Return the flags of the command line's verbs, without their dashes."""
    found: set[str] = set()
    parsers: list[ArgumentParser] = [build_parser(verb) for verb in VERBS]
    while parsers:
        for action in parsers.pop()._actions:
            found |= {option.removeprefix("--") for option in action.option_strings}
            if isinstance(action, _SubParsersAction):
                parsers += action.choices.values()
    nodes = [node for verb in existing(CLUSTER_VERBS) for _, node in walk(load(find_verb(verb)))]
    options = [option for node in nodes for option in node.flags] + list(GLOBAL_FLAGS)
    return found | {name.removeprefix("--") for option in options for name in option.opts}


@every_page
def test_flags_exist(page: Path) -> None:
    existing = {name for kind in EVERY_PROCESS for name in parse_help(kind.name)} | verb_flags()
    existing |= {flag.removeprefix("--") for flags in helmlines.FLAGS.values() for flag in flags}
    named = {m[1] for code in inline_code(page) if (m := re.match(r"--([a-z][a-zA-Z0-9-]+)", code))}
    assert named - existing - {"flag", "switch"} == set()  # the last two stand for any


@every_page
def test_paths_exist(page: Path) -> None:
    named = [code for code in inline_code(page) if re.fullmatch(rf"({'|'.join(TOP_FOLDERS)})/[\w./-]*", code)]
    assert [path for path in named if not (ROOT / path).exists()] == []


@every_page
def test_tests_exist(page: Path) -> None:
    named = [code.partition("::") for code in inline_code(page) if re.fullmatch(r"[\w/]+_test\.py::\w+", code)]
    assert [f"{path}::{name}" for path, _, name in named if f"def {name}(" not in text(ROOT / path)] == []


def test_what_holds_attackers_names_a_test_in_each_row() -> None:
    holds = text(ROOT / "docs" / "security.md").partition("## What holds them")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (?!Attempt|---)(.*) \|$", holds, re.MULTILINE)
    assert len(rows) > 20
    assert [row for row in rows if "_test.py" not in row.rpartition(" | ")[2]] == []


@every_page
def test_modules_exist(page: Path) -> None:
    named = set(re.findall(r"python -m ((?:hack|controllers)(?:\.[a-z_]+)+)", text(page)))
    assert [name for name in named if importlib.util.find_spec(name) is None] == []


@every_page
def test_variables_of_the_tests_exist(page: Path) -> None:
    sources = "".join(path.read_text() for folder in ("e2e", "hack") for path in (ROOT / folder).rglob("*.py"))
    named = set(re.findall(r"\b(?:E2E|TAGLINE)_[A-Z_]+\b", text(page)))
    assert [name for name in named if name not in sources] == []


def fields_of(value: Any, path: str) -> Iterator[str]:
    """Yield the paths of all that a manifest sets, as `rows` writes them; maps of strings are data."""
    if isinstance(value, list):
        for item in value:
            yield from fields_of(item, f"{path}[]")
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from fields_of(inner, f"{path}.{name}")
    else:
        yield path


def examples() -> list[Any]:
    documents = [
        pytest.param(document, id=f"{page.name}-{document['kind']}-{number}")
        for page in PAGES
        for number, block in enumerate(blocks(page, "yaml"))
        for document in YAML(typ="safe").load_all(io.StringIO(block))
        if isinstance(document, dict) and document.get("kind") in {kind.resource.kind for kind in EVERY_KIND}
    ]
    assert documents
    return documents


@pytest.mark.parametrize("document", examples())
def test_examples_set_fields_that_exist(document: dict[str, Any]) -> None:
    kind = next(kind for kind in EVERY_KIND if kind.resource.kind == document["kind"])
    group, version = document["apiVersion"].split("/")
    assert group == kind.resource.group
    assert version in kind.definition.versions
    existing = {row.path for row in rows(struct_schema(kind.type, version), "")}
    maps = tuple(path.removesuffix("{}") + "." for path in existing if path.endswith("{}"))
    plain = {path.rstrip("{}") for path in existing}
    found = [path for path in fields_of(document["spec"], "spec") if not path.startswith(maps)]
    assert [path for path in found if path not in plain] == []


def test_answers_of_the_policy_command_are_real(capsys: pytest.CaptureFixture[str]) -> None:
    every = [block for page in PAGES for block in blocks(page, "")]
    answers = [block.partition("\n") for block in every if block.startswith("$ tagline policy test")]
    assert answers
    for command, _, answer in answers:
        tagline(shlex.split(command)[2:])
        assert capsys.readouterr().out == answer


def names_in(registry: CollectorRegistry) -> list[str]:
    """Return the names under which the metrics of a process are exposed, without those of every process."""
    return [
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in registry.collect()
        if not family.name.startswith("process_")
    ]


def test_all_metrics_are_documented() -> None:
    page = text(ROOT / "docs" / "operations.md")
    registry = Metrics().registry
    RegistryMetrics(registry)
    ChoiceMetrics(registry)
    MissedHooks(registry)
    PullRequestMetrics(registry)
    PushMetrics(registry)
    gauges = ObjectGauges()
    gauges.add(
        "ImageRepository",
        list,
        is_shown=lambda: True,
        image_of=str,
        samples={gauge: lambda _: () for gauge in (LAST_SCAN, INTERVAL, FINDINGS)},
    )
    registry.register(gauges)
    registry.register(TokenCacheMetrics(CloudLogins(SYSTEM_CLOCK, {}, pin_proxy=str, max_size=0, max_age=timedelta())))
    families = names_in(registry)
    assert [name for name in families if f"`{name}`" not in page] == []
    hooks = CollectorRegistry()
    HookMetrics(hooks)
    of_receiver = names_in(hooks)
    receiver_page = text(ROOT / "docs" / "receiver.md")
    assert [name for name in of_receiver if f"`{name}`" not in receiver_page] == []
    names = r"\b(?:controller_runtime|gotk|workqueue|rest_client|leader_election|event_loop|tagline)_\w+"
    documented = re.findall(f"`({names})`", page)
    assert sorted(set(documented) - set(families)) == []
    rules = (ROOT / "manifests" / "components" / "monitoring" / "rules.yaml").read_text()
    used = re.findall(rf"({names})\{{", f"{rules}{''.join(list_queries())}")
    assert len(used) > 20
    assert sorted({name.removesuffix("_bucket") for name in used} - {*families, *of_receiver}) == []


def test_reasons_are_those_of_the_code() -> None:
    sources = "".join(path.read_text() for folder in ("api", "controllers") for path in (ROOT / folder).rglob("*.py"))
    page = text(ROOT / "docs" / "troubleshooting.md")
    documented = re.findall(r"^### (\w+)$", page, re.MULTILINE)
    documented += re.findall(r"^\| `([A-Z]\w+)` \|", page, re.MULTILINE)
    assert len(documented) > 15
    assert [reason for reason in documented if f'"{reason}"' not in sources] == []


@every_page
def test_counts_of_recordings_are_right(page: Path) -> None:
    scenarios = len(list((ROOT / "e2e" / "scenarios" / "scenarios").glob("*.yaml")))
    assert set(re.findall(r"([\d,]+) recorded (?:answers|questions)", text(page))) <= {f"{sum(RECORDED.values()):,}"}
    assert set(re.findall(r"(\d+) (?:recorded|system)(?: system)? scenarios", text(page))) <= {str(scenarios)}
    invocations = sum(len(file.cases) for file in read_files([ROOT / "hack" / "cligolden" / "recorded"]))
    assert set(re.findall(r"(\d+) (?:recorded )?invocations", text(page))) <= {str(invocations)}
