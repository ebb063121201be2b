"""Request paths of the Kubernetes API, made of what users wrote and therefore checked, and requests in words.

Paths: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from urllib.parse import quote

from api.resource import Resource
from controllers.runtime.kube.errors import Invalid


def request_path(resource: Resource, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """Return the request path, percent-encoded.

    namespace: empty for all namespaces, and for kinds that are not namespaced
    name: empty for the collection
    Raises Invalid for names that would lead to another path ("..", "a/b"): they come from users' specs.
    """
    parts = ["apis", resource.group, resource.version] if resource.group else ["api", resource.version]
    if resource.namespaced and namespace:
        parts += ["namespaces", _segment(resource, namespace)]
    parts.append(resource.plural)
    if name:
        parts.append(_segment(resource, name))
    if subresource:
        parts.append(_segment(resource, subresource))
    return "/" + "/".join(parts)


def describe_request(verb: str, resource: Resource, namespace: str, name: str = "", subresource: str = "") -> str:
    """Return the beginning of every text about a request: verb, resource and key."""
    plural = f"{resource.plural}/{subresource}" if subresource else resource.plural
    where = "/".join(part for part in (namespace, name) if part)
    return f"{verb} {plural} {where}".rstrip()


def _segment(resource: Resource, text: str) -> str:
    if text in (".", "..") or "/" in text or "%" in text:
        raise Invalid(f"address {resource.plural}", f"{text[:64]!r} is not a name an object can have")
    return quote(text, safe="")
