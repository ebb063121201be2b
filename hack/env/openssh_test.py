"""Without sshd, and without a way to get it, a message says what to install."""

from pathlib import Path

import pytest

from hack.env import openssh


def test_without_apt_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(openssh, "SBIN", str(tmp_path))
    assert not openssh.can_fetch()
    with pytest.raises(openssh.OpenSshNotFound, match=r"sshd is not installed.*; install openssh-server"):
        openssh.ensure()


def test_an_installed_one_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("sshd", "ssh-keygen"):
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert openssh.ensure() == openssh.OpenSsh(tmp_path / "sshd", tmp_path / "ssh-keygen")
