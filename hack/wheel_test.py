"""`setup.py`: the wheel holds the product and nothing else."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[1]
DATA = {"cli/installing/manifests.json"}
SENT = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), flags=re.MULTILINE)


def test_the_wheel_holds_every_module_and_all_data_of_the_product_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in SENT:
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=source, check=True, capture_output=True)
    with ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}

    ours = {
        path.relative_to(ROOT).as_posix()
        for name in ("api", "cli", "controllers")
        for path in (ROOT / name).rglob("*.py")
    }
    tests = {path for path in ours if path.endswith(("_test.py", "/conftest.py"))}
    assert held == (ours - tests) | DATA


def test_the_image_is_built_from_what_is_sent_to_its_builder() -> None:
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert sorted(" ".join(copied).split()) == sorted(SENT)
