"""Who a ServiceAccount is in each cloud, and what its annotations lack."""

import pytest

from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import (
    AWS_ROLE_PATTERN,
    GCP_ACCOUNT_PATTERN,
    GCP_PROVIDER_PATTERN,
    Identity,
    SubjectToken,
    read_identity,
)

ROLE = {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/scanner"}
AZURE = {"azure.workload.identity/tenant-id": "t-1", "azure.workload.identity/client-id": "c-1"}
EMAIL = {"iam.gke.io/gcp-service-account": "scanner@acme.iam.gserviceaccount.com"}
POOL = "projects/123/locations/global/workloadIdentityPools/pool/providers/cluster"
PROVIDER = {"gcp.auth.fluxcd.io/workload-identity-provider": POOL}


@pytest.mark.parametrize(
    ("provider", "annotations", "role", "pool_provider"),
    [
        pytest.param("aws", ROLE, "arn:aws:iam::123456789012:role/scanner", "", id="aws"),
        pytest.param("azure", AZURE, "t-1/c-1", "", id="azure"),
        pytest.param("gcp", {}, "", "", id="gcp-direct"),
        pytest.param("gcp", EMAIL, "scanner@acme.iam.gserviceaccount.com", "", id="gcp-impersonation"),
        pytest.param("gcp", PROVIDER | EMAIL, "scanner@acme.iam.gserviceaccount.com", POOL, id="gcp-elsewhere"),
    ],
)
def test_annotations_name_the_identity(
    provider: str, annotations: dict[str, str], role: str, pool_provider: str
) -> None:
    assert read_identity(provider, "apps", "robot", annotations) == Identity("apps", "robot", role, pool_provider)


@pytest.mark.parametrize(
    ("provider", "annotations", "reason"),
    [
        pytest.param(
            "aws", {}, f"invalid eks.amazonaws.com/role-arn annotation: ''. must match {AWS_ROLE_PATTERN}", id="no-role"
        ),
        pytest.param(
            "aws",
            {"eks.amazonaws.com/role-arn": "scanner"},
            f"invalid eks.amazonaws.com/role-arn annotation: 'scanner'. must match {AWS_ROLE_PATTERN}",
            id="no-arn",
        ),
        pytest.param(
            "azure",
            {"azure.workload.identity/client-id": "c"},
            "azure tenant ID is not set in the service account annotation azure.workload.identity/tenant-id",
            id="no-tenant",
        ),
        pytest.param(
            "azure",
            {"azure.workload.identity/tenant-id": "t"},
            "azure client ID is not set in the service account annotation azure.workload.identity/client-id",
            id="no-client",
        ),
        pytest.param(
            "azure",
            AZURE | {"azure.workload.identity/tenant-id": "t/../x"},
            "invalid azure.workload.identity/tenant-id annotation: 't/../x'. must be the ID of a tenant",
            id="tenant-with-a-path",
        ),
        pytest.param(
            "gcp",
            {"iam.gke.io/gcp-service-account": "me"},
            f"invalid iam.gke.io/gcp-service-account annotation: 'me'. must match {GCP_ACCOUNT_PATTERN}",
            id="no-e-mail",
        ),
        pytest.param(
            "gcp",
            {"gcp.auth.fluxcd.io/workload-identity-provider": "pool"},
            "invalid gcp.auth.fluxcd.io/workload-identity-provider annotation: 'pool'. "
            f"must match {GCP_PROVIDER_PATTERN}",
            id="no-provider",
        ),
    ],
)
def test_what_annotations_lack_is_reported(provider: str, annotations: dict[str, str], reason: str) -> None:
    with pytest.raises(LoginFailed) as error:
        read_identity(provider, "apps", "robot", annotations)
    prefix = "failed to get provider identity from service account 'apps/robot' annotations: "
    assert str(error.value) == prefix + reason


def test_no_repr_shows_the_proof() -> None:
    assert "s3cret" not in repr(SubjectToken(Identity("apps", "robot", ""), "s3cret"))
