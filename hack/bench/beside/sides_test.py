from pathlib import Path

import pytest

from hack.bench.beside.sides import PROGRAMS, pinned_version, storage, versions
from hack.env import tools


@pytest.mark.parametrize("program", PROGRAMS)
def test_both_programs_are_built_for_who_asks(program: str) -> None:
    (module,) = (module for module in tools.MODULES if program in module.programs)
    assert module.optional
    assert module.packages == (f"github.com/fluxcd/{program}",)
    assert pinned_version(module.pinned / "go.mod", program) == "1.2.0"


def test_both_versions_are_in_one_line() -> None:
    assert versions().startswith("image-reflector-controller 1.2.0 and image-automation-controller 1.2.0; tagline ")


def test_module_without_the_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module x\n\nrequire github.com/fluxcd/image-reflector-controller/api v1.2.0\n")
    with pytest.raises(ValueError, match="does not require"):
        pinned_version(tmp_path / "go.mod", "image-reflector-controller")


def test_only_the_reflector_has_a_database() -> None:
    assert [storage(program, Path("/x")) for program in PROGRAMS] == [["--storage-path=/x"], []]
