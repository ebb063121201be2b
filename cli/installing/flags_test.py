"""`cli.installing.flags`: what is said of them is so."""

import pytest

from cli.installing.build import NAMESPACE
from cli.main import main


@pytest.mark.parametrize("verb", ["install", "uninstall"])
def test_help_names_the_namespace_that_counts_without_one(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    description = capsys.readouterr().out.partition("\nUsage:")[0]
    assert f"into {NAMESPACE} or the namespace that -n names" in description
