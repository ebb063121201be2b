"""Where a kind lives in the API: its group, version and plural, and the request paths made of them.

Paths: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from dataclasses import dataclass
from urllib.parse import quote

from controllers.runtime.kube.errors import Invalid


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

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The request path, percent-encoded.

        namespace: empty for all namespaces, and for kinds that are not namespaced
        name: empty for the collection
        Raises Invalid for names that would lead to another path ("..", "a/b"): they come from users' specs.
        """
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", self._segment(namespace)]
        parts.append(self.plural)
        if name:
            parts.append(self._segment(name))
        if subresource:
            parts.append(self._segment(subresource))
        return "/" + "/".join(parts)

    def _segment(self, text: str) -> str:
        if text in (".", "..") or "/" in text or "%" in text:
            raise Invalid(f"address {self.plural}", f"{text[:64]!r} is not a name an object can have")
        return quote(text, safe="")
