"""Where a kind lives in the API: its group, version, plural and name."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """One served kind."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The `apiVersion` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version
