"""What can stop an update. One bad file does not: it becomes a finding, and the others are still updated.

SettersError
├── UnsupportedStrategy   spec.update.strategy names no strategy; only an edit of the spec helps
├── UpdatePathOutside     spec.update.path leaves the repository; only an edit of the spec helps
└── Unparsable            markers cannot be looked up in one file; `splice.apply` turns it into a finding
"""


class SettersError(Exception):
    """The update cannot be made; `str(error)` is fit for a condition."""


class UnsupportedStrategy(SettersError):
    """The strategy is not `Setters`; the text is Flux's."""

    def __init__(self, strategy: str) -> None:
        super().__init__(f"unsupported update strategy: {strategy}")


class UpdatePathOutside(SettersError):
    """The path leads out of the repository; Flux confines such a path silently."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"spec.update.path '{path[:256]}' leads out of the repository: set it to a folder or file inside, "
            "relative to the root, or leave it out to update the whole repository"
        )


class Unparsable(SettersError):
    """The file cannot be read; `line` is 1-based, 0 when the fault has no place."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(problem)
        self.line = line
