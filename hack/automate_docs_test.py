"""`docs/automate.md`: the examples are what they say they are, and their commands are understood."""

import io
import re
import shlex
from configparser import ConfigParser

import pytest
from ruamel.yaml import YAML

from cli.main import build_parser
from hack.docs_test import ROOT, blocks, text

PAGE = ROOT / "docs" / "automate.md"
COMMANDS = [
    re.sub(r"\\?\s+", " ", found)
    for found in re.findall(r"tagline (automate (?:[^\n>#]|\\\n|\n\s+--)+)", text(PAGE).replace("\\\n", " "))
    if not found.startswith("automate`")
]


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command: str) -> None:
    options = build_parser("automate").parse_args(shlex.split(command))
    assert options.command.__name__ == "automate"
    assert all(value.variable.isupper() for value in options.secret_from_env)


def test_workflows_are_yaml_with_steps() -> None:
    github, gitlab = (YAML(typ="safe").load(io.StringIO(block)) for block in blocks(PAGE, "yaml"))
    assert any("tagline automate" in step.get("run", "") for step in github["jobs"]["images"]["steps"])
    assert any(line.startswith("tagline automate") for line in gitlab["images"]["script"])


def test_units_are_units() -> None:
    (block,) = blocks(PAGE, "ini")
    units = [unit for unit in re.split(r"^# (\S+)\n", block, flags=re.MULTILINE) if unit.strip()]
    for name, unit in zip(units[::2], units[1::2], strict=True):
        parser = ConfigParser()
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(unit)
        wanted = {"tagline.service": ("Service", "ExecStart"), "tagline.timer": ("Timer", "OnCalendar")}
        section, key = wanted[name.rpartition("/")[2]]
        assert key in parser[section]
