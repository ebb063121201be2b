"""What all tests have in common."""

import gc

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("tagline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tagline")  # a loaded machine makes no property false


@pytest.fixture(autouse=True, scope="module")
def _heap_of_earlier_modules_is_left_alone() -> None:
    """Let the collector look at what a module makes, not at what thousands of tests before it have left.

    It takes half a second to go through all of that, in the midst of any test, and holds the event loop meanwhile.
    """
    gc.collect()
    gc.freeze()
