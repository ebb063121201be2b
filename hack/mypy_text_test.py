"""The plugin reports what only Python writes so, and nothing else."""

import re
from pathlib import Path

from mypy import api

ROOT = Path(__file__).parents[1]
SNIPPET = """
from datetime import timedelta
from typing import Any, NamedTuple

class Key(NamedTuple):
    name: str
    def __str__(self) -> str:
        return self.name

def texts(o: object, a: Any, n: int, s: str, e: OSError, k: Key) -> list[str]:
    return [f"{o}{a}{n}{s!r}{e}{k} {n:>3}", str(e), str(n), "{}".format(*[s])]

def lists(x: list[str]) -> str:
    return f"{x}"  # BAD

def tuples(x: tuple[str, ...]) -> str:
    return f"{x}"  # BAD

def maps(x: dict[str, str]) -> str:
    return "values: {}".format(x)  # BAD

def sets(x: set[str]) -> str:
    return str(x)  # BAD

def truth(x: bool) -> str:
    return f"{x}"  # BAD

def nothing(x: str | None) -> str:
    return f"{x}"  # BAD

def octets(x: bytes) -> str:
    return f"{x!r}"  # BAD

def times(x: timedelta) -> str:
    return f"{x}"  # BAD
"""


def test_texts_of_python_are_reported(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "snippet.py").write_text(SNIPPET)
    config = tmp_path / "mypy.ini"
    config.write_text(f"[mypy]\nplugins = {ROOT / 'hack' / 'mypy_text.py'}\n")
    arguments = [f"--config-file={config}", f"--cache-dir={tmp_path / 'cache'}", str(tmp_path / "api" / "snippet.py")]
    out, err, _ = api.run(arguments)
    assert err == ""
    found = [int(number) for number in re.findall(r"snippet\.py:(\d+): error: this text would show", out)]
    assert found == [number for number, line in enumerate(SNIPPET.splitlines(), 1) if line.endswith("# BAD")]
