"""Cloud credentials for a repository: as the process, or as a ServiceAccount of the repository's namespace.

Follows https://fluxcd.io/flux/components/image/imagerepositories/#provider. Reads the ServiceAccount, has Kubernetes
issue a token for it, and leaves the rest to `registry.cloud`. Texts are Flux's.
"""

import msgspec

from api import core
from api.imagerepository import ImageRepository
from controllers.imageaccess.errors import AccessFailed, GateDisabled
from controllers.registry.access import Proxy
from controllers.registry.cloud.identity import Identity, identity_of
from controllers.registry.cloud.logins import CloudLogins
from controllers.registry.dockerconfig import Credentials
from controllers.registry.reference import Image
from controllers.runtime.client import KubeClient
from controllers.runtime.errors import ApiError, NotFound
from controllers.runtime.resource import Resource

SERVICE_ACCOUNTS = Resource(core.GROUP, core.VERSION, "serviceaccounts", "ServiceAccount")
TOKEN_SECONDS = 600
"""The shortest that Kubernetes issues; the token is used at once and then forgotten."""

GENERIC = "generic"
GATE = "ObjectLevelWorkloadIdentity"
GATE_IS_OFF = (
    "to use spec.serviceAccountName for provider authentication please enable the "
    f"{GATE} feature gate in the controller"
)
NO_DEFAULT_ACCOUNT = (
    "the specified default service account does not exist in the object namespace. your cluster is subject to "
    "multi-tenant workload identity lockdown, reach out to your cluster administrator for help"
)


class TokenStatus(msgspec.Struct):
    token: str

    def __repr__(self) -> str:
        return "TokenStatus()"


class TokenRequest(msgspec.Struct):
    """An authentication.k8s.io/v1 TokenRequest as it is answered."""

    status: TokenStatus


class CloudAccess:
    """Safe to call from several tasks."""

    def __init__(
        self, client: KubeClient, logins: CloudLogins, *, object_level: bool, default_service_account: str
    ) -> None:
        """object_level: the feature gate. default_service_account: of objects that name none; "" is the process."""
        self._client = client
        self._logins = logins
        self._object_level = object_level
        self._default = default_service_account

    def check_gate(self, repository: ImageRepository) -> None:
        """Raises GateDisabled for a spec that names a ServiceAccount as a cloud identity while the gate is off."""
        spec = repository.spec
        if spec.provider != GENERIC and spec.service_account_name and not self._object_level:
            raise GateDisabled(GATE_IS_OFF)

    async def credentials(self, repository: ImageRepository, image: Image, proxy: Proxy | None) -> Credentials:
        """Credentials of the provider that the spec names, mostly from memory. Raises AccessFailed, RegistryError."""
        provider, meta = repository.spec.provider, repository.metadata
        self._logins.check(provider, image.registry)
        identity = await self._identity(provider, meta.namespace, repository.spec.service_account_name)

        async def kubernetes_token(audience: str) -> str:
            assert identity is not None
            return await self._token(identity, audience)

        return await self._logins.credentials(
            provider, image.registry, identity, proxy=proxy.url if proxy else "", kubernetes_token=kubernetes_token
        )

    async def _identity(self, provider: str, namespace: str, service_account: str) -> Identity | None:
        name = service_account or self._default
        if not name:
            return None
        try:
            account = await self._client.get(SERVICE_ACCOUNTS, namespace, name, into=core.ServiceAccount)
        except ApiError as error:
            lockdown = isinstance(error, NotFound) and not service_account
            reason = NO_DEFAULT_ACCOUNT if lockdown else error.message
            raise AccessFailed(f"failed to get service account '{namespace}/{name}': {reason}") from error
        return identity_of(provider, namespace, name, account.metadata.annotations)

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
            raise AccessFailed(
                f"failed to create kubernetes token for service account '{identity.name}': {error.message}"
            ) from error
        return answer.status.token
