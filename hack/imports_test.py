"""`setup.cfg`: who may import what, as far as import-linter cannot express it."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from configparser import ConfigParser
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRODUCT = ("api", "cli", "controllers")
OURS = (*PRODUCT, "testing", "e2e", "hack")

EVERYWHERE = {"cachetools", "cryptography", "msgspec", "prometheus_client"}
"""Packages of values and algorithms, which any room may use."""
ROOMS = {
    "aiohttp": ["controllers/runtime/kube/client.py", "controllers/runtime/process/notification.py"],
    "azure": ["controllers/cloud/azure.py", "controllers/registry/cloud/azure.py"],
    "bcrypt": ["controllers/template/sprig/encoding.py"],
    "botocore": ["controllers/cloud/aws.py"],
    "cel_expr_python": ["controllers/runtime/embedded/rules.py", "controllers/webhooks/expressions.py"],
    "click": ["cli/completing/candidates.py", "cli/grammar/", "cli/terminal.py"],
    "dulwich": ["controllers/git/objects/"],
    "google": ["controllers/registry/cloud/gcp.py"],
    "h11": [
        "cli/kube/http1.py",
        "controllers/hookserver/",
        "controllers/net/proxy/httpconnect.py",
        "controllers/registry/direct.py",
    ],
    "httpcore": [
        "controllers/registry/direct.py",
        "controllers/registry/lookups.py",
        "controllers/registry/network.py",
        "controllers/registry/pools.py",
        "controllers/registry/socks.py",
        "controllers/registry/streams.py",
        "controllers/registry/transport.py",
    ],
    "httpx": ["controllers/registry/direct.py", "controllers/registry/pools.py", "controllers/registry/transport.py"],
    "kubernetes": ["controllers/runtime/kube/kubeconfig.py"],
    "opentelemetry": ["controllers/runtime/process/otel.py"],
    "paramiko": ["cli/creation/secrets/sshkey.py", "controllers/git/transport/"],
    "pysequoia": ["controllers/git/signing/openpgp.py"],
    "re2": ["controllers/golang/regexp/engine.py"],
    "requests": ["controllers/registry/cloud/gcp.py"],
    "urllib3": ["cli/kube/transport.py", "controllers/git/transport/"],
    "yaml": [
        "cli/bootstrap/kustomization.py",
        "cli/kube/kubeconfig.py",
        "cli/yaml_documents.py",
        "controllers/adoption/automation_edit.py",
        "controllers/adoption/objects.py",
        "controllers/imageaccess/plugins.py",
        "controllers/setters/parser.py",
    ],
    "yarl": ["controllers/runtime/kube/client.py"],
    "zstandard": ["controllers/taglist/codec.py"],
}
"""Package → the modules and folders that know it. A new place needs a reason."""


def test_the_product_imports_nothing_of_the_tests() -> None:
    assert importers("testing", "e2e", "hack", "pytest", "hypothesis") & product() == set()


def test_what_tests_share_is_imported_by_tests_only() -> None:
    played = {
        path
        for path in importers("testing")
        if path.startswith(("hack/fuzz/", "hack/model/", "hack/scenarios/", "hack/specedits/"))
    }
    assert {
        path for path in importers("testing") if not is_test(path) and folder(path) not in {"testing", "e2e"}
    } - played == set()


def test_what_tests_share_stands_on_the_product_alone() -> None:
    assert {path for path in importers("e2e", "hack") if folder(path) == "testing"} == set()


def test_third_party_packages_are_known_in_their_rooms_only() -> None:
    rooms: dict[str, set[str]] = defaultdict(set)
    for path in product():
        for package in third_party(path) - EVERYWHERE:
            rooms[package].add(next(filter(path.startswith, ROOMS.get(package, ())), path))
    assert {package: sorted(places) for package, places in rooms.items()} == ROOMS


def test_the_product_imports_only_what_it_requires() -> None:
    distributions = {
        package: {canonical(name) for name in names} for package, names in packages_distributions().items()
    }
    stray = {
        (path, package)
        for path in product()
        for package in third_party(path)
        if not distributions.get(package, set()) & requirements()
    }
    assert stray == set()


def test_what_the_product_requires_is_locked_for_the_image() -> None:
    clouds = {"botocore", "azure-identity", "google-auth", "requests"}
    assert requirements() - {"kubernetes"} <= locked("run")
    traces = {"opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"}
    assert requirements() - clouds - traces - {"kubernetes"} <= locked("run-nocloud")


def test_the_image_has_nothing_that_only_a_kubeconfig_or_a_cloud_needs() -> None:
    assert locked("run").isdisjoint({"kubernetes", "pydantic", "oauthlib", "websocket-client"})
    assert locked("run-nocloud").isdisjoint({"botocore", "azure-core", "azure-identity", "msal", "google-auth"})
    assert locked("run-nocloud") < locked("run")


def locked(name: str) -> set[str]:
    """Return the distributions of a lock file."""
    lock = (ROOT / "requirements" / f"{name}.txt").read_text()
    return set(re.findall(r"^(\S+)==", lock, flags=re.MULTILINE))


@cache
def imports() -> dict[str, frozenset[str]]:
    """Return the top-level packages that each module of the repository imports, wherever in it."""
    paths = (path for name in OURS for path in (ROOT / name).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): frozenset(imported(path)) for path in paths}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(str(module), level=0):
                yield module.partition(".")[0]
            case ast.Call(
                ast.Name("import_module") | ast.Attribute(attr="import_module" | "load"),
                [ast.Constant(str(module)), *_],
            ):
                yield module.partition(".")[0]


def importers(*packages: str) -> set[str]:
    return {path for path, names in imports().items() if names & set(packages)}


def third_party(path: str) -> frozenset[str]:
    return imports()[path] - sys.stdlib_module_names - set(OURS)


def product() -> set[str]:
    return {path for path in imports() if folder(path) in PRODUCT and not is_test(path)}


def folder(path: str) -> str:
    return path.partition("/")[0]


def is_test(path: str) -> bool:
    return path.endswith(("_test.py", "/conftest.py"))


@cache
def requirements() -> frozenset[str]:
    """Return the distributions that setup.cfg asks for, those of the extras included but for the developers' one."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = config["options.extras_require"]
    lines = [config["options"]["install_requires"], *(extras[name] for name in extras if name != "dev")]
    return frozenset(canonical(name) for name in re.findall(r"^([\w.-]+)", "\n".join(lines), flags=re.MULTILINE))


def canonical(name: str) -> str:
    """Return a distribution's name in the one spelling of the package index."""
    return re.sub("[-_.]+", "-", name).lower()
