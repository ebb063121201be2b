"""Build `registry.Access` from an ImageRepository's spec.

The order of sources is that of https://fluxcd.io/flux/components/image/imagerepositories/#provider and following
sections: proxy, TLS, then the cloud of `provider`, or a token of the ServiceAccount that opts in to that, or the pull
secrets of `secretRef` and of the ServiceAccount. That credential plugins come last is ours. Secrets are read at each
use and not kept, so a rotated one works at the next scan.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from api import core
from api.imagerepository import ImageRepository, ImageRepositorySpec
from api.names import SECRETS, SERVICE_ACCOUNTS
from controllers.cloud.errors import CloudFailed
from controllers.cloudaccess.access import GATE_DISABLED_MESSAGE, CloudAccess
from controllers.cloudaccess.annotations import PROVIDER, read_token_settings
from controllers.image.reference import Image
from controllers.imageaccess.errors import AccessFailed, GateDisabled
from controllers.imageaccess.plugins import Plugins
from controllers.net.proxy.address import Proxy
from controllers.net.tls import TlsMaterial
from controllers.registry.access import Access, proxy_from_secret, tls_from_secret
from controllers.registry.dockerconfig import (
    KEYS,
    Credentials,
    Keyring,
    PullSecret,
    check_size,
    explain_no_match,
    read_keyring,
)
from controllers.registry.errors import RegistryError
from controllers.runtime.key import key_of
from controllers.runtime.kube.errors import ApiError, NotFound
from controllers.runtime.kube.protocols import Reader
from controllers.runtime.reconcile.bounds import read_timeout

GENERIC = "generic"
INLINE_BYTES = 4096
"""So many of pull secrets are read in a few milliseconds, whatever globs there are."""
MAX_PULL_SECRETS = 100
"""Of a ServiceAccount. Each costs a request."""


def request_timeout(spec: ImageRepositorySpec) -> timedelta:
    """Return how long a registry may take to answer, credentials included: `timeout`, else `interval`, in bounds."""
    return read_timeout(spec.timeout or spec.interval)


class AccessReader:
    """Reads the objects with the controller's own rights. Safe to call from several tasks."""

    def __init__(
        self,
        client: Reader,
        *,
        clouds: CloudAccess[Credentials] | None = None,
        plugins: Plugins | None = None,
        http_as_flux: bool = False,
    ) -> None:
        """Build it; without `clouds` or `plugins`, credentials never come from there. http_as_flux: see `Access`."""
        self._client = client
        self._clouds = clouds
        self._plugins = plugins
        self._http_as_flux = http_as_flux

    def check_gate(self, repository: ImageRepository) -> None:
        """Raise GateDisabled for a spec that names a ServiceAccount as a cloud identity while the gate is off."""
        spec = repository.spec
        if self._clouds and spec.provider != GENERIC and not self._clouds.allows(spec.service_account_name):
            raise GateDisabled(GATE_DISABLED_MESSAGE)

    async def read(self, repository: ImageRepository, image: Image) -> Access:
        """Return what is needed to talk to the registry of `image`: one request for each object that the spec names.

        Cloud logins and plugins cost more once their last answer has expired. Raises AccessFailed with Flux's texts.
        """
        spec = repository.spec
        try:
            proxy = await self._proxy(repository)
            tls = await self._tls(repository)
            credentials, keyring, unmatched = await self._credentials(repository, image, proxy)
            return Access(
                credentials,
                tls,
                proxy,
                insecure=spec.insecure,
                http_as_flux=self._http_as_flux,
                keyring=keyring,
                unmatched=unmatched,
                owner=repository.metadata.namespace,
            )
        except (RegistryError, CloudFailed) as error:
            raise AccessFailed(str(error)) from error
        except ApiError as error:
            raise AccessFailed(error.message) from error

    async def _credentials(
        self, repository: ImageRepository, image: Image, proxy: Proxy | None
    ) -> tuple[Credentials | None, Keyring, str]:
        """Return the credentials for the image, all of the pull secrets, and what those have in place of the first."""
        spec = repository.spec
        if spec.provider not in ("", GENERIC):
            if self._clouds is None:
                raise AccessFailed(f"provider '{spec.provider}' is not supported here")
            self.check_gate(repository)
            granted = await self._clouds.login(
                spec.provider,
                image.registry,
                namespace=repository.metadata.namespace,
                service_account=spec.service_account_name,
                proxy=proxy.url if proxy else "",
            )
            return granted.credentials, Keyring(), ""
        secrets: list[PullSecret] = []
        if ref := spec.secret_ref:
            secrets.append(_pull_secret(await self._secret(repository, ref.name)))
        if account := await self._service_account(repository):
            if token := await self._account_credentials(repository, account, image):
                return token, Keyring(), ""
            secrets += await self._of_service_account(repository, account)
        is_small = check_size(secrets) <= INLINE_BYTES
        keyring, credentials, unmatched = (
            _look_up(image, secrets) if is_small else await asyncio.to_thread(_look_up, image, secrets)
        )
        if credentials is None and self._plugins:
            credentials = await self._plugins.credentials(image, owner=repository.metadata.namespace)
        return credentials, keyring, "" if credentials else unmatched

    async def _proxy(self, repository: ImageRepository) -> Proxy | None:
        ref = repository.spec.proxy_secret_ref
        if ref is None:
            return None
        name = f"{repository.metadata.namespace}/{ref.name}"
        try:
            secret = await self._secret(repository, ref.name)
        except NotFound as error:
            raise AccessFailed(f"secret '{name}' not found") from error
        return proxy_from_secret(name, secret.data)

    async def _tls(self, repository: ImageRepository) -> TlsMaterial | None:
        ref = repository.spec.cert_secret_ref
        if ref is None:
            return None
        secret = await self._secret(repository, ref.name)
        name = f"{repository.metadata.namespace}/{ref.name}"
        return await asyncio.to_thread(tls_from_secret, name, secret.data)  # OpenSSL reads it, at its leisure

    async def _service_account(self, repository: ImageRepository) -> core.ServiceAccount | None:
        namespace, name = repository.metadata.namespace, repository.spec.service_account_name
        if not name:
            return None
        try:
            return await self._client.get(SERVICE_ACCOUNTS, namespace, name, into=core.ServiceAccount)
        except NotFound as error:
            raise AccessFailed(f"serviceaccount '{namespace}/{name}' not found") from error

    async def _account_credentials(
        self, repository: ImageRepository, account: core.ServiceAccount, image: Image
    ) -> Credentials | None:
        """Return a token of a ServiceAccount that opts in to its registry getting one, else None."""
        name = str(key_of(account))
        settings = read_token_settings(name, account.metadata.annotations)
        if not settings.for_registries:
            return None
        if self._clouds is None:
            raise AccessFailed(
                f"serviceaccount '{name}' has its token sent to the registry, which is not supported here"
            )
        if not self._clouds.allows(account.metadata.name):
            raise GateDisabled(GATE_DISABLED_MESSAGE)
        for is_set, what in (
            (account.image_pull_secrets, "imagePullSecrets"),
            (repository.spec.secret_ref, "spec.secretRef"),
        ):
            if is_set:
                raise AccessFailed(f"serviceaccount '{name}': the annotation {PROVIDER} cannot be combined with {what}")
        token = await self._clouds.registry_token(account, settings, host=image.registry)
        if settings.username:
            return Credentials(settings.username, token)
        return Credentials(registry_token=token)

    async def _of_service_account(self, repository: ImageRepository, account: core.ServiceAccount) -> list[PullSecret]:
        namespace, name = repository.metadata.namespace, repository.spec.service_account_name
        refs, secrets = account.image_pull_secrets, list[PullSecret]()
        if len(refs) > MAX_PULL_SECRETS:
            raise AccessFailed(f"serviceaccount '{namespace}/{name}' has more than {MAX_PULL_SECRETS} imagePullSecrets")
        for ref in refs:
            try:
                secrets.append(_pull_secret(await self._secret(repository, ref.name)))
            except NotFound as error:
                raise AccessFailed(
                    f"failed to get image pull secret for serviceaccount '{namespace}/{name}': "
                    f"secret '{namespace}/{ref.name}' not found"
                ) from error
            check_size(secrets)  # before the next one is read
        return secrets

    async def _secret(self, repository: ImageRepository, name: str) -> core.Secret:
        return await self._client.get(SECRETS, repository.metadata.namespace, name, into=core.Secret)


def _pull_secret(secret: core.Secret) -> PullSecret:
    key = KEYS.get(secret.type, "")
    data = {key: secret.data[key]} if key in secret.data else {}  # the rest may be large
    return PullSecret(secret.type, data, str(key_of(secret)))


def _look_up(image: Image, secrets: Sequence[PullSecret]) -> tuple[Keyring, Credentials | None, str]:
    """Return what pull secrets have, for the image, and in place of that. Raises BadCredentialSecret."""
    keyring = read_keyring(secrets)
    credentials = keyring.find(image)
    return keyring, credentials, "" if credentials else explain_no_match(image, secrets)
