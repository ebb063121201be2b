"""The admission policy that can deny our writes: it is always there, and a label of a namespace switches it on."""

from collections.abc import Awaitable, Callable
from typing import Any

from api.kinds import EVERY_PROCESS

DENY_LABEL = "apifaults-deny"
"""Of a namespace: the resource whose writes by our controllers are denied."""
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"


async def install_policy(call: Callable[..., Awaitable[Any]]) -> None:
    """Make the admission policy that `deny` switches on, by a label of a namespace. call: of the world."""
    denied = f"request.resource.resource == namespaceObject.metadata.?labels[?'{DENY_LABEL}'].orValue('')"
    ours = "request.userInfo.username.startsWith('system:serviceaccount:tagline-system:')"
    operations = ["CREATE", "UPDATE", "DELETE"]
    groups = sorted({kind.resource.group for kind in EVERY_PROCESS})
    rule = {"apiGroups": groups, "apiVersions": ["*"], "operations": operations}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [{**rule, "resources": ["*/*"]}]},
        "validations": [{"expression": f"!({denied} && {ours})", "message": "injected denial"}],
    }
    meta = {"name": "apifaults"}
    await call("POST", f"{_ADMISSION}/validatingadmissionpolicies", {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": meta,
        "spec": spec,
    })  # fmt: skip
    await call("POST", f"{_ADMISSION}/validatingadmissionpolicybindings", {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": meta,
        "spec": {"policyName": "apifaults", "validationActions": ["Deny"]},
    })  # fmt: skip
