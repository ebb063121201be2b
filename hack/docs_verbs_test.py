"""`docs/lint.md`: its table of rules is that of the code."""

import re
from pathlib import Path

from controllers.lint.rules import RULES

DOCS = Path(__file__).parents[1] / "docs"


def test_every_rule_is_documented() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (\w+) \| (.+?) \|$", (DOCS / "lint.md").read_text(), re.MULTILINE)
    assert rows == [
        (rule.name, str(rule.severity), rule.summary + (" (`--fix`)" if rule.is_fixable else ""))
        for rule in RULES.values()
    ]
