"""`e2e.prchaos`: some seconds of `make pr-chaos`, from a fixed seed: it raises for what must never happen."""

from pathlib import Path

from e2e.prchaos import run
from hack.githost import GitHost


def test_people_and_kills_lose_nothing_and_all_ends_up_to_date(git_host: GitHost, tmp_path: Path) -> None:
    figures = run(git_host, tmp_path, seconds=10, count=4, seed=3)
    assert figures["images"]
    assert figures["pull requests"]
    assert all(figures[f"judged {what}"] for what in ("versions", "choices", "commits"))
