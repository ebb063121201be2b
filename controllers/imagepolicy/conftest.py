"""Benches as fixtures."""

import pytest

from controllers.imagepolicy.testing_bench import TAGS, Bench


@pytest.fixture
def bench() -> Bench:
    return Bench(*TAGS)
