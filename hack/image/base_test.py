"""The base without a registry: its packages are those on the list."""

from pathlib import Path

import pytest

from hack.image import base
from hack.image.programs import CannotBuild


def test_another_version_is_reported_and_another_package_is_refused() -> None:
    listed = {"libc6": "2.36-9", "python3": "3.11.2-1"}
    assert base.compare(listed, listed) == []
    assert base.compare({**listed, "libc6": "2.36-10"}, listed) == ["libc6 2.36-9 → 2.36-10"]
    with pytest.raises(CannotBuild, match=r"new perl; missing none\. .*--write"):
        base.compare({**listed, "perl": "5"}, listed)
    with pytest.raises(CannotBuild, match="new none; missing python3"):
        base.compare({"libc6": "2.36-9"}, listed)


def test_what_is_asked_for_is_on_the_list() -> None:
    assert set(base.PACKAGES) <= base.recorded().keys()
    assert "libc6" in base.recorded()


def test_the_list_is_written_as_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "LIST", tmp_path / "list.txt")
    base.write_list({"b": "2", "a": "1:1"})
    assert base.recorded() == {"a": "1:1", "b": "2"}
