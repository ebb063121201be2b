"""What is wrong with a folder that was given; `str(error)` is the text for the user."""


class WorkTreeError(Exception):
    """The folder cannot be read as a checkout."""
