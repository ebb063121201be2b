import asyncio

import pytest

from hack.bench.scale.__main__ import main
from hack.bench.scale.phases import until_cancelled


async def wait() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise RuntimeError("no answer")


async def test_user_whose_requests_fail_ends_a_phase() -> None:
    users = [asyncio.create_task(wait()), asyncio.create_task(fail())]
    await asyncio.sleep(0)
    for user in users:
        user.cancel()
    with pytest.raises(RuntimeError, match="no answer"):
        await until_cancelled(users)


async def test_users_that_work_to_the_end_are_no_failure() -> None:
    user = asyncio.create_task(wait())
    await asyncio.sleep(0)
    user.cancel()
    await until_cancelled([user])


def test_phase_that_there_is_not_is_refused_before_anything_is_started(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--phases", "start,strat"])
    assert "no phase strat; there are start, rest, resync, churn" in capsys.readouterr().err
