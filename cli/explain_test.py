"""`tagline explain policy`: its lines, and what it says where there is no cluster."""

import pytest

from cli.explain import format_candidates
from cli.main import main
from controllers.policy import Reason, Refusal


def test_leading_tags_are_reported_best_first() -> None:
    refused = (Refusal("main-12", "12", Reason.TOO_YOUNG), Refusal("latest", "latest", Reason.UNMATCHED))
    assert list(format_candidates(refused)) == [
        "\n",
        "LEADING TAGS  RANKED BY  WHY NOT CHOSEN\n",
        "main-12       12         was first seen less than minAge ago\n",
        "latest        latest     does not match the filter pattern\n",
    ]


def test_no_other_tags_need_no_table() -> None:
    assert list(format_candidates(())) == []


def test_missing_kubeconfig_is_reported(capsys: pytest.CaptureFixture[str], tmp_path: pytest.TempPathFactory) -> None:
    assert main(["explain", "policy", "apps/app", "--kubeconfig", f"{tmp_path}/none"]) == 1
    assert "none" in capsys.readouterr().err
