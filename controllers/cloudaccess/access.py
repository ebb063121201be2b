"""Cloud credentials for an object: as the process, or as a ServiceAccount.

Follows https://fluxcd.io/flux/integrations/. Read the ServiceAccount, let Kubernetes issue a token for it, and leave
the rest to `cloud`. Texts are Flux's.
"""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from api import core
from api.names import SERVICE_ACCOUNTS
from controllers.cloud.errors import ServiceAccountFailed
from controllers.cloud.identity import Identity, read_identity
from controllers.cloud.logins import CloudLogins
from controllers.runtime.kube.errors import ApiError, NotFound
from controllers.runtime.kube.protocols import Client

C = TypeVar("C")

TOKEN_SECONDS = 600
"""The shortest that Kubernetes issues; the token is used at once and then forgotten."""

GATE = "ObjectLevelWorkloadIdentity"
GATE_DISABLED_MESSAGE = (
    "to use spec.serviceAccountName for provider authentication please enable the "
    f"{GATE} feature gate in the controller"
)
LOCKDOWN_MESSAGE = (
    "the specified default service account does not exist in the object namespace. your cluster is subject to "
    "multi-tenant workload identity lockdown, reach out to your cluster administrator for help"
)


class TokenRequestStatus(msgspec.Struct):
    token: str

    def __repr__(self) -> str:
        return "TokenRequestStatus()"


class TokenRequest(msgspec.Struct):
    """What is read of the answer to an authentication.k8s.io/v1 TokenRequest."""

    status: TokenRequestStatus


@dataclass(frozen=True, slots=True)
class GrantedCredentials(Generic[C]):
    """Credentials, and whose they are."""

    credentials: C = field(repr=False)
    identity: Identity | None
    """None: the process's own."""


class CloudAccess(Generic[C]):
    """Logs in to clouds, each object as its own identity. Safe to call from several tasks."""

    def __init__(
        self, client: Client, logins: CloudLogins[C], *, object_level: bool, default_service_account: str
    ) -> None:
        """object_level: the feature gate. default_service_account: of objects that name none; "" is the process."""
        self._client = client
        self._logins = logins
        self._object_level = object_level
        self._default = default_service_account

    def allows(self, service_account: str) -> bool:
        """Return False for an object that names a ServiceAccount as a cloud identity while the gate is off."""
        return self._object_level or not service_account

    async def login(
        self, provider: str, address: str, *, namespace: str, service_account: str, proxy: str = ""
    ) -> GrantedCredentials[C]:
        """Return credentials for an address of a cloud, mostly from memory. Raises CloudFailed.

        service_account: as the object names it; "" is the default one, and without that the process.
        """
        self._logins.credential_scope(provider, address)  # a foreign address fails before any request
        identity = await self._identity(provider, namespace, service_account)

        async def kubernetes_token(audience: str) -> str:
            assert identity is not None
            return await self._token(identity, audience)

        credentials = await self._logins.credentials(
            provider, address, identity, proxy=proxy, kubernetes_token=kubernetes_token
        )
        return GrantedCredentials(credentials, identity)

    async def _identity(self, provider: str, namespace: str, service_account: str) -> Identity | None:
        name = service_account or self._default
        if not name:
            return None
        try:
            account = await self._client.get(SERVICE_ACCOUNTS, namespace, name, into=core.ServiceAccount)
        except ApiError as error:
            lockdown = isinstance(error, NotFound) and not service_account
            reason = LOCKDOWN_MESSAGE if lockdown else error.message
            raise ServiceAccountFailed(f"failed to get service account '{namespace}/{name}': {reason}") from error
        return read_identity(provider, namespace, name, account.metadata.annotations)

    async def _token(self, identity: Identity, audience: str) -> str:
        body = {"spec": {"audiences": [audience], "expirationSeconds": TOKEN_SECONDS}}
        try:
            answer = await self._client.create(
                SERVICE_ACCOUNTS,
                identity.namespace,
                body,
                into=TokenRequest,
                name=identity.service_account,
                subresource="token",
            )
        except ApiError as error:
            raise ServiceAccountFailed(
                f"failed to create kubernetes token for service account '{identity.name}': {error.message}"
            ) from error
        return answer.status.token
