"""Azure DevOps: a token of Microsoft Entra for the identity that the process runs as. Blocking; the SDK keeps tokens.

Workload identity, managed identity or a service principal of the environment, as Flux's `provider: azure`. The SDK is
optional (`tagline[azure]`) and imported by the first login. Object-level identities are not supported.
"""

import threading
from importlib import import_module
from typing import Any

from .errors import AuthenticationFailed, BadCredentials, foreign
from .remote import Bearer

SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""Azure DevOps, wherever its organisation is."""
PRINCIPAL = "azure"
NOT_FOR_SERVICES = ("cli", "powershell", "developer_cli", "visual_studio_code", "shared_token_cache", "broker")


class AzureDevOps:
    """Tokens for Azure DevOps. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._credential: Any = None

    def login(self) -> Bearer:
        """What to log in with for the next minutes. Raises BadCredentials without the SDK, AuthenticationFailed."""
        try:
            identity, errors = import_module("azure.identity"), import_module("azure.core.exceptions")
        except ImportError as error:
            raise BadCredentials("provider 'azure' needs azure-identity: install tagline[azure]") from error
        with self._lock:
            if self._credential is None:
                without = {f"exclude_{name}_credential": True for name in NOT_FOR_SERVICES}
                self._credential = identity.DefaultAzureCredential(**without)
            credential = self._credential
        try:
            return Bearer(str(credential.get_token(SCOPE).token))
        except errors.AzureError as error:
            raise AuthenticationFailed(f"failed to get a token of Azure: {foreign(str(error))}") from error

    def close(self) -> None:
        if self._credential is not None:
            self._credential.close()
