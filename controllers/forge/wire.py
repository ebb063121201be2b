"""Types of fields that the answers of several forges have."""

from typing import Annotated, TypeAlias

import msgspec

Number: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
"""Of a pull request. It goes into paths, and into JSON that others read as floats."""
Milliseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=253_402_300_800_000)]
"""Since 1970, within the years that Python knows."""
Identifier: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Login(msgspec.Struct):
    """A user, at GitHub and those that answer as it does."""

    login: str = ""
