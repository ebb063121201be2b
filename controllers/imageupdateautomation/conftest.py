"""Benches as fixtures."""

import pytest

from controllers.imageupdateautomation.testing_bench import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
async def idle() -> Bench:
    """One that has pushed its commit at START."""
    bench = Bench()
    await bench.reconcile(new_generation=True)
    return bench
