"""Whom a login acts for, and what it yields. Decisions only.

Object-level identities follow https://fluxcd.io/flux/integrations/: annotations of a ServiceAccount name the role, the
application or the service account of the cloud. Names of annotations, patterns and texts are Flux's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar
from urllib.parse import unquote, urlsplit

from controllers.cloud.errors import LoginFailed
from controllers.net.redaction import login_secrets

C_co = TypeVar("C_co", covariant=True)
"""What a cloud gives: its credentials."""

AWS_ROLE = "eks.amazonaws.com/role-arn"
AZURE_TENANT = "azure.workload.identity/tenant-id"
AZURE_CLIENT = "azure.workload.identity/client-id"
GCP_ACCOUNT = "iam.gke.io/gcp-service-account"
GCP_PROVIDER = "gcp.auth.fluxcd.io/workload-identity-provider"

TOKEN_SECONDS = 600
"""The shortest that Kubernetes issues; the token is used at once and then forgotten."""

AWS_ROLE_PATTERN = r"^arn:aws[\w-]*:iam::[0-9]{1,30}:role/.{1,200}$"
GCP_ACCOUNT_PATTERN = r"^[a-zA-Z0-9-]+@[a-zA-Z0-9-]+\.iam\.gserviceaccount\.com$"
GCP_PROVIDER_PATTERN = r"^projects/\d+/locations/global/workloadIdentityPools/[^/]+/providers/[^/]+$"


@dataclass(frozen=True, slots=True)
class Identity:
    """A ServiceAccount, and who it is in the cloud. Hashable, since credentials are cached by it."""

    namespace: str
    service_account: str
    role: str
    """ARN of the role (AWS), `tenant/client` (Azure), e-mail of the service account to impersonate or "" (GCP)."""
    pool_provider: str = ""
    """GCP only: the workload identity provider of a cluster that is not GKE."""
    token_seconds: int = TOKEN_SECONDS
    """How long the proof of it is good for."""

    @property
    def name(self) -> str:
        return f"{self.namespace}/{self.service_account}"


@dataclass(frozen=True, slots=True)
class SubjectToken:
    """An identity with the proof of it: a token that Kubernetes issued for the cloud."""

    identity: Identity
    token: str = field(repr=False)


def sent_secrets(subject: SubjectToken | None, proxy: str) -> tuple[str, ...]:
    """Return what a login sends that no message may show. proxy: its URL, which may have a login in it."""
    parts = urlsplit(proxy)
    login = login_secrets(unquote(parts.username or ""), unquote(parts.password or ""))
    return (*((subject.token,) if subject else ()), *login)


@dataclass(frozen=True, slots=True)
class Login(Generic[C_co]):
    """What a cloud gave."""

    credentials: C_co
    expires_at: datetime
    """With time zone."""


def read_identity(provider: str, namespace: str, name: str, annotations: Mapping[str, str]) -> Identity:
    """Return the identity that a ServiceAccount's annotations name. Raises LoginFailed when they name none."""
    try:
        role, pool_provider = IDENTITY_READERS[provider](annotations)
    except ValueError as error:
        raise LoginFailed(
            f"failed to get provider identity from service account '{namespace}/{name}' annotations: {error}"
        ) from None
    return Identity(namespace, name, role, pool_provider)


def _aws(annotations: Mapping[str, str]) -> tuple[str, str]:
    return _checked(annotations, AWS_ROLE, AWS_ROLE_PATTERN), ""


def _azure(annotations: Mapping[str, str]) -> tuple[str, str]:
    for key, name in ((AZURE_TENANT, "tenant"), (AZURE_CLIENT, "client")):
        if not annotations.get(key):
            raise ValueError(f"azure {name} ID is not set in the service account annotation {key}")
        if "/" in annotations[key]:
            raise ValueError(f"invalid {key} annotation: '{annotations[key]}'. must be the ID of a {name}")
    return f"{annotations[AZURE_TENANT]}/{annotations[AZURE_CLIENT]}", ""


def _gcp(annotations: Mapping[str, str]) -> tuple[str, str]:
    role = _checked(annotations, GCP_ACCOUNT, GCP_ACCOUNT_PATTERN) if annotations.get(GCP_ACCOUNT) else ""
    provider = _checked(annotations, GCP_PROVIDER, GCP_PROVIDER_PATTERN) if annotations.get(GCP_PROVIDER) else ""
    return role, provider


IDENTITY_READERS = {"aws": _aws, "azure": _azure, "gcp": _gcp}


def _checked(annotations: Mapping[str, str], key: str, pattern: str) -> str:
    value = annotations.get(key, "")
    if not re.match(pattern, value, re.ASCII):
        raise ValueError(f"invalid {key} annotation: '{value}'. must match {pattern}")
    return value
