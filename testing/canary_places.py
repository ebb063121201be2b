"""The places where a secret can be: a row each, from which the objects of a run are built."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from msgspec.structs import replace

from api.core import Secret
from api.gitrepository import GitRepository, GitRepositoryRef
from api.imagerepository import ImageRepository
from api.imageupdateautomation import CommitSpec, CommitUser, ImageUpdateAutomation, SigningKey
from api.meta import LocalObjectReference
from api.pullrequest import PullRequestSpec
from testing.builders import automation, git_repository, git_spec, image_repository, secret
from testing.canary_servers import Servers
from testing.certificates import create_authority, issue_server_key_pair

PAIR = issue_server_key_pair(create_authority("canary"), "127.0.0.1")
_KEY = ed25519.Ed25519PrivateKey.generate()
UNLOCKED = _KEY.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
LOCKED = _KEY.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(b"canary")).decode()
PAIR_RSA = (
    rsa.generate_private_key(65537, 2048)
    .private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    .decode()
)
KNOWN_HOSTS = "127.0.0.1 ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + b"k" * 32).decode()


@dataclass(frozen=True)
class Place:
    """Where a secret is. build: from servers and value to the objects of a run."""

    name: str
    build: Callable[[Servers, str], "Objects"]
    sent: bool = True
    """A server is sent it when it is well formed."""
    said: str = ""
    """What the condition says of it once it was read and cannot be used; "" where it always can."""
    from_server: str = ""
    """The secret is the server's; see `Servers.answer`."""
    environment: Callable[[Servers, str], dict[str, str]] | None = None


@dataclass
class Objects:
    """What a run needs: an ImageRepository, or an automation and its GitRepository."""

    secrets: list[Secret]
    repository: ImageRepository | None = None
    git: GitRepository | None = None
    automation: ImageUpdateAutomation | None = None
    answer: str = ""
    plugin: str = ""
    """A program, in Python."""


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def image(servers: Servers, **spec: Any) -> ImageRepository:
    return image_repository("app", **{"image": f"{servers.registry}/app", **spec})


def docker(entry: Callable[[Servers, str], Any], answer: str = "") -> Callable[[Servers, str], Objects]:
    """Build an ImageRepository with a pull secret; entry: the configuration's `auths`, or all of it as a text."""

    def build(servers: Servers, value: str) -> Objects:
        content = entry(servers, value)
        data = content if isinstance(content, str) else json.dumps({"auths": content})
        pull = replace(secret("pull", type="kubernetes.io/dockerconfigjson"), data={".dockerconfigjson": data.encode()})
        return Objects([pull], image(servers, secret_ref=LocalObjectReference(name="pull")), answer=answer)

    return build


def legacy(servers: Servers, value: str) -> Objects:
    data = json.dumps({servers.registry: {"auth": b64(f"me:{value}")}}).encode()
    pull = replace(secret("pull", type="kubernetes.io/dockercfg"), data={".dockercfg": data})
    return Objects([pull], image(servers, secret_ref=LocalObjectReference(name="pull")))


def scan_with(
    kind: str, answer: str = "open", **data: Callable[[Servers, str], str]
) -> Callable[[Servers, str], Objects]:
    """Build an ImageRepository that refers to a Secret by `certSecretRef` or `proxySecretRef`."""

    def build(servers: Servers, value: str) -> Objects:
        content = {key.replace("__", "."): make(servers, value).encode() for key, make in data.items()}
        spec: dict[str, Any] = {kind: LocalObjectReference(name="extra"), "insecure": True}
        if kind == "proxy_secret_ref":
            spec["image"] = "registry.example:5000/app"
        return Objects([replace(secret("extra"), data=content)], image(servers, **spec), answer=answer)

    return build


def public(answer: str, **spec: Callable[[Servers, str], Any]) -> Callable[[Servers, str], Objects]:
    """Build an ImageRepository without any Secret."""

    def build(servers: Servers, value: str) -> Objects:
        return Objects([], image(servers, **{key: make(servers, value) for key, make in spec.items()}), answer=answer)

    return build


def plugin(program: str) -> Callable[[Servers, str], Objects]:
    def build(servers: Servers, value: str) -> Objects:
        answer = {
            "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "kind": "CredentialProviderResponse",
            "cacheKeyType": "Registry", "auth": {servers.registry: {"username": "me", "password": value}},
        }  # fmt: skip
        text = program.replace("ANSWER", repr(json.dumps(answer))).replace("VALUE", repr(value))
        return Objects([], image(servers), plugin=text)

    return build


def push(data: Callable[[Servers, str], dict[str, str]], *, url: str = "", answer: str = "", proxy: bool = False,
         signing: str = "", forge: bool = False, **spec: Any) -> Callable[[Servers, str], Objects]:  # fmt: skip
    """Build an automation whose GitRepository has this Secret.

    signing: the Secret is that of the signing key. forge: it is that of pull requests
    """

    def build(servers: Servers, value: str) -> Objects:
        content = {key: text.encode() for key, text in data(servers, value).items()}
        where = url.replace("HOST", servers.git.removeprefix("http://")).replace("VALUE", quote(value, safe=""))
        ref = LocalObjectReference(name="extra")
        is_elsewhere = signing or forge or not content
        refs: dict[str, Any] = {} if is_elsewhere else {"proxy_secret_ref" if proxy else "secret_ref": ref}
        repository = git_repository(
            url=where or f"{servers.git}/fleet.git", ref=GitRepositoryRef(branch="main"), timeout="10s", **refs, **spec
        )
        commit = CommitSpec(author=CommitUser(name="Bot", email="bot@example.com"))
        if signing:
            commit = replace(commit, signing_key=SigningKey(secret_ref=ref, type=signing))
        git = git_spec(commit=commit)
        if forge:
            api = f"{servers.git}/api/v1"
            git = replace(git, pull_request=PullRequestSpec(forge="gitea", api=api, secret_ref=ref))
        return Objects(
            [replace(secret("extra"), data=content)], git=repository,
            automation=automation(git=git), answer=answer,
        )  # fmt: skip

    return build


def app(**more: Callable[[str], str]) -> Callable[[Servers, str], dict[str, str]]:
    def data(servers: Servers, value: str) -> dict[str, str]:
        fields = {"githubAppID": "7", "githubAppInstallationID": "42", "githubAppBaseURL": f"{servers.git}/api/v3",
                  "githubAppPrivateKey": PAIR_RSA}  # fmt: skip
        return fields | {key: make(value) for key, make in more.items()}

    return data


def alone(key: str, **others: str) -> Callable[[Servers, str], dict[str, str]]:
    return lambda _, value: {**others, key: value}


def http(servers: Servers, _: str) -> str:
    return f"http://{servers.registry}"


def value_of(_: Servers, value: str) -> str:
    return value
