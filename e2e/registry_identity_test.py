"""`controllers.cloudaccess`: a ServiceAccount's token for a cloud, issued by a real API server to the scanner."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controllers.clock import SYSTEM_CLOCK
from controllers.cloud.identity import Identity, Login, SubjectToken
from controllers.cloud.logins import CloudLogins
from controllers.cloudaccess.access import CloudAccess
from controllers.registry.dockerconfig import Credentials
from controllers.runtime.kube.client import KubeClient
from controllers.runtime.kube.config import load_config
from e2e.cluster import Space
from hack import controllers as local_controllers

ROLE = "arn:aws:iam::123456789012:role/scanner"
HOUR = timedelta(hours=1)


class Cloud:
    """A cloud that accepts everything, and records it."""

    def __init__(self) -> None:
        self.subjects: list[SubjectToken] = []

    def credential_scope(self, host: str) -> str:
        return host

    def audience(self, identity: Identity) -> str:
        return "sts.amazonaws.com"

    def login(self, host: str, subject: SubjectToken | None, *, proxy: str) -> Login[Credentials]:
        assert subject is not None
        self.subjects.append(subject)
        return Login(Credentials("AWS", "password"), datetime.now(UTC) + HOUR)


async def test_the_scanner_gets_a_token_of_the_service_account(space: Space, tmp_path: Path) -> None:
    local_controllers.allow_workload_identity(space.kubectl)
    space.apply("ServiceAccount", "robot")
    space.kubectl("annotate", "serviceaccount", "robot", "-n", space.name, f"eks.amazonaws.com/role-arn={ROLE}")
    server, authority = local_controllers.cluster_server(space.kubectl)
    kubeconfig = local_controllers.write_account_kubeconfig(
        space.kubectl, "imagerepository", tmp_path, server=server, authority=authority
    )
    client = KubeClient(load_config(str(kubeconfig)), user_agent="e2e")
    cloud = Cloud()
    logins = CloudLogins(SYSTEM_CLOCK, {"aws": cloud}, pin_proxy=str, max_size=10, max_age=HOUR)
    access = CloudAccess(client, logins, object_level=True, default_service_account="")
    try:
        for _ in range(2):
            found = await access.login("aws", "registry.example", namespace=space.name, service_account="robot")
            assert found.credentials == Credentials("AWS", "password")
    finally:
        await logins.aclose()
        await client.close()
    (subject,) = cloud.subjects
    assert subject.identity == Identity(space.name, "robot", ROLE)
    claims = subject.token.split(".")[1]
    payload = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert payload["aud"] == ["sts.amazonaws.com"]
    assert payload["sub"] == f"system:serviceaccount:{space.name}:robot"
    assert payload["exp"] - payload["iat"] == 600
