"""Who else applies the CRDs."""

from typing import TYPE_CHECKING, Any, cast

import pytest

from cli.installing.preflight import managed_by_others

if TYPE_CHECKING:
    from cli.kube.client import Cluster

OF_FLUX = {"kustomize.toolkit.fluxcd.io/name": "flux-system", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
SSA = "kustomize.toolkit.fluxcd.io/ssa"


def crd(labels: dict[str, str], annotations: dict[str, str] | None = None) -> dict[str, Any]:
    return {"metadata": {"name": "x", "labels": labels, "annotations": annotations}}


@pytest.mark.parametrize(
    ("found", "managers"),
    [
        pytest.param(crd({}), {}, id="nobody"),
        pytest.param(crd({"app.kubernetes.io/managed-by": "Helm"}), {"x": "Helm"}, id="helm"),
        pytest.param(crd(OF_FLUX), {"x": "Kustomization flux-system/flux-system"}, id="flux"),
        pytest.param(crd(OF_FLUX, {SSA: "Ignore"}), {}, id="flux-that-was-told-to-leave-it-alone"),
        pytest.param(
            crd(OF_FLUX, {SSA: "Merge"}), {"x": "Kustomization flux-system/flux-system"}, id="flux-that-merges"
        ),
    ],
)
def test_a_crd_is_managed_by_others_if_they_would_put_theirs_back(
    found: dict[str, Any], managers: dict[str, str]
) -> None:
    assert managed_by_others(cast("Cluster", None), {"x": found}) == managers
