"""The headers that ask to act as somebody else.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
"""

from collections.abc import Sequence
from urllib.parse import quote

from cli.kube.http1 import is_fit_header
from controllers.runtime.kube.errors import NotConfigured


def impersonation_headers(
    user: str, groups: Sequence[str], uid: str, extra: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """Return the headers for what `--as` and its companions say; extra: each `KEY=VALUE`. Raises NotConfigured."""
    headers = [("Impersonate-Uid", uid)] if uid else []
    headers += [("Impersonate-Group", group) for group in groups]
    for pair in extra:
        key, _, value = pair.partition("=")
        if not key or not value:
            raise NotConfigured("--as-user-extra must be KEY=VALUE")
        headers.append((f"Impersonate-Extra-{quote(key.lower(), safe='')}", value))
    if user:
        headers.insert(0, ("Impersonate-User", user))
    elif headers:
        raise NotConfigured("--as-group, --as-uid and --as-user-extra need --as: say as which user")
    if not all(is_fit_header(value) for _, value in headers):
        raise NotConfigured(
            "--as and its companions must have no line breaks or other control characters, and no blanks around them"
        )
    return tuple(headers)
