"""The README of the chart."""

import json
from pathlib import Path
from typing import Final

from api.version import VERSION
from hack.chart.values import Value, Values

TEXT: Final = Path(__file__).with_name("README.md")
PLACE: Final = "<!-- values -->\n"


def render_readme(values: Values) -> str:
    """Return the README: the text beside this module, with the table of all values."""
    rows = "".join(_row(one) for one in values.rows())
    table = f"| Value | Default | What it does |\n|---|---|---|\n{rows}"
    return TEXT.read_text().replace(PLACE, table).replace("@VERSION@", VERSION)


def _row(one: Value) -> str:
    return (
        f"| `{one.path}` | `{json.dumps(one.default, ensure_ascii=False)}` | {one.text.replace('|', chr(92) + '|')} |\n"
    )
