"""Cloud credentials for an object: as the process, or as a ServiceAccount.

Follows https://fluxcd.io/flux/integrations/. Read the ServiceAccount, let Kubernetes issue a token for it, and leave
the rest to `cloud`. Texts are Flux's.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Generic, TypeVar

from cachetools import TLRUCache

from api import core
from api.names import SERVICE_ACCOUNTS
from controllers.clock import SYSTEM_CLOCK, Clock
from controllers.cloud.errors import ServiceAccountFailed
from controllers.cloud.identity import Identity, read_identity
from controllers.cloud.logins import CACHED_LIFETIME_RATIO, CloudLogins
from controllers.cloudaccess.annotations import TokenSettings, read_token_settings
from controllers.cloudaccess.tokens import check_audiences, explain, issue_token, own_audiences
from controllers.runtime.kube.errors import ApiError, NotFound
from controllers.runtime.kube.protocols import Client

C = TypeVar("C")

MAX_TOKENS = 1000
"""For registries that take tokens of ServiceAccounts."""

GATE = "ObjectLevelWorkloadIdentity"
GATE_DISABLED_MESSAGE = (
    "to use spec.serviceAccountName for provider authentication please enable the "
    f"{GATE} feature gate in the controller, which --feature-gates={GATE}=false has switched off"
)
LOCKDOWN_MESSAGE = (
    "the specified default service account does not exist in the object namespace. your cluster is subject to "
    "multi-tenant workload identity lockdown, reach out to your cluster administrator for help"
)


@dataclass(frozen=True, slots=True)
class GrantedCredentials(Generic[C]):
    """Credentials, and whose they are."""

    credentials: C = field(repr=False)
    identity: Identity | None
    """None: the process's own."""


@dataclass(frozen=True, slots=True)
class _CachedToken:
    token: str = field(repr=False)
    renew_at: float
    """In monotonic seconds."""


class CloudAccess(Generic[C]):
    """Logs in to clouds, each object as its own identity. Safe to call from several tasks."""

    def __init__(
        self,
        client: Client,
        logins: CloudLogins[C],
        *,
        object_level: bool,
        default_service_account: str,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Build it.

        object_level: the feature gate, which is on by default. default_service_account: of objects that name none; ""
        is the process.
        """
        self._client = client
        self._logins = logins
        self._object_level = object_level
        self._default = default_service_account
        self._clock = clock
        self._own_audiences = own_audiences()
        self._tokens: TLRUCache[object, _CachedToken] = TLRUCache(
            MAX_TOKENS, ttu=lambda _key, cached, _now: cached.renew_at, timer=clock.monotonic
        )

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
            reason = LOCKDOWN_MESSAGE if lockdown else explain(error)
            raise ServiceAccountFailed(f"failed to get service account '{namespace}/{name}': {reason}") from error
        annotations = account.metadata.annotations
        settings = read_token_settings(f"{namespace}/{name}", annotations)
        identity = read_identity(provider, namespace, name, annotations)
        return replace(identity, token_seconds=int(settings.lifetime.total_seconds()))

    async def registry_token(self, account: core.ServiceAccount, settings: TokenSettings, *, host: str) -> str:
        """Return a token of a ServiceAccount for a registry that takes such tokens, from memory or a new one.

        host: of the registry, which the token is for unless the account's annotations say otherwise. Raises
        ServiceAccountFailed.
        """
        audiences = settings.audiences or (host,)
        key = (account.metadata.namespace, account.metadata.name, account.metadata.uid, audiences, settings.lifetime)
        if cached := self._tokens.get(key):
            return cached.token
        began = self._clock.monotonic()
        token = await issue_token(
            self._client, account.metadata.namespace, account.metadata.name,
            audiences=audiences, lifetime=settings.lifetime,
        )  # fmt: skip
        check_audiences(token, self._own_audiences)
        kept_for = settings.lifetime.total_seconds() * CACHED_LIFETIME_RATIO
        self._tokens[key] = _CachedToken(token, began + kept_for)
        return token

    async def _token(self, identity: Identity, audience: str) -> str:
        return await issue_token(
            self._client,
            identity.namespace,
            identity.service_account,
            audiences=[audience],
            lifetime=timedelta(seconds=identity.token_seconds),
        )
