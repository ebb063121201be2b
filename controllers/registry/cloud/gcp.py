"""Google's registries: an OAuth2 access token as the password.

Follows https://cloud.google.com/artifact-registry/docs/docker/authentication#token. The process uses application
default credentials, on GKE those of the metadata server. A ServiceAccount's token is exchanged at the security token
service (https://google.aip.dev/auth/4117), and by impersonation where an account to impersonate is named.
"""

import os
from datetime import UTC
from typing import Any

from controllers.cloud import sdk
from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, SubjectToken, sent_secrets
from controllers.registry.cloud.hosts import check_gcp
from controllers.registry.dockerconfig import Credentials

EXTRA = "gcp"
USERNAME = "oauth2accesstoken"
SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
)
STS_URL = "https://sts.googleapis.com/v1/token"
IMPERSONATION_URL = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
METADATA_URL = "http://{host}/computeMetadata/v1/{path}"
METADATA_HOST = "metadata.google.internal"
CLUSTER = "https://container.googleapis.com/v1/projects/{project}/locations/{location}/clusters/{cluster}"


def credential_scope(host: str) -> str:
    """Return the host itself. Raises LoginFailed unless it is one of Google's registries."""
    check_gcp(host)
    return host


def audience(identity: Identity) -> str:
    """Return the audience of the Kubernetes token. Blocks for one request on GKE. Raises LoginFailed."""
    if identity.pool_provider:
        return f"//iam.googleapis.com/{identity.pool_provider}"
    return f"{_metadata('project/project-id')}.svc.id.goog"


def login(host: str, subject: SubjectToken | None, *, proxy: str) -> Login[Credentials]:
    """Return credentials for a Google registry, good for an hour. Blocks for a few requests. Raises LoginFailed."""
    check_gcp(host)
    errors = sdk.load("google.auth.exceptions", extra=EXTRA)
    try:
        source = _federated(subject) if subject else sdk.load("google.auth", extra=EXTRA).default(scopes=SCOPES)[0]
        with sdk.load("requests", extra=EXTRA).Session() as session:
            session.proxies.update(sdk.proxies(proxy) or {})
            source.refresh(_request(session))
    except errors.GoogleAuthError as error:
        raise sdk.login_error(error, sent_secrets(subject, proxy)) from error
    except sdk.UNEXPECTED_ERRORS as error:
        raise sdk.unexpected_answer_error(error) from error
    if not source.token or not source.expiry:
        raise LoginFailed("no access token in the answer")
    return Login(Credentials(USERNAME, sdk.fit(source.token, "the access token")), source.expiry.replace(tzinfo=UTC))


def _federated(subject: SubjectToken) -> Any:
    pool = sdk.load("google.auth.identity_pool", extra=EXTRA)

    class _SubjectTokenSupplier(pool.SubjectTokenSupplier):  # type: ignore[misc,name-defined] # the SDK is loaded at run time only
        def get_subject_token(self, context: object, request: object) -> str:
            return subject.token

    email = subject.identity.role
    return pool.Credentials(
        audience=_sts_audience(subject.identity),
        subject_token_type="urn:ietf:params:oauth:token-type:jwt",  # noqa: S106 - names a kind, holds nothing
        token_url=STS_URL,
        subject_token_supplier=_SubjectTokenSupplier(),
        service_account_impersonation_url=IMPERSONATION_URL.format(email=email) if email else None,
        scopes=SCOPES,
    )


def _sts_audience(identity: Identity) -> str:
    if identity.pool_provider:
        return audience(identity)
    project = _metadata("project/project-id")
    location, cluster = (_metadata(f"instance/attributes/cluster-{name}") for name in ("location", "name"))
    provider = CLUSTER.format(project=project, location=location, cluster=cluster)
    return f"identitynamespace:{project}.svc.id.goog:{provider}"


def _metadata(path: str) -> str:
    """Return a fact about the GKE cluster; never through a proxy, since it is served on the node."""
    errors = sdk.load("google.auth.exceptions", extra=EXTRA)
    url = METADATA_URL.format(host=os.environ.get("GCE_METADATA_HOST", METADATA_HOST), path=path)
    try:
        with sdk.load("requests", extra=EXTRA).Session() as session:
            session.trust_env = False
            answer = _request(session)(url, headers={"Metadata-Flavor": "Google"}, timeout=sdk.SECONDS)
    except errors.GoogleAuthError as error:
        raise LoginFailed(f"failed to get {path} of the GKE cluster: {sdk.login_error(error)}") from error
    text = bytes(answer.data).decode("utf-8", "replace").strip()
    if answer.status != 200 or not text:
        raise LoginFailed(f"failed to get {path} of the GKE cluster: metadata server answered {answer.status}")
    return text


def _request(session: Any) -> Any:
    return sdk.load("google.auth.transport.requests", extra=EXTRA).Request(session)
