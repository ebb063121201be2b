"""What tests of the command line share."""

import logging
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what a verb that was called in this process has done to logging, which lasts as long as a process."""
    root, ours = logging.getLogger(), logging.getLogger("controllers")
    before = (root.level, ours.level, root.manager.disable, warnings.showwarning)
    handlers = (root.handlers[:], ours.handlers[:])
    yield
    root.setLevel(before[0])
    ours.setLevel(before[1])
    logging.disable(before[2])
    logging.captureWarnings(capture=False)
    warnings.showwarning = before[3]
    root.handlers[:], ours.handlers[:] = handlers
