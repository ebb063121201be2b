"""What a build is told of the machine that it runs on, and what the archives are called."""

import subprocess
import sys
from pathlib import Path

import pytest

from api.version import VERSION
from hack.image import __main__ as command
from hack.image import build
from hack.image.programs import CannotBuild, ensure


def test_pip_is_reached_as_the_machine_does_and_local_folders_are_left_out() -> None:
    listed = (
        ":env:.cert='/ca.pem'\n:env:.find-links='/wheels'\nglobal.cert='/old.pem'\nglobal.index-url='https://u:p@index/'\n"
        "global.no-compile='true'\ninstall.trusted-host='index'\n"
    )
    assert build.pip_settings(listed) == {
        "cert": "/old.pem", "index-url": "https://u:p@index/", "trusted-host": "index",
    }  # fmt: skip


def test_pip_lists_its_settings_in_the_form_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example.com/simple")
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert build.pip_settings(listed)["index-url"] == "https://index.example.com/simple"


def test_both_variants_have_names_of_their_own() -> None:
    assert build.CLOUD.reference == f"tagline.local/tagline:{VERSION}"
    assert build.CLOUD.archive.relative_to(build.ROOT).as_posix() == ".work/image/tagline.tar"
    assert build.NO_CLOUD.reference == f"tagline.local/tagline:{VERSION}-nocloud"
    assert build.NO_CLOUD.archive != build.CLOUD.archive


def test_who_is_not_root_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 1000)
    with pytest.raises(CannotBuild, match="by root only: run make image as root, or use Docker"):
        ensure()


def test_without_the_programs_and_apt_the_missing_ones_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("hack.image.programs.SBIN", str(tmp_path))
    with pytest.raises(CannotBuild, match=r"not installed: buildah, mmdebstrap, runc; .*Install them, or use Docker"):
        ensure()


def test_an_archive_is_current_as_long_as_nothing_that_is_sent_has_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "FOLDER", tmp_path / ".work")
    (tmp_path / ".work").mkdir()
    (tmp_path / ".dockerignore").write_text("*\n!api\n")
    (tmp_path / "Dockerfile").touch()
    (tmp_path / "api").mkdir()
    (tmp_path / "api/a.py").touch()
    assert not build.is_current(build.CLOUD)
    build.CLOUD.archive.touch()
    build.CLOUD.archive.with_suffix(".inputs").write_text(build.inputs_digest())
    assert build.is_current(build.CLOUD)
    (tmp_path / "api/a_test.py").touch()
    assert build.is_current(build.CLOUD), "tests are not sent"
    (tmp_path / "api/b.py").touch()
    assert not build.is_current(build.CLOUD)


@pytest.mark.parametrize(
    ("is_current", "builds"), [pytest.param(True, 0, id="there"), pytest.param(False, 1, id="old")]
)
def test_what_is_current_is_not_built_again(monkeypatch: pytest.MonkeyPatch, is_current: bool, builds: int) -> None:
    built: list[build.Variant] = []
    monkeypatch.setattr(command, "is_current", lambda _: is_current)
    monkeypatch.setattr(command, "build", lambda variant, **_: built.append(variant))
    monkeypatch.setattr(command, "_check", lambda _: None)
    monkeypatch.setattr("sys.argv", ["hack.image", "build", "--unless-current"])
    assert command.main() == 0
    assert len(built) == builds
