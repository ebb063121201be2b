"""Types of fields that the answers of several forges have."""

from typing import Annotated, TypeAlias

import msgspec

Number: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
"""Of a pull request. It goes into paths, and into JSON that others read as floats."""
Identifier: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Login(msgspec.Struct):
    """A user, at GitHub and those that answer as it does."""

    login: str = ""
