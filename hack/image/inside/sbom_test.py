"""The bill of materials is valid CycloneDX, names the very files, and is the same for the same parts."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from hack.image.inside import sbom
from hack.image.inside.dpkg import Package

LOCK = (Path(__file__).parents[3] / "requirements/run.txt").read_text()
LIBC = Package("libc6", "2.36-9+deb12u10", "amd64", "glibc", "2.36-9+deb12u10", "GNU Libc Maintainers <a@b>", "")
DIGEST = "ab" * 32


def installed(name: str = "My_Package", **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "version": "1.0", **more},
        "download_info": {
            "url": "https://user:s3cret@mirror.example.com/my_package-1.0.whl",
            "archive_info": {"hash": f"sha256={DIGEST}", "hashes": {"sha256": DIGEST}},
        },
    }


def bill(*parts: dict[str, Any], interpreter: str = "", epoch: int = 1_700_000_000) -> dict[str, Any]:
    return sbom.bill_of_materials(
        "0.1.0",
        libraries=sbom.from_report({"install": list(parts)}),
        base=sbom.from_packages([LIBC], "debian-12"),
        interpreter=interpreter,
        epoch=epoch,
    )


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(installed(), id="no-terms"),
        pytest.param(installed(license_expression="MIT OR Apache-2.0"), id="expression"),
        pytest.param(installed(license="BSD"), id="name"),
        pytest.param(installed(license="Permission is hereby\ngranted"), id="whole-text"),
        pytest.param(installed(classifier=["License :: OSI Approved :: MIT License"]), id="classifier"),
    ],
)
def test_it_is_valid(part: dict[str, Any]) -> None:
    text = json.dumps(bill(part, interpreter="3.11.9"))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert "mirror" not in text
    assert "s3cret" not in text


def test_parts_are_named_by_package_urls_and_hashes() -> None:
    parts = {part["purl"]: part for part in bill(installed(), interpreter="3.11.9")["components"]}
    assert list(parts) == [
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12",
        "pkg:generic/python@3.11.9",
        "pkg:pypi/my-package@1.0",
    ]
    assert parts["pkg:pypi/my-package@1.0"]["hashes"] == [{"alg": "SHA-256", "content": DIGEST}]


def test_an_older_pip_reports_its_hash_in_another_field() -> None:
    part = installed()
    del part["download_info"]["archive_info"]["hashes"]
    assert bill(part)["components"][1]["hashes"][0]["content"] == DIGEST


def test_the_same_parts_have_the_same_serial_number_and_others_another() -> None:
    assert bill(installed()) == bill(installed())
    assert bill(installed())["serialNumber"] != bill(installed("other"))["serialNumber"]


def test_the_release_is_read_from_where_debian_says_it() -> None:
    assert sbom.distribution('PRETTY_NAME="Debian"\nVERSION_ID="12"\nID=debian\n') == "debian-12"


def test_the_lock_has_a_hash_for_every_package() -> None:
    entries = re.findall(r"^[\w.-]+==\S+ \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", LOCK, re.MULTILINE)
    assert len(entries) == len(re.findall(r"^[\w.-]+==", LOCK, re.MULTILINE)) > 40
