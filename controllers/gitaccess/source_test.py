"""What a source is made of, and each text for what it lacks."""

from datetime import timedelta
from typing import Any

import pytest

from api.core import Secret
from api.gitrepository import GitRepository, GitRepositoryRef
from api.imageupdateautomation import CommitSpec, ImageUpdateAutomation, PushSpec, SigningKey, SourceReference
from api.meta import LocalObjectReference
from controllers.git.remote import Basic, Bearer, Remote
from controllers.gitaccess.branches import source_key
from controllers.gitaccess.source import (
    AutomationSource,
    SourceFailed,
    SourceInvalid,
    SourceReader,
    git_host,
)
from controllers.net.proxy.address import Proxy
from controllers.net.tls import TlsMaterial
from controllers.runtime.key import Key, key_of
from testing.builders import GIT_URL, NAMESPACE, automation, git_repository, git_spec, secret
from testing.fake_git import FakeClouds, FakeGit
from testing.kube import FakeKube, FakeObjects

INVALID = ": invalid source configuration"
LOGIN, PROXY, KEY = (LocalObjectReference(name=name) for name in ("login", "proxy", "key"))


async def read(
    repository: GitRepository | None = None,
    *secrets: Secret,
    of: ImageUpdateAutomation | None = None,
    cross_namespace: bool = True,
    kube: FakeKube | None = None,
) -> AutomationSource:
    kube = kube or FakeKube(secrets=secrets)
    repositories = FakeObjects({key_of(repository): repository} if repository else {})
    return await reader(kube, repositories, cross_namespace=cross_namespace).read(of or automation())


def reader(
    kube: FakeKube,
    repositories: FakeObjects[GitRepository],
    *,
    clouds: FakeClouds | None = None,
    cross_namespace: bool = True,
) -> SourceReader:
    clouds = clouds or FakeClouds(kube)
    return SourceReader(
        kube,
        repositories.find,
        git=FakeGit(),
        clouds=clouds.access,
        now=clouds.clock.now,
        cross_namespace=cross_namespace,
    )


def signed(type: str = "") -> ImageUpdateAutomation:
    return automation(git=git_spec(commit=CommitSpec(signing_key=SigningKey(secret_ref=KEY, type=type))))


async def test_public_repository_needs_no_secret() -> None:
    kube = FakeKube()
    source = await read(git_repository(), kube=kube)
    assert source.remote == Remote(GIT_URL, tenant=NAMESPACE)
    assert source.remote.timeout == timedelta(minutes=1)
    assert (source.plan.push_branch, source.signer) == ("main", None)
    assert kube.requests == []


async def test_secrets_make_the_remote() -> None:
    source = await read(
        git_repository(secret_ref=LOGIN, proxy_secret_ref=PROXY, timeout="20s"),
        secret("login", username=b"bot", password=b"pass", ca__crt=b"PEM"),
        secret("proxy", address=b"http://proxy:3128", username=b"p", password=b"q"),
    )
    assert source.remote == Remote(
        GIT_URL,
        tenant=NAMESPACE,
        credentials=Basic("bot", "pass"),
        tls=TlsMaterial(ca=b"PEM"),
        proxy=Proxy("http://proxy:3128", "p", "q"),
        timeout=timedelta(seconds=20),
    )


async def test_secrets_of_the_repository_are_in_its_namespace_and_the_key_in_the_automations() -> None:
    kube = FakeKube(secrets=[secret("login", namespace="git", bearerToken=b"token")])
    repository = git_repository(namespace="git", secret_ref=LOGIN)
    spec = git_spec(commit=CommitSpec(signing_key=SigningKey(secret_ref=KEY)))
    with pytest.raises(SourceFailed, match="could not find signing key secret 'key'"):
        await read(repository, of=automation(source_namespace="git", git=spec), kube=kube)
    assert kube.requests == ["get secrets git/login", "get secrets apps/key"]


async def test_rotated_secret_works_at_the_next_run() -> None:
    kube = FakeKube(secrets=[secret("login", bearerToken=b"old")])
    repository = git_repository(secret_ref=LOGIN)
    sources = reader(kube, FakeObjects({key_of(repository): repository}))
    assert (await sources.read(automation())).remote.credentials == Bearer("old")
    kube.put("secrets", secret("login", bearerToken=b"new"))
    assert (await sources.read(automation())).remote.credentials == Bearer("new")


async def test_a_repository_that_the_cache_has_not_received_yet_is_not_reported_missing() -> None:
    repositories: FakeObjects[GitRepository] = FakeObjects()
    repositories.late[key_of(git_repository())] = git_repository()
    assert (await reader(FakeKube(), repositories).read(automation())).remote.url == GIT_URL


async def test_generic_provider_is_no_provider() -> None:
    assert (await read(git_repository(provider="generic"))).remote == Remote(GIT_URL, tenant=NAMESPACE)


async def test_github_app_may_be_named_by_its_client_id() -> None:
    app = secret("login", githubAppClientID=b"Iv2", githubAppPrivateKey=b"PEM", githubAppInstallationID=b"42")
    source = await read(git_repository(provider="github", secret_ref=LOGIN), app)
    assert source.remote.credentials == Basic("x-access-token", "token of github-app/Iv2/42")


async def test_github_app_logs_in_with_a_token_and_keeps_its_cache() -> None:
    app = secret("login", githubAppID=b"7", githubAppPrivateKey=b"PEM", githubAppInstallationID=b"42", ca__crt=b"PEM")
    source = await read(git_repository(provider="github", secret_ref=LOGIN), app)
    assert source.remote == Remote(
        GIT_URL,
        tenant=NAMESPACE,
        credentials=Basic("x-access-token", "token of github-app/7/42"),
        tls=TlsMaterial(ca=b"PEM"),
        principal="github-app/7/42",
    )


@pytest.mark.parametrize(
    ("namespace", "want"),
    [pytest.param("", Key("apps", "fleet"), id="own"), pytest.param("git", Key("git", "fleet"), id="another")],
)
def test_source_key(namespace: str, want: Key) -> None:
    assert source_key(automation(source_namespace=namespace)) == want


@pytest.mark.parametrize(
    ("of", "repository", "secrets", "reason", "message"),
    [
        pytest.param(
            automation(source_ref=SourceReference(kind="Bucket", name="fleet")),
            git_repository(),
            [],
            "InvalidSourceConfiguration",
            "source kind 'Bucket' not supported" + INVALID,
            id="wrong-kind",
        ),
        pytest.param(
            automation(git=None),
            git_repository(),
            [],
            "InvalidSourceConfiguration",
            "source kind 'GitRepository' necessitates field .spec.git" + INVALID,
            id="no-git",
        ),
        pytest.param(
            automation(),
            git_repository(provider="azure", service_account_name="bot"),
            [],
            "FeatureGateDisabled",
            "to use spec.serviceAccountName for provider authentication please enable the ObjectLevelWorkloadIdentity "
            "feature gate in the controller, which --feature-gates=ObjectLevelWorkloadIdentity=false has switched off",
            id="object-level-identity",
        ),
        pytest.param(
            automation(source_namespace="git"),
            git_repository(namespace="git"),
            [],
            "AccessDenied",
            "can't access 'GitRepository/git/fleet', cross-namespace references have been blocked",
            id="other-namespace",
        ),
        pytest.param(
            automation(),
            git_repository(provider="github", secret_ref=LOGIN),
            [secret("login", username=b"bot", password=b"pass")],
            "InvalidSourceConfiguration",
            "secretRef with github app data must be specified when provider is set to github" + INVALID,
            id="github-without-app-data",
        ),
        pytest.param(
            automation(),
            git_repository(provider="github"),
            [],
            "InvalidSourceConfiguration",
            "secretRef with github app data must be specified when provider is set to github" + INVALID,
            id="github-without-secret",
        ),
        pytest.param(
            automation(git=git_spec(push=PushSpec(branch="refs/heads/auto"))),
            git_repository(),
            [],
            "InvalidSourceConfiguration",
            "spec.git.push.branch 'refs/heads/auto' is no branch but a full reference name: write 'auto'" + INVALID,
            id="full-name-as-push-branch",
        ),
        pytest.param(
            automation(),
            git_repository(secret_ref=LOGIN),
            [secret("login", githubAppClientID=b"Iv23li")],
            "InvalidSourceConfiguration",
            "secretRef 'apps/login' has github app data but provider is not set to github" + INVALID,
            id="app-data-without-github",
        ),
    ],
)
async def test_spec_that_cannot_work(
    of: ImageUpdateAutomation, repository: GitRepository, secrets: list[Secret], reason: str, message: str
) -> None:
    with pytest.raises(SourceInvalid) as error:
        await read(repository, *secrets, of=of, cross_namespace=False)
    assert (error.value.reason, str(error.value)) == (reason, message)


@pytest.mark.parametrize(
    ("of", "repository", "secrets", "message"),
    [
        pytest.param(
            automation(),
            None,
            [],
            'referenced git repository does not exist: GitRepository.source.toolkit.fluxcd.io "fleet" not found',
            id="no-repository",
        ),
        pytest.param(
            automation(git=git_spec(push=PushSpec(refspec="a:refs/b"))),
            git_repository(ref=GitRepositoryRef(tag="v1")),
            [],
            "push spec not provided, and cannot be inferred from .spec.git.checkout.ref or GitRepository .spec.ref",
            id="nowhere-to-push",
        ),
        pytest.param(
            automation(),
            git_repository(secret_ref=LOGIN),
            [],
            "failed to get auth secret 'apps/login': secrets \"login\" not found",
            id="no-login",
        ),
        pytest.param(
            automation(),
            git_repository(proxy_secret_ref=PROXY),
            [],
            "failed to get proxy secret 'apps/proxy': secrets \"proxy\" not found",
            id="no-proxy",
        ),
        pytest.param(
            automation(),
            git_repository(secret_ref=LOGIN),
            [secret("login", password=b"pass")],
            "failed to configure authentication options: "
            "invalid 'https' auth option: 'password' requires 'username' to be set",
            id="password-alone",
        ),
        pytest.param(
            automation(),
            git_repository(secret_ref=LOGIN),
            [secret("login", tls__crt=b"PEM")],
            "failed to configure authentication options: "
            "invalid TLS data: 'tls.crt' and 'tls.key' must both be set, or neither",
            id="half-a-client-certificate",
        ),
        pytest.param(
            automation(),
            git_repository(url="ssh://git@git.example/fleet"),
            [],
            "failed to configure authentication options: invalid 'ssh' auth option: 'identity' is required",
            id="ssh-without-key",
        ),
        pytest.param(
            automation(),
            git_repository(proxy_secret_ref=PROXY),
            [secret("proxy", username=b"p")],
            "failed to configure authentication options: invalid proxy secret 'apps/proxy': key 'address' is missing",
            id="proxy-without-address",
        ),
        pytest.param(
            automation(),
            git_repository(url="https://[git.example/fleet"),
            [],
            "GitRepository 'apps/fleet' cannot be used: 'https://[git.example/fleet' is not a URL: Invalid IPv6 URL",
            id="url-that-is-none",
        ),
        pytest.param(
            automation(),
            git_repository(provider="gcp"),
            [],
            "provider 'gcp' is not supported",
            id="cloud-provider",
        ),
        pytest.param(
            automation(),
            git_repository(provider="github", secret_ref=LOGIN),
            [secret("login", githubAppID=b"7")],
            "failed to configure authentication options: "
            "secret 'apps/login' must contain 'githubAppPrivateKey' and one of 'githubAppID' or 'githubAppClientID'",
            id="github-app-without-key",
        ),
        pytest.param(
            signed(),
            git_repository(),
            [],
            "could not find signing key secret 'key': secrets \"key\" not found",
            id="no-signing-key",
        ),
        pytest.param(
            signed("gpg"),
            git_repository(),
            [secret("key", identity=b"x")],
            "signing key secret 'key' does not contain a 'git.asc' key",
            id="gpg-key-missing",
        ),
        pytest.param(
            signed("ssh"),
            git_repository(),
            [secret("key", git__asc=b"x")],
            "signing key secret 'key' does not contain an 'identity' key",
            id="ssh-key-missing",
        ),
    ],
)
async def test_source_that_is_not_complete_yet(
    of: ImageUpdateAutomation, repository: GitRepository | None, secrets: list[Secret], message: str
) -> None:
    with pytest.raises(SourceFailed) as error:
        await read(repository, *secrets, of=of)
    assert str(error.value) == message


async def test_api_that_refuses_is_reported_with_what_was_tried() -> None:
    kube = FakeKube(secrets=[secret("login")])
    kube.forbid("get secrets apps/login")
    with pytest.raises(SourceFailed) as error:
        await read(git_repository(secret_ref=LOGIN), kube=kube)
    assert str(error.value) == (
        "failed to get auth secret 'apps/login': get secrets apps/login: 403 Forbidden: "
        '"apps/login" is forbidden for get secrets'
    )


async def test_no_text_and_no_repr_shows_a_secret() -> None:
    data: dict[str, Any] = {"username": b"bot", "password": b"hunter2", "bearerToken": b""}
    source = await read(git_repository(secret_ref=LOGIN), secret("login", **data))
    assert "hunter2" not in repr(source)
    url = "https://bot:hunter2@git.example/fleet"
    with pytest.raises(SourceFailed) as error:
        await read(git_repository(url=url, secret_ref=LOGIN), secret("login", bearerToken=b"hunter2"))
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        pytest.param("https://git.example.com/fleet.git", "git.example.com", id="https"),
        pytest.param("ssh://git@Git.example.com:22/fleet.git", "git.example.com:22", id="ssh"),
        pytest.param("http://[::1", "[::1", id="no-url"),
        pytest.param("fleet", "", id="no-host"),
    ],
)
def test_hosts_are_told_apart(url: str, host: str) -> None:
    assert git_host(git_repository(url=url)) == host


@pytest.mark.parametrize(
    ("timeout", "want", "note"),
    [
        pytest.param(
            "600m",
            timedelta(minutes=10),
            "spec.timeout of GitRepository 'apps/fleet' 600m counts as 10m0s, the longest timeout",
            id="too-long",
        ),
        pytest.param("10m", timedelta(minutes=10), "", id="longest"),
        pytest.param("1ms", timedelta(seconds=1), "", id="never-below-a-second"),
    ],
)
async def test_a_timeout_has_bounds(timeout: str, want: timedelta, note: str) -> None:
    source = await read(git_repository(timeout=timeout))
    assert (source.remote.timeout, source.note) == (want, note)
