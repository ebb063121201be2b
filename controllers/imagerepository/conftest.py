"""Harnesses as fixtures."""

import pytest

from testing.repository_harness import RepositoryHarness


@pytest.fixture
def harness() -> RepositoryHarness:
    return RepositoryHarness()


@pytest.fixture
async def idle() -> RepositoryHarness:
    """One that was scanned at START."""
    harness = RepositoryHarness()
    await harness.reconcile()
    return harness
