"""`cli.interruption`: Ctrl-C, wherever it comes."""

import signal
from collections.abc import Iterator, Sequence

import pytest

from cli import main
from cli.interruption import INTERRUPTED


@pytest.fixture(autouse=True)
def _own_handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _interrupted_import(arguments: Sequence[str], program: str) -> int:
    """Do what a module of C does on Ctrl-C."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise ImportError("let the error propagate") from None
    return 0


def test_ctrl_c_within_an_import_is_ctrl_c(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(main, "_run", _interrupted_import)
    monkeypatch.setattr("sys.argv", ["tagline", "get", "images", "all"])
    monkeypatch.setattr("sys.excepthook", None)
    assert main.main() == INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"


def test_ctrl_c_that_is_ignored_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `nohup`, or in the background of a script."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    monkeypatch.setattr(main, "_run", lambda arguments, program: 0)
    monkeypatch.setattr("sys.argv", ["tagline", "version"])
    monkeypatch.setattr("sys.excepthook", None)
    assert main.main() == 0
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_faults_of_our_own_are_not_taken_for_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(arguments: Sequence[str], program: str) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(main, "_run", fails)
    with pytest.raises(ZeroDivisionError):
        main.main(["version"])
