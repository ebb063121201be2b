"""Which files globs match."""

import pytest

from controllers.setters.candidates import is_candidate
from controllers.setters.globs import matches_any, name_filter


@pytest.mark.parametrize(
    ("glob", "meant", "not_meant"),
    [
        pytest.param("Dockerfile", ["Dockerfile", "a/b/Dockerfile"], ["Dockerfile.dev", "Dockerfile/x"], id="name"),
        pytest.param("*.tf", ["main.tf", "a/main.tf"], ["main.tfvars", "a.tf/b"], id="suffix-in-any-folder"),
        pytest.param("infra/*.tf", ["infra/a.tf"], ["infra/x/a.tf", "a.tf", "x/infra/a.tf"], id="one-folder"),
        pytest.param("./infra/*.tf", ["infra/a.tf"], ["x/infra/a.tf"], id="dot-slash"),
        pytest.param("/a.tf", ["a.tf"], ["x/a.tf"], id="from-the-top"),
        pytest.param("infra/**/*.tf", ["infra/a.tf", "infra/x/y/a.tf"], ["infra.tf"], id="folders-between"),
        pytest.param("infra/**", ["infra/a", "infra/x/y"], ["infra", "infrab"], id="all-below"),
        pytest.param("**/.env", [".env", "a/b/.env"], ["a/x.env"], id="any-folder"),
        pytest.param("?.env", ["a.env"], [".env", "ab.env"], id="one-character"),
        pytest.param("[ab].env", ["a.env", "x/b.env"], ["c.env"], id="set"),
        pytest.param("[!ab].env", ["c.env"], ["a.env"], id="not-in-set"),
        pytest.param("a+(b).env", ["a+(b).env"], ["aab.env"], id="no-regex"),
        pytest.param("[", ["["], ["x"], id="lone-bracket"),
        pytest.param("[z-a].tf", [], ["a.tf"], id="no-range"),
        pytest.param("a b-c.tf", ["a b-c.tf"], ["abc.tf"], id="blank-and-dash"),
        pytest.param("*.tf", ["\udce9.tf", "\n.tf"], [], id="odd-names"),
        pytest.param("**/" * 40 + "x", ["a/" * 40 + "x"], ["a/" * 400 + "y"], id="expensive-elsewhere"),
        pytest.param("", [], ["x"], id="empty"),
    ],
)
def test_glob(glob: str, meant: list[str], not_meant: list[str]) -> None:
    assert [path for path in meant + not_meant if matches_any(path, [glob])] == meant
    judge = name_filter((glob,))
    assert all(judge(path.rpartition("/")[2]) for path in meant)


def test_names_of_equal_globs_are_judged_by_one_function() -> None:
    globs = ["*.tf"]
    assert name_filter(tuple(globs)) is name_filter(tuple(globs))
    assert name_filter(()) is is_candidate
    assert name_filter(("*.tf",))("a.yaml")
