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
         signing: str = "", **spec: Any) -> Callable[[Servers, str], Objects]:  # fmt: skip
    """Build an automation whose GitRepository has this Secret; signing: the Secret is that of the signing key."""

    def build(servers: Servers, value: str) -> Objects:
        content = {key: text.encode() for key, text in data(servers, value).items()}
        where = url.replace("HOST", servers.git.removeprefix("http://")).replace("VALUE", quote(value, safe=""))
        ref = LocalObjectReference(name="extra")
        refs: dict[str, Any] = {} if signing or not content else {"proxy_secret_ref" if proxy else "secret_ref": ref}
        repository = git_repository(
            url=where or f"{servers.git}/fleet.git", ref=GitRepositoryRef(branch="main"), timeout="10s", **refs, **spec
        )
        commit = CommitSpec(author=CommitUser(name="Bot", email="bot@example.com"))
        if signing:
            commit = replace(commit, signing_key=SigningKey(secret_ref=ref, type=signing))
        return Objects(
            [replace(secret("extra"), data=content)], git=repository,
            automation=automation(git=git_spec(commit=commit)), answer=answer,
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


AUTHS = "'.dockerconfigjson'"
PROXY = {"username": "me", "password": "x"}
REGISTRY_PLACES = (
    Place("pull secret: auth", docker(lambda s, v: {s.registry: {"auth": b64(f"me:{v}")}}), said=AUTHS),
    Place("pull secret: password", docker(lambda s, v: {s.registry: {"username": "me", "password": v}}), said=AUTHS),
    Place("pull secret: user name that is a token", docker(lambda s, v: {s.registry: {"username": v}}), said=AUTHS),
    Place("pull secret: identitytoken", docker(lambda s, v: {s.registry: {"identitytoken": v}}, "bearer"), said=AUTHS),
    Place("pull secret: registrytoken", docker(lambda s, v: {s.registry: {"registrytoken": v}}, "bearer"), said=AUTHS),
    Place("pull secret: legacy form", legacy, said="'.dockercfg'"),
    Place(
        "pull secret: login in a key",
        docker(lambda _, v: {f"https://me:{v}@quay.io": {"auth": b64("a:b")}}),
        sent=False,
        said="no credentials for",
    ),
    Place(
        "pull secret: entry of another host",
        docker(lambda _, v: {"quay.io": {"auth": b64(f"me:{v}")}}),
        sent=False,
        said="it has 'quay.io'",
    ),
    Place("pull secret: not JSON", docker(lambda _, v: f'{{"auths": {{"{v}'), sent=False, said="is not a Docker"),
    Place(
        "pull secret: not the right JSON",
        docker(lambda _, v: json.dumps({"auths": [v]})),
        sent=False,
        said="is not a Docker",
    ),
    Place(
        "pull secret: auth that is not Base64",
        docker(lambda s, v: {s.registry: {"auth": f"!{v}"}}),
        sent=False,
        said="not base64",
    ),
    Place(
        "registry proxy: password",
        scan_with("proxy_secret_ref", address=http, username=lambda _, __: "me", password=value_of),
        said="'password'",
    ),
    Place(
        "registry proxy: user name", scan_with("proxy_secret_ref", address=http, username=value_of), said="'username'"
    ),
    Place(
        "registry proxy: login in the address",
        scan_with("proxy_secret_ref", address=lambda _, v: f"http://me:{v}@p:1"),
        sent=False,
        said="proxy",
    ),
    Place(
        "registry proxy: address without a scheme",
        scan_with("proxy_secret_ref", address=lambda _, v: f"{v}:x@p:1"),
        sent=False,
        said="proxy",
    ),
    Place(
        "registry TLS: key",
        scan_with(
            "cert_secret_ref",
            tls__crt=lambda *_: PAIR.certificate.decode(),
            tls__key=lambda _, v: f"-----BEGIN PRIVATE KEY-----\n{v}\n-----END PRIVATE KEY-----\n",
        ),
        sent=False,
        said="failed to parse TLS certificate and key",
    ),
    Place(
        "registry TLS: encrypted key",
        scan_with(
            "cert_secret_ref",
            tls__crt=lambda *_: PAIR.certificate.decode(),
            tls__key=lambda _, v: f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{v}\n-----END ENCRYPTED PRIVATE KEY-----\n",
        ),
        sent=False,
        said="the key is encrypted",
    ),
    Place(
        "registry TLS: certificate",
        scan_with("cert_secret_ref", tls__crt=value_of, tls__key=value_of),
        sent=False,
        said="failed to parse TLS certificate and key",
    ),
    Place(
        "registry TLS: authority",
        scan_with("cert_secret_ref", ca__crt=value_of),
        sent=False,
        said="failed to parse CA certificate",
    ),
    Place(
        "image: login",
        public("open", image=lambda s, v: f"me:{v}@{s.registry}/app"),
        sent=False,
        said="could not parse reference",
    ),
    Place(
        "image: login in a URL",
        public("open", image=lambda s, v: f"https://me:{v}@{s.registry}/app"),
        sent=False,
        said="should not include URL scheme",
    ),
    Place(
        "environment: proxy of registries",
        public("open", image=lambda *_: "registry.example:5000/app", insecure=lambda *_: True),
        environment=lambda s, v: {
            "HTTP_PROXY": f"http://me:{quote(v)}@{s.registry}",
            "HTTPS_PROXY": "http://127.0.0.1:1",
        },
    ),
    Place(
        "environment: proxy that is no URL",
        public("open", image=lambda *_: "registry.example:5000/app", insecure=lambda *_: True),
        sent=False,
        said="proxy of the environment",
        environment=lambda _, v: {"HTTPS_PROXY": f"ftp://me:{quote(v)}@p:1"},
    ),
    Place("token service: token", public("token"), from_server="token"),
    Place(
        "token service: answer of another shape",
        public("bad token"),
        sent=False,
        from_server="bad token",
        said="did not answer with a token",
    ),
    Place(
        "token service: token that no header can hold",
        public("unfit token"),
        sent=False,
        from_server="unfit token",
        said="not fit for a header",
    ),
    Place("registry: login and signature in a realm", public("realm"), sent=False, from_server="realm", said="realm"),
    Place(
        "registry: login and signature in a redirect",
        docker(lambda s, _: {s.registry: {"auth": b64("me:password")}}, "redirect"),
        sent=False,
        from_server="redirect",
        said="redirects to",
    ),
    Place(
        "registry: login and signature in a link",
        docker(lambda s, _: {s.registry: {"auth": b64("me:password")}}, "link"),
        sent=False,
        from_server="link",
        said="next page is on another origin",
    ),
    Place("credential plugin: password", plugin("print(ANSWER)"), said="credential plugin 'canary'"),
    Place(
        "credential plugin: answer of another shape",
        plugin("print({'auth': VALUE})"),
        sent=False,
        said="did not answer with",
    ),
    Place(
        "credential plugin: its last words",
        plugin("import sys; sys.exit(VALUE)"),
        sent=False,
        said="ended with status 1",
    ),
)
SSH_URL = "ssh://git@127.0.0.1:1/fleet.git"
GIT_PLACES = (
    Place("Git secret: password", push(alone("password", username="me")), said="'password'"),
    Place("Git secret: user name that is a token", push(alone("username")), said="'username'"),
    Place("Git secret: bearerToken", push(alone("bearerToken")), said="'bearerToken'"),
    Place(
        "Git secret: password, echoed in a side band",
        push(alone("password", username="me"), answer="band"),
        said="'password'",
    ),
    Place("Git URL: login", push(lambda *_: {}, url="http://me:VALUE@HOST/fleet.git")),
    Place("Git URL: token", push(lambda *_: {}, url="http://VALUE@HOST/fleet.git")),
    Place(
        "Git URL: login without a host", push(lambda *_: {}, url="https://me:VALUE"), sent=False, said="is not a URL"
    ),
    Place(
        "Git URL: login of SSH",
        push(lambda *_: {}, url="ssh://git:VALUE@127.0.0.1:1/x.git"),
        sent=False,
        said="'identity' is required",
    ),
    Place(
        "Git proxy: password",
        push(
            lambda s, v: {"address": s.git, "username": "me", "password": v},
            proxy=True,
            url="http://git.example/fleet.git",
        ),
        said="'password'",
    ),
    Place(
        "Git proxy: login in the address",
        push(
            lambda s, v: {"address": s.git.replace("//", f"//me:{quote(v)}@")},
            proxy=True,
            url="http://git.example/fleet.git",
        ),
    ),
    Place(
        "Git proxy: address that is no URL",
        push(lambda _, v: {"address": f"me:{v}@p:1"}, proxy=True),
        sent=False,
        said="proxy",
    ),
    Place(
        "Git TLS: key",
        push(lambda _, v: {"tls.crt": PAIR.certificate.decode(), "tls.key": v}),
        sent=False,
        said="tls.key",
    ),
    Place("Git TLS: authority", push(lambda _, v: {"ca.crt": v}), sent=False, said="ca.crt"),
    Place(
        "Git SSH: identity",
        push(alone("identity", known_hosts=KNOWN_HOSTS), url=SSH_URL),
        sent=False,
        said="cannot use the SSH identity",
    ),
    Place(
        "Git SSH: passphrase",
        push(alone("password", identity=LOCKED, known_hosts=KNOWN_HOSTS), url=SSH_URL),
        sent=False,
        said="wrong passphrase",
    ),
    Place(
        "Git SSH: known_hosts",
        push(alone("known_hosts", identity=UNLOCKED), url=SSH_URL),
        sent=False,
        said="known_hosts, line 1",
    ),
    Place(
        "Git SSH: marker in known_hosts",
        push(lambda _, v: {"identity": UNLOCKED, "known_hosts": f"@{v} h ssh-rsa AA"}, url=SSH_URL),
        sent=False,
        said="known_hosts, line 1",
    ),
    Place(
        "GitHub App: private key",
        push(app(githubAppPrivateKey=str), provider="github"),
        sent=False,
        said="'githubAppPrivateKey' is not an RSA private key",
    ),
    Place("GitHub App: id", push(app(githubAppID=lambda value: f"KEY {value}"), provider="github"), sent=False,
          said="is not the ID of an app"),
    Place(
        "GitHub App: login in the URL",
        push(
            lambda s, v: app()(s, v) | {"githubAppBaseURL": s.git.replace("//", f"//me:{quote(v)}@") + "/x"},
            provider="github",
        ),
        sent=False,
        said="GitHub App",
    ),
    Place("GitHub App: token", push(app(), provider="github"), from_server="app token"),
    Place(
        "GitHub App: answer of another shape",
        push(app(), provider="github", answer="bad token"),
        sent=False,
        from_server="bad token",
        said="is not GitHub's API",
    ),
    Place(
        "GitHub App: token that no header can hold",
        push(app(), provider="github", answer="unfit token"),
        sent=False,
        from_server="unfit token",
        said="not fit for a header",
    ),
    Place(
        "Git host: login and signature in a redirect",
        push(lambda *_: {}, answer="redirect"),
        sent=False,
        from_server="redirect",
        said="refused to follow a redirect",
    ),
    Place("signing key: SSH identity", push(alone("identity"), signing="ssh"), sent=False, said="SSH signing key"),
    Place(
        "signing key: SSH passphrase",
        push(alone("password", identity=LOCKED), signing="ssh"),
        sent=False,
        said="wrong passphrase",
    ),
    Place(
        "signing key: OpenPGP key", push(alone("git.asc"), signing="gpg"), sent=False, said="could not read signing key"
    ),
    Place(
        "signing key: OpenPGP passphrase",
        push(alone("passphrase", **{"git.asc": "x"}), signing="gpg"),
        sent=False,
        said="signing key",
    ),
    Place(
        "environment: proxy of Git",
        push(lambda *_: {}, url="http://git.example/fleet.git"),
        environment=lambda s, v: {"http_proxy": s.git.replace("//", f"//me:{quote(v)}@")},
    ),
)
