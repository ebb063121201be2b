"""Turns an automation's GitRepository and Secrets into a remote, a plan of branches and a signer.

Secrets are read at each run, so a rotated one works at the next; the GitRepository's are in its own namespace, the
signing key's in the automation's. So is the ServiceAccount that logs in to a cloud: whoever commits acts with their own
rights, not with those of whoever described the repository. The GitRepository need not be ready: only its spec is used.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from api import core
from api.gitrepository import KIND as GIT_REPOSITORY
from api.gitrepository import GitRepository, GitRepositorySpec
from api.imageupdateautomation import GitSpec, ImageUpdateAutomation
from api.names import ACCESS_DENIED, FEATURE_GATE_DISABLED, SECRETS
from controllers.cloud.errors import CloudFailed
from controllers.cloud.identity import Identity
from controllers.cloudaccess.access import GATE_DISABLED_MESSAGE, CloudAccess
from controllers.git.errors import BadSigningKey, BadUrl, GitError
from controllers.git.login.clouds import CloudCredentials, present
from controllers.git.objects.commits import Author, Signer
from controllers.git.remote import Remote
from controllers.gitaccess.branches import (
    DEFAULT_GATES,
    BadPushBranch,
    BranchPlan,
    Gates,
    NoPushBranch,
    plan_branches,
    source_key,
)
from controllers.gitaccess.credentials import (
    APP_IDS,
    app_from_secret,
    credentials_from_secret,
    proxy_from_secret,
    signing_key_from_secret,
    tls_from_secret,
)
from controllers.gitaccess.forge import BadForge, ForgeAccess, find_location, login_from_secret, login_of
from controllers.gitaccess.git import Identities
from controllers.net.proxy.address import Proxy
from controllers.runtime.key import Key, key_of
from controllers.runtime.kube.errors import ApiError, NotFound
from controllers.runtime.kube.protocols import Reader
from controllers.runtime.reconcile.bounds import explain_timeout, read_timeout

INVALID_SUFFIX = "invalid source configuration"
CLOUDS = ("aws", "azure")


class SourceFailed(Exception):
    """The source is incomplete now; worth another try. The text says which object lacks what."""


class SourceInvalid(Exception):
    """The spec cannot work as it is; `reason` is the condition's."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class AutomationSource:
    """Where an automation reads and writes, and as whom."""

    remote: Remote
    plan: BranchPlan
    git: GitSpec
    signer: Signer | None
    note: str = ""
    """What the automation's condition has to say about it; empty: nothing."""
    forge: ForgeAccess | None = None
    """Where pull requests are made; None where commits are pushed to the branch itself."""

    @property
    def author(self) -> Author:
        """Author and committer of this automation's commits."""
        author = self.git.commit.author
        return Author(email=author.email, name=author.name)


class SourceReader:
    """Reads what an automation's source is made of. Safe to call from several tasks."""

    def __init__(
        self,
        client: Reader,
        repositories: Callable[[Key], Awaitable[GitRepository | None]],
        *,
        git: Identities,
        clouds: CloudAccess[CloudCredentials],
        now: Callable[[], datetime],
        cross_namespace: bool,
        gates: Gates = DEFAULT_GATES,
    ) -> None:
        """Build it; `repositories` finds one, `cross_namespace`: references may leave their own namespace."""
        self._git = git
        self._clouds = clouds
        self._now = now
        self._gates = gates
        self._client = client
        self._repositories = repositories
        self._cross_namespace = cross_namespace

    async def read(self, automation: ImageUpdateAutomation) -> AutomationSource:
        """Return the source of one run, at a request for each Secret named. Raises SourceFailed or SourceInvalid."""
        spec = automation.spec
        if spec.source_ref.kind != GIT_REPOSITORY:
            raise _invalid(f"source kind '{spec.source_ref.kind}' not supported: {INVALID_SUFFIX}")
        if spec.git is None:
            raise _invalid(f"source kind '{GIT_REPOSITORY}' necessitates field .spec.git: {INVALID_SUFFIX}")
        repository = await self._repository(automation)
        try:
            branches = plan_branches(spec.git, repository, self._gates)
        except NoPushBranch as error:
            raise SourceFailed(str(error)) from error
        except BadPushBranch as error:
            raise _invalid(f"{error}: {INVALID_SUFFIX}") from error
        remote = await self._remote(repository, tenant=automation.metadata.namespace)
        name = f"spec.timeout of {GIT_REPOSITORY} '{key_of(repository)}'"
        note = explain_timeout(name, repository.spec.timeout)
        forge = await self._forge(automation, repository, remote)
        return AutomationSource(remote, branches, spec.git, await self._signer(automation), note, forge)

    async def _repository(self, automation: ImageUpdateAutomation) -> GitRepository:
        key = source_key(automation)
        if key.namespace != automation.metadata.namespace and not self._cross_namespace:
            raise SourceInvalid(
                ACCESS_DENIED,
                f"can't access '{GIT_REPOSITORY}/{key}', cross-namespace references have been blocked",
            )
        repository = await self._repositories(key)
        if repository is None:
            raise SourceFailed(
                "referenced git repository does not exist: "
                f'{GIT_REPOSITORY}.source.toolkit.fluxcd.io "{key.name}" not found'
            )
        return repository

    async def _remote(self, repository: GitRepository, *, tenant: str) -> Remote:
        """Return the remote of a GitRepository. tenant: the automation's namespace, which may be another one."""
        spec, namespace = repository.spec, repository.metadata.namespace
        data = await self._secret(namespace, spec.secret_ref.name, "auth") if spec.secret_ref else {}
        name = f"{namespace}/{spec.secret_ref.name}" if spec.secret_ref else ""
        self._check_provider(spec, data, name)
        try:
            remote = Remote(
                spec.url,
                tenant=tenant,
                tls=tls_from_secret(data),
                proxy=await self._proxy(repository),
                timeout=read_timeout(spec.timeout or "60s"),
            )
            if spec.provider in CLOUDS:
                return await self._with_cloud_login(remote, spec, tenant)
            return await self._with_secret(remote, spec, data, name)
        except BadUrl as error:
            raise SourceFailed(f"{GIT_REPOSITORY} '{key_of(repository)}' cannot be used: {error}") from error
        except (GitError, CloudFailed) as error:
            raise SourceFailed(f"failed to configure authentication options: {error}") from error
        except ValueError as error:  # a URL or duration that the schema lets pass
            raise SourceFailed(f"{GIT_REPOSITORY} '{key_of(repository)}' cannot be used: {error}") from error

    async def _with_secret(
        self, remote: Remote, spec: GitRepositorySpec, data: dict[str, bytes], secret_name: str
    ) -> Remote:
        if spec.provider == "github":
            app = app_from_secret(data, secret_name=secret_name)
            login = await self._git.github_login(app, remote)
            return replace(remote, credentials=login, principal=app.principal)
        credentials = credentials_from_secret(spec.url, data, secret_name=secret_name)
        return replace(remote, credentials=credentials) if credentials else remote

    async def _with_cloud_login(self, remote: Remote, spec: GitRepositorySpec, namespace: str) -> Remote:
        granted = await self._clouds.login(
            spec.provider,
            remote.url,
            namespace=namespace,
            service_account=spec.service_account_name,
            proxy=remote.proxy.url if remote.proxy else "",
        )
        presented = present(remote.url, granted.credentials, now=self._now())
        return replace(remote, credentials=presented, principal=_principal(spec.provider, granted.identity))

    def _check_provider(self, spec: GitRepositorySpec, data: dict[str, bytes], secret_name: str) -> None:
        provider, app_data = spec.provider, any(name in data for name in APP_IDS)
        if app_data and provider != "github":
            raise _invalid(
                f"secretRef '{secret_name}' has github app data but provider is not set to github: {INVALID_SUFFIX}"
            )
        if provider == "github" and not app_data:
            raise _invalid(
                f"secretRef with github app data must be specified when provider is set to github: {INVALID_SUFFIX}"
            )
        if not self._clouds.allows(spec.service_account_name):
            raise SourceInvalid(FEATURE_GATE_DISABLED, GATE_DISABLED_MESSAGE)
        if provider not in ("", "generic", "github", *CLOUDS):
            raise SourceFailed(f"provider '{provider}' is not supported")

    async def _proxy(self, repository: GitRepository) -> Proxy | None:
        ref = repository.spec.proxy_secret_ref
        if ref is None:
            return None
        name = f"{repository.metadata.namespace}/{ref.name}"
        data = await self._secret(repository.metadata.namespace, ref.name, "proxy")
        return proxy_from_secret(data, secret_name=name)

    async def _signer(self, automation: ImageUpdateAutomation) -> Signer | None:
        key = automation.spec.git.commit.signing_key if automation.spec.git else None
        if key is None or key.secret_ref is None:
            return None
        name, namespace = key.secret_ref.name, automation.metadata.namespace
        try:
            secret = await self._client.get(SECRETS, namespace, name, into=core.Secret)
            signing_key = signing_key_from_secret(key.type, secret.data, secret_name=name)
            return await self._git.signer(replace(signing_key, tenant=namespace))
        except ApiError as error:
            raise SourceFailed(f"could not find signing key secret '{name}': {error.message}") from error
        except BadSigningKey as error:
            raise SourceFailed(str(error)) from error

    async def _forge(
        self, automation: ImageUpdateAutomation, repository: GitRepository, remote: Remote
    ) -> ForgeAccess | None:
        spec = automation.spec.git.pull_request if automation.spec.git else None
        if spec is None:
            return None
        try:
            location = find_location(spec, repository)
        except BadForge as error:
            raise _invalid(f"{error}: {INVALID_SUFFIX}") from error
        try:
            if spec.secret_ref is None:
                return ForgeAccess(location, login_of(remote))
            name, namespace = spec.secret_ref.name, automation.metadata.namespace
            data = await self._secret(namespace, name, "pull request")
            if any(name in data for name in APP_IDS):
                app = app_from_secret(data, secret_name=f"{namespace}/{name}")
                return ForgeAccess(location, await self._git.github_login(app, remote))
            return ForgeAccess(location, login_from_secret(data, secret_name=f"{namespace}/{name}"))
        except (BadForge, GitError) as error:
            raise SourceFailed(f"failed to configure pull requests: {error}") from error

    async def _secret(self, namespace: str, name: str, use: str) -> dict[str, bytes]:
        try:
            return (await self._client.get(SECRETS, namespace, name, into=core.Secret)).data
        except NotFound as error:
            raise SourceFailed(f"failed to get {use} secret '{namespace}/{name}': {error.message}") from error
        except ApiError as error:
            raise SourceFailed(f"failed to get {use} secret '{namespace}/{name}': {error}") from error


def git_host(repository: GitRepository) -> str:
    """Return which host runs on a repository ask, with its port; empty for a URL without one."""
    return repository.spec.url.partition("://")[2].partition("/")[0].rpartition("@")[2].lower()


def _invalid(message: str) -> SourceInvalid:
    return SourceInvalid("InvalidSourceConfiguration", message)


def _principal(provider: str, identity: Identity | None) -> str:
    return f"{provider}/{identity.name}/{identity.role}" if identity else provider
