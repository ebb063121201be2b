"""`tagline check`: which CRDs the API server would refuse, and the commands that help."""

import pytest

from api.kinds import KINDS
from cli.main import main
from cli.verbs.check import Crd, CrdSpec, CrdStatus, CrdVersion, missing_versions, report

REPOSITORY = next(kind for kind in KINDS if kind.name == "imagerepository")
NAME = "imagerepositories.image.toolkit.fluxcd.io"
GET = f"      kubectl get {NAME} --all-namespaces -o json | kubectl replace -f -\n"
PATCH = (
    f"      kubectl patch crd {NAME} --subresource=status --type=merge"
    ' -p \'{"status":{"storedVersions":["v1beta2"]}}\'\n'
)


def installed(*stored: str, storage: str = "v1beta2") -> Crd:
    versions = tuple(CrdVersion(name=name, storage=name == storage) for name in {*stored, storage})
    return Crd(spec=CrdSpec(versions=versions), status=CrdStatus(stored_versions=stored))


@pytest.mark.parametrize(
    ("crd", "has_objects", "lines", "is_refused"),
    [
        pytest.param(installed("v1beta2"), True, [f"ok  {NAME}\n"], False, id="as-it-should-be"),
        pytest.param(installed("v1beta1", "v1beta2"), True, [f"ok  {NAME}\n"], False, id="served-by-ours-too"),
        pytest.param(
            installed("v1alpha2", "v1beta2"),
            True,
            [f"ok  {NAME}: v1alpha2 in status.storedVersions; before or after the apply:\n", GET, PATCH],
            False,
            id="retired",
        ),
        pytest.param(
            installed("v1gamma1", "v1alpha1", "v1beta2"),
            True,
            [
                f"BAD {NAME}: v1gamma1 in status.storedVersions; kubectl apply would be refused. Before it:\n",
                GET,
                PATCH,
            ],
            True,
            id="unknown",
        ),
        pytest.param(
            installed("v1gamma1", "v1beta2"),
            False,
            [f"BAD {NAME}: v1gamma1 in status.storedVersions; kubectl apply would be refused. Before it:\n", PATCH],
            True,
            id="nothing-to-rewrite",
        ),
        pytest.param(
            installed("v2", storage="v2"),
            True,
            [f"BAD {NAME}: stores objects as v2, which tagline does not know\n"],
            True,
            id="newer-than-ours",
        ),
    ],
)
def test_a_crd_is_judged_by_what_it_may_have_stored(
    crd: Crd, lines: list[str], *, has_objects: bool, is_refused: bool
) -> None:
    assert list(report(REPOSITORY, crd, has_objects=has_objects)) == lines
    assert bool(missing_versions(REPOSITORY, crd)) == is_refused


def test_missing_kubeconfig_is_reported(capsys: pytest.CaptureFixture[str], tmp_path: pytest.TempPathFactory) -> None:
    assert main(["check", "--kubeconfig", f"{tmp_path}/none"]) == 1
    assert "none" in capsys.readouterr().err
