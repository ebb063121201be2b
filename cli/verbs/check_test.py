"""`tagline check`: what it says of which cluster. Its parts have tests of their own in `cli.checking`."""

import pytest

from cli.main import main


def test_missing_kubeconfig_is_reported(capsys: pytest.CaptureFixture[str], tmp_path: pytest.TempPathFactory) -> None:
    assert main(["check", "--kubeconfig", f"{tmp_path}/none"]) == 1
    assert "none" in capsys.readouterr().err


def test_an_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "extra"]) == 1
    assert capsys.readouterr().err == '✗ unknown command "extra" for "tagline check"\n'
