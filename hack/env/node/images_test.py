"""Archives of images, in the form of `docker save`."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from hack.env.node import images


def test_archive_has_one_layer_with_the_program_and_runs_it_as_nobody(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    content = images.archive("registry.example.com/app:1", {"bin/app": program}, ["/bin/app"], links={"bin/sh": "app"})
    files = read(content)
    (listed,) = json.loads(files["manifest.json"])
    assert listed["RepoTags"] == ["registry.example.com/app:1"]
    config = json.loads(files[listed["Config"]])
    layer = files[listed["Layers"][0]]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert config["config"]["Entrypoint"] == ["/bin/app"]
    assert config["config"]["User"] == "65534:65534"
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        assert (tar.getmember("bin/app").mode, tar.getmember("bin/sh").linkname) == (0o755, "app")


def test_archive_is_for_the_machine_that_it_is_made_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    program = tmp_path / "program"
    program.touch()
    files = read(images.archive("app:1", {"bin/app": program}, ["/bin/app"]))
    assert json.loads(files["config.json"])["architecture"] == "arm64"


def read(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        opened = {member.name: tar.extractfile(member) for member in tar}
        return {name: file.read() for name, file in opened.items() if file}
