"""Harnesses as fixtures."""

import pytest

from testing.automation_harness import AutomationHarness
from testing.pull_requests import ask


@pytest.fixture
def harness() -> AutomationHarness:
    return AutomationHarness()


@pytest.fixture
async def idle() -> AutomationHarness:
    """One that has pushed its commit at START."""
    harness = AutomationHarness()
    await harness.reconcile(new_generation=True)
    return harness


@pytest.fixture
def offering(harness: AutomationHarness) -> AutomationHarness:
    """One that offers pull requests; none was made yet."""
    ask(harness)
    return harness
