"""What the flags of `trigger receiver` say."""

from dataclasses import dataclass, field
from typing import Final

OIDC: Final = "generic-oidc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the flags say."""

    name: str
    url: str
    type: str
    token: str = field(repr=False)
    token_env: str
    secret_file: str
    image: str
    tag: str
    digest: str
    payload: str
    oidc_token: str = field(repr=False)
    oidc_provider: str
    oidc_audience: str
    retries: int
    retry_delay: int
    """In nanoseconds."""

    @property
    def is_offline(self) -> bool:
        """Whether the flags say all that is needed."""
        return bool(self.token or self.token_env or self.secret_file or self.type == OIDC)
