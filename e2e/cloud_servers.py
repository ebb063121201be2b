"""AWS and Azure as far as Git needs them, on loopback under their real names: STS, CodeCommit, Entra, Azure DevOps.

Behind one TLS port; a tunnel leads the names there. They accept a ServiceAccount's token when the real API server does,
and let in whoever presents what they issued: signatures are checked with botocore.
"""

import base64
import json
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]

from hack.controllers import Kubectl
from hack.env import pki
from testing.address import HOST
from testing.gitserver import BareRepository, CannedResponse, GitServer, Request
from testing.proxy import ProxyServer

REGION = "eu-west-1"
STS = f"sts.{REGION}.amazonaws.com"
CODECOMMIT = f"git-codecommit.{REGION}.amazonaws.com"
ENTRA = "login.microsoftonline.com"
DEVOPS = "dev.azure.com"
HOSTS = (STS, CODECOMMIT, ENTRA, DEVOPS)
DEVOPS_SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
VALID = timedelta(minutes=15)
"""AWS's own limit of a signature's age."""
XML, JSON = {"Content-Type": "text/xml"}, {"Content-Type": "application/json"}
REALM = {"WWW-Authenticate": 'Basic realm="git"', "Content-Type": "text/plain"}
ASSUMED = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><AssumedRoleUser><Arn>{role}/s</Arn><AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser>
<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken>{token}</SessionToken><Expiration>{expires}</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
DENIED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error>
</ErrorResponse>"""


def reviewer(kubectl: Kubectl) -> Callable[[str, str], str]:
    """Return a function that asks the API server whose a token is: (token, audience) → user name, "" if invalid."""

    def review(token: str, audience: str) -> str:
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [audience]},
        }
        status = json.loads(kubectl("create", "-o", "json", "-f", "-", stdin=json.dumps(body)).stdout)["status"]
        return str(status["user"]["username"]) if status.get("authenticated") else ""

    return review


@dataclass(slots=True)
class CloudServers:
    """Use as a context manager. `trust` says who may act as whom, `repository_owners` which repository that opens."""

    review: Callable[[str, str], str]
    folder: Path
    trust: dict[str, str] = field(default_factory=dict)
    """Role (AWS) or tenant/client (Azure) → user name in Kubernetes."""
    repository_owners: dict[str, str] = field(default_factory=dict)
    """Path of a repository → role or tenant/client that may use it."""
    issued: dict[str, tuple[str, Credentials]] = field(default_factory=dict)
    """Access key or bearer token → for whom, and the keys."""
    logins: list[str] = field(default_factory=list)
    """Roles and clients that were asked for, refused ones included."""
    presented_tokens: list[str] = field(default_factory=list)
    """Kubernetes' tokens that were presented."""
    server: GitServer = field(init=False)
    tunnel: ProxyServer = field(init=False)
    authority: pki.Authority = field(init=False)

    def __enter__(self) -> "CloudServers":
        self.authority = pki.new_authority("an authority of clouds")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.authority.issue("hosts", self.folder, HOSTS))
        self.server = GitServer(self.folder / "served", tls=context)
        self.server.respond = self.answer
        self.server.__enter__()
        self.tunnel = ProxyServer("http", routes={f"{host}:443": f"{HOST}:{self.server.port}" for host in HOSTS})
        self.tunnel.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.tunnel.__exit__(*error)
        self.server.__exit__(*error)

    @property
    def ca(self) -> Path:
        """The authority of all these hosts, in a file."""
        path = self.folder / "clouds.ca"
        path.write_bytes(self.authority.certificate_pem())
        return path

    @property
    def secrets(self) -> list[str]:
        """All that was issued or presented and that nobody else may see."""
        keys = [text for _, k in self.issued.values() for text in (k.secret_key, k.token) if text]
        tokens = [token for token, (_, k) in self.issued.items() if not k.secret_key]
        return keys + tokens + self.presented_tokens

    def repository(self, path: str, *, opened_by: str) -> BareRepository:
        """Create a repository at a path of its host."""
        self.repository_owners[path] = opened_by
        return BareRepository(self.server.root / path.removeprefix("/"))

    def answer(self, request: Request) -> CannedResponse | None:
        """Return what the host answers; None: what Git answers."""
        path = urlsplit(request.path).path
        match request.headers.get("Host", ""):
            case "sts.eu-west-1.amazonaws.com":
                return self.assume(request)
            case "login.microsoftonline.com":
                return self.token(request, path)
            case "git-codecommit.eu-west-1.amazonaws.com":
                return self.authorize(request, self.signer(request, _repository(path)))
            case "dev.azure.com":
                return self.authorize(request, self.bearer(request))
        return CannedResponse(404)

    def assume(self, request: Request) -> CannedResponse:
        """Answer AssumeRoleWithWebIdentity of STS."""
        form = _form(request)
        if not self.accepts_token(form["RoleArn"], form["WebIdentityToken"], "sts.amazonaws.com"):
            return CannedResponse(403, DENIED.encode(), dict(XML))
        key, secret, token = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_hex(20), secrets.token_urlsafe(40)
        self.issued[key] = form["RoleArn"], Credentials(key, secret, token)
        expires = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = ASSUMED.format(role=form["RoleArn"], key=key, secret=secret, token=token, expires=expires)
        return CannedResponse(200, body.encode(), dict(XML))

    def token(self, request: Request, path: str) -> CannedResponse:
        """Answer as Entra's OpenID configuration and token endpoint."""
        tenant = path.split("/")[1]
        base = f"https://{ENTRA}/{tenant}"
        if path.endswith("/.well-known/openid-configuration"):
            endpoints = {f"{name}_endpoint": f"{base}/oauth2/v2.0/{name}" for name in ("authorization", "token")}
            return CannedResponse(200, json.dumps({"issuer": f"{base}/v2.0", **endpoints}).encode(), dict(JSON))
        form = _form(request)
        who = f"{tenant}/{form['client_id']}"
        believed = self.accepts_token(who, form["client_assertion"], "api://AzureADTokenExchange")
        if not believed or DEVOPS_SCOPE not in form["scope"].split():
            refusal = {"error": "invalid_client", "error_description": "AADSTS70021: No matching federated identity"}
            return CannedResponse(401, json.dumps(refusal).encode(), dict(JSON))
        token = secrets.token_urlsafe(40)
        self.issued[token] = who, Credentials("", "")
        body = {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}
        return CannedResponse(200, json.dumps(body).encode(), dict(JSON))

    def accepts_token(self, who: str, proof: str, audience: str) -> bool:
        """Return True when the proof is a token of the ServiceAccount that `who` trusts."""
        self.logins.append(who)
        self.presented_tokens.append(proof)
        user = self.review(proof, audience)
        return bool(user) and self.trust.get(who) == user

    def signer(self, request: Request, path: str) -> str:
        """Return whose signature a request carries; "" for one that is wrong or too old."""
        kind, _, pair = request.headers.get("Authorization", "").partition(" ")
        user, _, password = base64.b64decode(pair).decode().partition(":") if kind == "Basic" else ("", "", "")
        key, _, token = user.partition("%")
        who, keys = self.issued.get(key, ("", None))
        if keys is None or (keys.token or "") != token:
            return ""
        time = password.partition("Z")[0]
        age = datetime.now(UTC) - datetime.strptime(time, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        signed = AWSRequest(method="GIT", url=f"https://{CODECOMMIT}{path}")
        signed.context["timestamp"] = time
        auth = SigV4Auth(keys, "codecommit", REGION)
        text = auth.string_to_sign(signed, f"GIT\n{path}\n\nhost:{CODECOMMIT}\n\nhost\n")
        return who if timedelta(0) <= age < VALID and password == f"{time}Z{auth.signature(text, signed)}" else ""

    def bearer(self, request: Request) -> str:
        """Return whose token a request carries; "" for one that was never issued."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        return self.issued.get(token, ("", None))[0] if kind == "Bearer" else ""

    def authorize(self, request: Request, who: str) -> CannedResponse | None:
        """Return None for somebody who may use the repository."""
        if not who:
            return CannedResponse(401, b"who are you?\n", dict(REALM))
        allowed = self.repository_owners.get(_repository(urlsplit(request.path).path)) == who
        return None if allowed else CannedResponse(403, b"not yours\n", {"Content-Type": "text/plain"})


def _form(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def _repository(path: str) -> str:
    for tail in ("/info/refs", "/git-upload-pack", "/git-receive-pack"):
        path = path.removesuffix(tail)
    return unquote(path)
