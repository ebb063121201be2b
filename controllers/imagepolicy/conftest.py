"""Harnesses as fixtures."""

import pytest

from testing.policy_harness import TAGS, PolicyHarness


@pytest.fixture
def harness() -> PolicyHarness:
    return PolicyHarness(*TAGS)
