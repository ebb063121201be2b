"""`tagline explain policy`: its lines, and what it says where there is no cluster."""

import pytest

from cli.main import main
from cli.printing import format_candidates
from controllers.policy import Refusal
from controllers.policy.reasons import TOO_YOUNG, UNMATCHED


def test_leading_tags_are_listed_best_first() -> None:
    refused = (Refusal("main-12", "12", TOO_YOUNG), Refusal("latest", "latest", UNMATCHED))
    assert list(format_candidates(refused)) == [
        "\n",
        "LEADING TAGS  RANKED BY  WHY NOT CHOSEN\n",
        "main-12       12         was first seen less than minAge ago\n",
        "latest        latest     does not match the filter pattern\n",
    ]


def test_no_other_tags_need_no_table() -> None:
    assert list(format_candidates(())) == []


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["policy", "a", "--offline"], "--offline has an effect only with FILE:LINE or IMAGE: policy asks a cluster"),
        (["policy", "a", "-f", "x"], "-f has an effect only with FILE:LINE or IMAGE: policy asks a cluster"),
        (["a.yaml:1", "--tag", "1.0"], "--tag has an effect only with policy NAME"),
        (["nginx", "--kubeconfig", "x"], "--kubeconfig has an effect only with --cluster"),
        (["nginx", "--cluster", "--tags", "a=b"], "--tags has an effect only without --cluster"),
    ],
    ids=str,
)
def test_an_option_without_effect_is_a_wrong_request(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *argv]) == 2
    assert capsys.readouterr().err == f"{said}\n"


def test_missing_kubeconfig_is_reported(capsys: pytest.CaptureFixture[str], tmp_path: pytest.TempPathFactory) -> None:
    assert main(["explain", "policy", "apps/app", "--kubeconfig", f"{tmp_path}/none"]) == 1
    assert "none" in capsys.readouterr().err
