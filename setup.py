"""Leave the tests beside the modules out of the wheel; everything else about the package is in setup.cfg.

setup.cfg can leave out packages, but no modules inside packages.
"""

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildProduct(build_py):
    """Build without tests and their fixtures."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        modules = super().find_package_modules(package, package_dir)
        return [module for module in modules if not (module[1] == "conftest" or module[1].endswith("_test"))]


setup(cmdclass={"build_py": BuildProduct})
