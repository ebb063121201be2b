"""What an interpreter needs around it: its standard library, shared libraries, certificates, time zones, a user.

Everything is copied from the base to where it was there, and nothing else is: no shell, no package manager, no tool.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from hack.image.inside.packages import binaries

LIBRARY_FOLDERS_OF_NOBODY = frozenset(
    {"__pycache__", "curses", "dist-packages", "distutils", "ensurepip", "idlelib", "lib2to3", "pydoc_data",
     "site-packages", "test", "tests", "tkinter", "turtledemo", "venv"}
)  # fmt: skip
"""Folders of the standard library that nothing imports at run time."""
LIBRARY_FILES_OF_NOBODY = ("sitecustomize.py", "turtle.py", "LICENSE.txt", "EXTERNALLY-MANAGED")
MODULES_OF_NOBODY = re.compile(
    r"^(_test\w*|_xx\w*|xx\w*|_ctypes_test|_curses\w*|_dbm|_gdbm|_tkinter|nis|ossaudiodev|readline)\."
)
"""Compiled modules of the standard library that only tests, terminals and old databases need."""
FOLDERS = ("/etc/ssl/certs", "/usr/share/ca-certificates", "/usr/share/zoneinfo")
FILES = ("/etc/ssl/openssl.cnf", "/etc/debian_version", "/etc/ca-certificates.conf")
LINKS = (
    "/usr/lib/ssl/certs",
    "/usr/lib/ssl/openssl.cnf",
    "/etc/os-release",
    "/var/run",
    "/bin",
    "/lib",
    "/lib64",
    "/sbin",
)
PROGRAMS = ("/usr/bin/git",)
"""What the verbs that look at a checkout ask; git alone has all that works on local files."""
ZONES_OF_NOBODY = ("right", "posix")
"""Copies of the zones, with leap seconds and without."""
ETC = {
    "passwd": "root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


class Rootfs:
    """A root file system under construction; remembers which files of the base it has."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sources: set[str] = set()
        """Of the base, as absolute paths with links resolved."""

    def copy(self, path: Path) -> None:
        """Copy a file, a link with all that it leads to, or a folder."""
        path = path.parent.resolve() / path.name  # never through a link of the base: it may lead out of our root
        target = self.root / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            if not target.is_symlink():
                target.symlink_to(path.readlink())
                aim = path.parent / path.readlink()
                if aim.is_file():
                    self.copy(aim)
        elif path.is_dir():
            target.mkdir(exist_ok=True)
            for entry in path.iterdir():
                self.copy(entry)
        elif not target.exists():
            shutil.copyfile(path, target)
            target.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
            self.sources.add(str(path))


def copy_system(rootfs: Rootfs) -> None:
    """Copy what is around the interpreter, and write the files of `/etc`."""
    for link in map(Path, LINKS):
        if link.is_symlink():
            rootfs.copy(link)
            if link.is_dir():
                (rootfs.root / link.resolve().relative_to("/")).mkdir(parents=True, exist_ok=True)
    for name in (*FOLDERS, *FILES, *PROGRAMS):
        if Path(name).exists():
            rootfs.copy(Path(name))
    for zone in ZONES_OF_NOBODY:
        shutil.rmtree(rootfs.root / "usr/share/zoneinfo" / zone, ignore_errors=True)
    (rootfs.root / "etc").mkdir(exist_ok=True)
    for name, content in ETC.items():
        (rootfs.root / "etc" / name).write_text(content)
    for name, mode in {"tmp": 0o1777, "proc": 0o555, "sys": 0o555, "dev": 0o755, "run": 0o755}.items():
        (rootfs.root / name).mkdir(exist_ok=True)
        (rootfs.root / name).chmod(mode)


def link_git(rootfs: Rootfs) -> None:
    """Put git where it looks for its own commands."""
    folder = rootfs.root / "usr/lib/git-core"
    folder.mkdir(parents=True)
    (folder / "git").symlink_to("../../bin/git")


def copy_interpreter(rootfs: Rootfs, python: Path) -> None:
    """Copy the interpreter that a virtual environment's `python` leads to, and its standard library."""
    interpreter = python
    while interpreter.is_symlink() and interpreter.parent == python.parent:
        interpreter = interpreter.parent / interpreter.readlink()
    rootfs.copy(interpreter)
    library = Path(sysconfig.get_path("stdlib"))
    for path in library.iterdir():
        if path.name == "lib-dynload":
            for module in path.iterdir():
                if not MODULES_OF_NOBODY.match(module.name):
                    rootfs.copy(module)
        elif path.name not in LIBRARY_FILES_OF_NOBODY and not (
            path.is_dir() and (path.name in LIBRARY_FOLDERS_OF_NOBODY or path.name.startswith("config-"))
        ):
            rootfs.copy(path)
    target = rootfs.root / library.relative_to("/")
    for folder in [
        path for path in target.rglob("*") if path.is_dir() and path.name in {"__pycache__", "test", "tests"}
    ]:
        shutil.rmtree(folder)


def copy_libraries(rootfs: Rootfs, *elsewhere: Path) -> None:
    """Copy the shared libraries that compiled files in the root and in folders `elsewhere` need. Raises SystemExit."""
    compiled = [str(path) for folder in (rootfs.root, *elsewhere) for path in binaries(folder)]
    linked = subprocess.run(["ldd", *compiled], capture_output=True, text=True, check=False).stdout
    if missing := sorted(set(re.findall(r"(\S+) => not found", linked))):
        raise SystemExit(f"the base lacks libraries: {', '.join(missing)}")
    inside = tuple(str(folder) for folder in (rootfs.root, *elsewhere))
    libraries = sorted(set(re.findall(r"(?:=> |^\s+)(/\S+) \(", linked, re.MULTILINE)))
    folders = set()
    for library in map(Path, libraries):
        if not str(library).startswith(inside):
            rootfs.copy(library)
            folders.add(str(library.parent.resolve()))
    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    subprocess.run([ldconfig, "-X", "-r", str(rootfs.root), *sorted(folders)], check=True)
    shutil.rmtree(rootfs.root / "var/cache", ignore_errors=True)


def interpreter_release() -> str:
    """Return the interpreter's version."""
    return sys.version.split()[0]


def copy_licences(rootfs: Rootfs, names: Iterable[str]) -> None:
    """Copy the terms of the packages that files are from."""
    for name in names:
        terms = Path("/usr/share/doc") / name / "copyright"
        if terms.exists():
            rootfs.copy(terms)
