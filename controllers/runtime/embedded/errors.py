"""Why a state file cannot be used.

StateError
├── StateInUse        another process has it open
├── NotAState         the file is something else; it was not touched
├── NewerState        a newer version of tagline wrote it; it was not touched
└── StateUnavailable  it cannot be made, read or locked
"""


class StateError(Exception):
    """The state file cannot be used; the text says why and what to do."""


class StateInUse(StateError):
    """Another process has the state file open."""


class NotAState(StateError):
    """The file is not a state file."""


class NewerState(StateError):
    """The state file has a format that this version does not know."""


class StateUnavailable(StateError):
    """The operating system refuses the file."""
