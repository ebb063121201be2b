"""What went wrong on the way to the API server, in one line that says what to check. Imported only when it did."""

import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cli.kube.connection import Connection
from cli.kube.http1 import NotHttp
from cli.kube.proxies import ProxyRefused
from controllers.net.foreign_text import escape_lines
from controllers.net.library_errors import describe
from controllers.net.url import strip_userinfo
from controllers.runtime.kube.errors import ApiError, Unreachable, error_for_status

_REACH = "check that the cluster runs, and that --context, or the server in the kubeconfig, names it"


def unreachable(operation: str, error: Exception, connection: Connection) -> Unreachable:
    """Return the error for a request that got no answer; its text is `message`, one line."""
    through = f" through the proxy {strip_userinfo(connection.proxy)}" if connection.proxy else ""
    reason, advice = _explain(error, connection)
    found = Unreachable(operation, "")
    found.message = f"cannot reach the API server at {connection.server}{through}: {reason}; {advice}"
    found.args = (found.message,)
    return found


def _explain(error: Exception, connection: Connection) -> tuple[str, str]:
    match error:
        case ssl.SSLCertVerificationError(verify_code=62 | 64):
            name = connection.trust.server_name or urlsplit(connection.server).hostname or ""
            advice = "name the host that it is for with --tls-server-name, or correct the server"
            return f"its certificate is not for {name}", advice
        case ssl.SSLCertVerificationError():
            return (
                f"its certificate does not verify: {describe(error).partition(': ')[2]}",
                "name the cluster's authority with --certificate-authority, or in the kubeconfig",
            )
        case ssl.SSLError() if "WRONG_VERSION_NUMBER" in str(error) or "RECORD_LAYER_FAILURE" in str(error):
            return "what answers there does not speak TLS", "check the scheme and the port of the server"
        case ssl.SSLError() if "ALERT" in str(error) and ("CERTIFICATE" in str(error) or "UNKNOWN_CA" in str(error)):
            reason = f"it refuses our client certificate, or that we have none ({describe(error)})"
            return reason, "check the user's client-certificate in the kubeconfig, or --client-certificate"
        case ProxyRefused():
            return f"the proxy answers {error}", "check proxy-url in the kubeconfig, or HTTPS_PROXY and NO_PROXY"
        case NotHttp():
            return str(error), "check that the server of the kubeconfig is an API server"
        case _ if connection.proxy:
            return describe(error), "check proxy-url in the kubeconfig, or HTTPS_PROXY and NO_PROXY"
        case _:
            return describe(error), _REACH


def refused(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """Return the error for an answer that is not a success; `message` is what the server says, in full."""
    said = read_status(body)
    error = error_for_status(
        operation,
        "",
        status=status or _integer(said.get("code")) or 500,
        reason=str(said.get("reason") or ""),
        retry_after=retry_after(headers),
    )
    error.message = escape_lines(str(said.get("message") or "no explanation given"))
    answer = f"{error.status} {error.reason}"
    error.args = (f"{operation}: {answer}: {error.message}",)
    return error


def read_status(body: bytes) -> dict[str, Any]:
    """Return a Status object; for any other text one with the text's beginning as its message."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict):
        return said
    return {"message": " ".join(body[:4096].decode("utf-8", "replace").split())}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the server asks to wait, None where it does not; a date counts as none."""
    text = headers.get("retry-after", "")
    return float(text[:9]) if text.isascii() and text.isdigit() else None


def _integer(value: object) -> int:
    return value if isinstance(value, int) else 0
