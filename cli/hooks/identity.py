"""An identity token for a hook: given, or asked for as a job of GitHub or Forgejo Actions does.

https://docs.github.com/actions/security-for-github-actions/security-hardening-your-deployments/about-security-hardening-with-openid-connect
"""

import json
from typing import Final
from urllib.parse import quote

from cli.grammar.session import Failed, Session
from cli.hooks.order import Order

VARIABLE: Final = "FLUX_TRIGGER_RECEIVER_OIDC_TOKEN"
PROVIDERS: Final = ("github", "forgejo")
_URL: Final = "ACTIONS_ID_TOKEN_REQUEST_URL"
_TOKEN: Final = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105 -- the name of a variable
_AUDIENCE: Final = "notification-controller"
_MAX_BYTES: Final = 64 << 10
_SECONDS: Final = 30.0


def find(session: Session, order: Order) -> str:
    """Return the token that flags or the environment hold, or that the provider gives. Raises Failed."""
    if order.oidc_token and order.oidc_provider:
        raise Failed("--oidc-provider and --oidc-token are mutually exclusive")
    if order.oidc_audience and not order.oidc_provider:
        raise Failed("--oidc-audience requires --oidc-provider")
    if order.oidc_provider:
        if order.oidc_provider not in PROVIDERS:
            raise Failed(f"--oidc-provider must be {' or '.join(PROVIDERS)}, not {order.oidc_provider}")
        return _ask(session, order)
    token = order.oidc_token or session.environ.get(VARIABLE, "")
    if not token:
        raise Failed(f"an identity token is required: --oidc-token, --oidc-provider or the variable {VARIABLE}")
    return token


def _ask(session: Session, order: Order) -> str:
    import urllib.request  # noqa: PLC0415
    from http.client import HTTPException  # noqa: PLC0415

    from controllers.net.library_errors import describe  # noqa: PLC0415

    url, bearer = session.environ.get(_URL, ""), session.environ.get(_TOKEN, "")
    if not url or not bearer:
        raise Failed(f"{_URL} and {_TOKEN} are not set: the job needs `permissions: id-token: write`")
    if not url.startswith("https://"):
        raise Failed(f"{_URL} must begin with https://")
    address = f"{url}{'&' if '?' in url else '?'}audience={quote(order.oidc_audience or _AUDIENCE, safe='')}"
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {bearer}"})  # noqa: S310 -- https
    left = session.deadline.remaining()
    seconds = _SECONDS if left is None else max(min(left, _SECONDS), 0.1)
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310
            value = json.loads(answer.read(_MAX_BYTES)).get("value")
    except (OSError, HTTPException, ValueError, AttributeError) as error:
        raise Failed(f"the identity token of {order.oidc_provider} could not be had: {describe(error)}") from None
    if not isinstance(value, str) or not value:
        raise Failed(f"the identity token of {order.oidc_provider} could not be had: the answer has none")
    return value
