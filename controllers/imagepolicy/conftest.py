"""Benches as fixtures."""

import pytest

from testing.imagepolicy_bench import TAGS, Bench


@pytest.fixture
def bench() -> Bench:
    return Bench(*TAGS)
