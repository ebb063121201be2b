"""Benches as fixtures."""

import pytest

from testing.imageupdateautomation_bench import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
async def idle() -> Bench:
    """One that has pushed its commit at START."""
    bench = Bench()
    await bench.reconcile(new_generation=True)
    return bench
