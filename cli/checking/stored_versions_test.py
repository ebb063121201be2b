"""Which CRDs the API server would refuse, and the commands that help."""

import pytest

from api.kinds import KINDS
from cli.checking.stored_versions import Crd, CrdSpec, CrdStatus, CrdVersion, Finding, judge, missing_versions

REPOSITORY = next(kind for kind in KINDS if kind.name == "imagerepository")
NAME = "imagerepositories.image.toolkit.fluxcd.io"
GET = f"kubectl get {NAME} --all-namespaces -o json | kubectl replace -f -"
PATCH = (
    f"kubectl patch crd {NAME} --subresource=status --type=merge"
    ' -p \'{"status":{"storedVersions":["v1beta2"]}}\''
)  # fmt: skip
REFUSED = f"{NAME}: v1gamma1 in status.storedVersions; the API server would refuse ours. Before it:"


def installed(*stored: str, storage: str = "v1beta2") -> Crd:
    versions = tuple(CrdVersion(name=name, storage=name == storage) for name in {*stored, storage})
    return Crd(spec=CrdSpec(versions=versions), status=CrdStatus(stored_versions=stored))


@pytest.mark.parametrize(
    ("crd", "has_objects", "finding"),
    [
        pytest.param(installed("v1beta2"), True, None, id="as-it-should-be"),
        pytest.param(installed("v1beta1", "v1beta2"), True, None, id="served-by-ours-too"),
        pytest.param(
            installed("v1alpha2", "v1beta2"),
            True,
            Finding(
                f"{NAME}: v1alpha2 in status.storedVersions; before or after the installation:", (GET, PATCH), False
            ),
            id="retired",
        ),
        pytest.param(
            installed("v1gamma1", "v1alpha1", "v1beta2"), True, Finding(REFUSED, (GET, PATCH), True), id="unknown"
        ),
        pytest.param(
            installed("v1gamma1", "v1beta2"), False, Finding(REFUSED, (PATCH,), True), id="nothing-to-rewrite"
        ),
        pytest.param(
            installed("v2", storage="v2"),
            True,
            Finding(f"{NAME}: stores objects as v2, which tagline does not know", (), True),
            id="newer-than-ours",
        ),
    ],
)
def test_a_crd_is_judged_by_what_it_may_have_stored(crd: Crd, finding: Finding | None, *, has_objects: bool) -> None:
    assert judge(REPOSITORY, crd, has_objects=has_objects) == finding
    assert bool(missing_versions(REPOSITORY, crd)) == bool(finding and finding.is_refused)
