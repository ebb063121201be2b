"""What is left out of the image's packages, and that nothing that is needed is."""

import ast
import base64
import csv
import hashlib
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.image.inside import packages

ROOT = Path(__file__).parents[3]


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Return a virtual environment with one package of everything, and RECORD as pip writes it."""
    site = tmp_path / "lib/python3.11/site-packages"
    files = (
        "pkg/__init__.py", "pkg/tests/test_a.py", "pkg/testing.py", "pkg/fast.pyx", "pkg/types.pyi", "pkg/py.typed",
        "pkg/__pycache__/a.pyc", "botocore/data/sts/service.json", "botocore/data/ec2/service.json",
        "botocore/data/endpoints.json", "cel_expr_python/ext/ext_strings.so", "cel_expr_python/ext/ext_math.so",
        "zstandard/_cffi.cpython-311.so", "pkg-1.dist-info/METADATA",
    )  # fmt: skip
    rows = []
    for name in files:
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        digest = base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()).rstrip(b"=").decode()
        rows.append([name, f"sha256={digest}", str(len(name))])
    (tmp_path / "bin").mkdir()
    for name in ("tagline", "dulwich", "activate"):
        (tmp_path / "bin" / name).touch()
        rows.append([f"../../../bin/{name}", "", ""])
    with (site / "pkg-1.dist-info/RECORD").open("w", newline="") as file:
        csv.writer(file).writerows([*rows, ["pkg-1.dist-info/RECORD", "", ""]])
    return tmp_path


def test_tests_sources_and_what_nothing_reads_goes(environment: Path) -> None:
    packages.trim(environment)
    site = packages.site_packages(environment)
    left = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert left == {
        "pkg/__init__.py", "pkg/testing.py", "pkg/py.typed", "botocore/data/sts/service.json",
        "botocore/data/endpoints.json", "cel_expr_python/ext/ext_strings.so", "pkg-1.dist-info/METADATA",
        "pkg-1.dist-info/RECORD",
    }  # fmt: skip
    assert {path.name for path in (environment / "bin").iterdir()} == {"tagline"}


@pytest.mark.skipif(not shutil.which("strip"), reason="needs strip (binutils)")
def test_the_record_says_what_is_there(environment: Path) -> None:
    site = packages.site_packages(environment)
    compiled = Path(next(path for path in map(Path, loaded()) if path.suffix == ".so"))
    shutil.copy(compiled, site / "pkg/fast.so")
    with (site / "pkg-1.dist-info/RECORD").open("a") as file:
        file.write("pkg/fast.so,sha256=old,1\n")
    packages.trim(environment)
    with (site / "pkg-1.dist-info/RECORD").open(newline="") as file:
        rows = {name: (digest, size) for name, digest, size in csv.reader(file)}
    assert rows.pop("pkg-1.dist-info/RECORD") == rows.pop("../../../bin/tagline") == ("", "")
    for name, (digest, size) in rows.items():
        content = (site / name).read_bytes()
        assert size == str(len(content))
        assert digest == "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    assert "pkg/fast.so" in rows
    assert "pkg/fast.pyx" not in rows


def loaded() -> Iterator[str]:
    """Yield the files of this interpreter's compiled modules."""
    yield from (file for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None)))


def test_the_services_that_are_asked_keep_their_descriptions() -> None:
    asked = {
        service
        for path in (ROOT / "controllers").rglob("aws.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "create_client"
        for service in _texts(path.read_text(), call.args[0])
    }
    assert asked == {"sts", "ecr", "ecr-public"}
    assert asked <= set(packages.AWS_SERVICES)


def _texts(source: str, argument: ast.expr) -> set[str]:
    """Return the texts that an argument may be, itself or by the one assignment of its name."""
    if isinstance(argument, ast.Constant):
        return {str(argument.value)}
    assert isinstance(argument, ast.Name)
    return set(re.findall(r'"([\w-]+)"', next(re.finditer(rf"\b{argument.id} = (.*)", source))[1]))


def test_the_extensions_of_rules_that_are_imported_stay() -> None:
    imported = {
        alias.name
        for path in (ROOT / "controllers").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "cel_expr_python.ext"
        for alias in node.names
    }
    assert imported == set(packages.CEL_EXTENSIONS)
