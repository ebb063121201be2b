"""`python3 -m hack.image.inside`: writes the final image's root file system. Not for a machine: it trims in place."""

import argparse
import compileall
import json
import os
import py_compile
import shutil
import sysconfig
from pathlib import Path

from hack.image.inside import dpkg, packages, sbom, system

DOCUMENTS = Path("usr/share/doc/tagline")


def main() -> None:
    """Write the root file system."""
    parser = argparse.ArgumentParser(prog="python3 -m hack.image.inside", description=__doc__)
    parser.add_argument("--environment", type=Path, required=True, help="virtual environment; changed in place")
    parser.add_argument("--report", type=Path, required=True, help="what pip wrote about what it installed")
    parser.add_argument("--to", type=Path, required=True, help="folder of the root file system; must not exist")
    args = parser.parse_args()
    args.to.mkdir()
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    rootfs = system.Rootfs(args.to)
    packages.trim(args.environment)
    system.copy_system(rootfs)
    system.link_git(rootfs)
    system.copy_interpreter(rootfs, args.environment / "bin/python")
    system.copy_libraries(rootfs, args.environment)
    known = dpkg.installed()
    present = dpkg.owners(rootfs.sources, known)
    system.copy_licences(rootfs, [package.name for package in present])
    _write_status(args.to, present)
    _write_bill(args.to, args.environment, args.report, present, epoch=epoch)
    shutil.copytree(args.environment, args.to / args.environment.relative_to("/"), symlinks=True)
    _compile(args.to)
    _normalize(args.to, epoch)


def _write_status(root: Path, present: list[dpkg.Package]) -> None:
    folder = root / "var/lib/dpkg/status.d"
    folder.mkdir(parents=True)
    for package in present:
        (folder / package.name).write_text(dpkg.stanza(package.name))


def _write_bill(root: Path, environment: Path, report: Path, present: list[dpkg.Package], *, epoch: int) -> None:
    site = packages.site_packages(environment)
    version = next(site.glob("tagline-*.dist-info")).name.removeprefix("tagline-").removesuffix(".dist-info")
    bill = sbom.bill_of_materials(
        version,
        libraries=sbom.from_report(json.loads(report.read_text())),
        base=sbom.from_packages(present, sbom.distribution(Path("/etc/os-release").read_text())),
        interpreter="" if any(package.name.startswith("python3") for package in present) else _release(),
        epoch=epoch,
    )
    target = root / DOCUMENTS / "sbom.cdx.json"
    target.parent.mkdir(parents=True)
    target.write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n")


def _release() -> str:
    return system.interpreter_release()


def _compile(root: Path) -> None:
    """Write the bytecode of every module, which is used whatever times files get when they are copied."""
    library = Path(sysconfig.get_path("stdlib")).relative_to("/")
    for folder in (root / library, root / "opt"):
        good = compileall.compile_dir(
            folder, maxlevels=30, force=True, quiet=1, stripdir=str(root), prependdir="/",
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )  # fmt: skip
        if not good:
            raise SystemExit(f"a module in {folder} does not compile")


def _normalize(root: Path, epoch: int) -> None:
    """Give every file the same time and root as its owner, and no right to write to others."""
    for path in [*root.rglob("*"), root]:
        os.chown(path, 0, 0, follow_symlinks=False)
        if path.is_file() and not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


if __name__ == "__main__":
    main()
