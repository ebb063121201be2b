"""As `commit_template`, for templates of Flux before image-automation-controller 1.0: `.Updated`, image references."""

from typing import Any

from controllers.template import DataModel
from hack.conformance import commit_template


def check(case: dict[str, Any]) -> str | None:
    return commit_template.compare(case, DataModel.LEGACY)
