"""What has to be true of a built image, each with a line that says what was found."""

import json
import os
import re
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from api.kinds import EVERY_PROCESS
from api.version import VERSION
from hack.image.build import BILL, CLOUD, NO_CLOUD, ROOT, Variant, size_of
from hack.image.container import Unpacked

LIMITS = {CLOUD: 200_000_000, NO_CLOUD: 150_000_000}
"""Bytes of all files."""
FORBIDDEN = re.compile(
    r"(sh|bash|dash|ash|ksh|zsh|busybox|toybox|apt|apt-get|dpkg|perl[\d.]*|gcc[\d.-]*|cc|ld|as|make|curl|wget|tar"
    r"|pip[\d.]*|easy_install[\d.-]*)"
)
"""Names of programs that nothing needs at run time, and that help an intruder."""
FOLDERS_OF_PROGRAMS = ("bin", "sbin")
OF_THE_BUILD = ("etc/pip.conf", "root", "run/secrets", "src")
"""Files and folders of the first stage, some of which are the builder's secrets."""
UNCHECKED_HASH = 0b01
"""Flags of a bytecode file that is used whatever the source's time is: https://peps.python.org/pep-0552/."""
LOCKED = re.compile(r"^([\w.-]+)==(\S+) \\\n((?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE)
LABELS = ("created", "description", "documentation", "licenses", "revision", "source", "title", "version")
IMPORT_ALL = """
import importlib, pkgutil, sys
names = ["api", "cli", "controllers"]
for name in list(names):
    names += [m.name for m in pkgutil.walk_packages(importlib.import_module(name).__path__, name + ".")]
for name in names:
    if not name.endswith(".__main__"):
        importlib.import_module(name)
for name in %r:
    importlib.import_module(name)
assert "kubernetes" not in sys.modules
print(len(names))
"""
NOBODY = 65534
CHECKOUT = "/run/checkout"
CLOUDS = ("azure.identity", "botocore.session", "google.auth.transport.requests")
OPTIONAL = ("paramiko", "pysequoia", "cel_expr_python.ext.ext_optional", "cel_expr_python.ext.ext_strings")
AS_NOBODY = """
import os, sys
status = open("/proc/self/status").read()
assert os.getuid() == os.getgid() == 65534, os.getuid()
assert "CapEff:\\t0000000000000000" in status and "NoNewPrivs:\\t1" in status, status
for folder in ("/", "/opt/tagline", "/etc"):
    try:
        open(folder + "/written", "w")
    except OSError:
        continue
    sys.exit(folder + " can be written to")
open("/tmp/written", "w")
"""
AWS_CLIENTS = """
import botocore.session
session = botocore.session.get_session()
for service in ("sts", "ecr", "ecr-public", "sso", "sso-oidc"):
    session.create_client(service, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
"""


class CheckFailed(AssertionError):
    """The image is not what it has to be."""


def check(image: Unpacked, variant: Variant) -> Iterator[str]:
    """Yield a line for each thing that holds. Raises CheckFailed at the first that does not."""
    yield from _files(image, variant)
    yield from _labels(image.config)
    yield from _bill(image.root, variant)
    yield from _commands(image, variant)


def _require(held: object, message: str) -> None:
    if not held:
        raise CheckFailed(message)


def _files(image: Unpacked, variant: Variant) -> Iterator[str]:
    size = size_of(variant)
    _require(size <= LIMITS[variant], f"{size} bytes are more than {LIMITS[variant]}")
    yield f"size: {size / 1e6:.1f} MB, at most {LIMITS[variant] / 1e6:.0f}"
    paths = [path for path in image.root.rglob("*") if not path.is_symlink()]
    found = [str(path) for path in paths if is_forbidden(path)]
    _require(not found, f"programs that nobody needs: {', '.join(found)}")
    yield "no shell, no package manager, no compiler"
    told = [str(image.root / name) for name in OF_THE_BUILD if (image.root / name).exists()]
    _require(not told, f"what the build was told about its machine: {', '.join(told)}")
    modes = {path: path.stat().st_mode for path in paths}
    loose = [str(p) for p, mode in modes.items() if mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IWOTH | stat.S_IWGRP)]
    _require(loose == [str(image.root / "tmp")], f"rights to write, or set-user-id: {', '.join(loose)}")
    yield "nothing can be written to but /tmp, and nothing sets user or group"
    yield f"bytecode of {_compiled(paths)} modules, whatever their times are"


def is_forbidden(path: Path) -> bool:
    """Return True for a program that the image must not have."""
    return path.parent.name in FOLDERS_OF_PROGRAMS and bool(FORBIDDEN.fullmatch(path.name))


def _compiled(paths: list[Path]) -> int:
    count = 0
    for path in paths:
        if path.suffix == ".py":
            bytecode = path.parent / "__pycache__" / f"{path.stem}.cpython-311.pyc"
            _require(bytecode.is_file(), f"{path} has no bytecode")
            flags = int.from_bytes(bytecode.read_bytes()[4:8], "little")
            _require(flags == UNCHECKED_HASH, f"{bytecode} is used only if the source's time is right")
            count += 1
    _require(count, "there is no module at all")
    return count


def _labels(config: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Iterator[str]:
    labels = config["config"]["Labels"]
    missing = [name for name in LABELS if not labels.get(f"org.opencontainers.image.{name}")]
    _require(not missing, f"labels are missing: {', '.join(missing)}")
    revision = labels["org.opencontainers.image.revision"]
    yield f"labels: version {labels['org.opencontainers.image.version']}, revision {revision[:12]}"


def _bill(root: Path, variant: Variant) -> Iterator[str]:
    """Compare the bill of materials with the lock, and with what is installed."""
    parts = json.loads((root / BILL).read_text())["components"]
    libraries = {(part["name"], part["version"]): part["hashes"] for part in parts if "hashes" in part}
    lock = (ROOT / "requirements" / f"{variant.lock}.txt").read_text()
    locked = {(name, version): text for name, version, text in LOCKED.findall(lock)}
    _require(libraries.keys() == locked.keys(), f"bill and lock differ: {sorted(libraries.keys() ^ locked.keys())}")
    strange = [part for part, (one,) in libraries.items() if f"sha256:{one['content']}" not in locked[part]]
    _require(not strange, f"the lock has no such files: {strange}")
    folders = [path.name for path in root.glob("opt/tagline/lib/python3.*/site-packages/*.dist-info")]
    _require(len(folders) == len(locked) + 1, f"{len(folders)} packages are installed: {', '.join(sorted(folders))}")
    _require(len(parts) > len(libraries), "the bill has no package of the base")
    yield f"bill: {len(libraries)} packages by hashes of the lock, {len(parts) - len(libraries)} of the base"


def _commands(image: Unpacked, variant: Variant) -> Iterator[str]:
    wanted = (*OPTIONAL, *(CLOUDS if variant is CLOUD else ()))
    _run(image, "python", "-c", AS_NOBODY)
    yield "runs as user 65534, without capabilities, on a read-only root"
    yield f"imports all its modules: {_run(image, 'python', '-c', IMPORT_ALL % (wanted,)).strip()}"
    if variant is CLOUD:
        _run(image, "python", "-c", AWS_CLIENTS)
        yield "has what clients of AWS read"
    yield from _checkout(image)
    for command, words in commands().items():
        started = time.monotonic()
        said = _run(image, *command)
        _require(words in said, f"{' '.join(command)} printed: {said[:500]}")
        yield f"{' '.join(command)}: {time.monotonic() - started:.2f} s"


def commands() -> dict[tuple[str, ...], str]:
    """Return what is run to see that it starts, each with words that it has to print: every process, and verbs."""
    found: dict[tuple[str, ...], str] = {
        ("tagline", "version", "--client"): VERSION,
        ("tagline", "preview", "--help"): "--exit-code",
        ("kubectl-tagline", "version", "--client"): VERSION,
    }
    for kind in EVERY_PROCESS:
        found["python", "-m", f"controllers.{kind.name}", "--help"] = "--log-level"
    return found


def _checkout(image: Unpacked) -> Iterator[str]:
    """Have a verb look at a checkout, for which it asks git."""
    folder = image.folder / "checkout"
    folder.mkdir()
    (folder / "web.yaml").write_text('image: web:1 # {"$imagepolicy": "apps"}\n')
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)  # git looks at nobody else's repository
    done = image.run("tagline", "lint", CHECKOUT, mounts={CHECKOUT: folder})
    _require(done.returncode == 1 and "web.yaml:1" in done.stdout, f"tagline lint: {done.stdout}{done.stderr}")
    yield "tagline lint finds what is wrong in a checkout"


def _run(image: Unpacked, *command: str) -> str:
    done = image.run(*command)
    _require(
        done.returncode == 0, f"{command[:3]} ended with {done.returncode}: {(done.stderr or done.stdout)[-1500:]}"
    )
    return done.stdout
