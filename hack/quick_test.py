"""Which tests a change selects."""

import pytest

from hack.quick import select_tests

SOURCES = {
    "api/meta.py": "",
    "controllers/semver/version.py": "import re",
    "controllers/semver/version_test.py": "from controllers.semver.version import parse",
    "controllers/semver/constraint_test.py": "from controllers.semver import constraint",
    "controllers/policy/__init__.py": "from controllers.policy.choose import select",
    "controllers/policy/choose.py": "from controllers.semver.version import parse",
    "controllers/policy/choose_test.py": "from controllers.policy.choose import select",
    "controllers/policy/keys_test.py": "from controllers.policy import keys",
    "cli/policy.py": "from controllers.policy import select",
    "cli/policy_test.py": "from cli import policy",
    "cli/main_test.py": "from cli import main",
    "hack/docs_test.py": "import re",
    "hack/crds/files_test.py": "import re",
    "e2e/policy_test.py": "from controllers.policy.choose import select",
}
SEMVER = {"controllers/semver/version_test.py", "controllers/semver/constraint_test.py"}
POLICY = {"controllers/policy/choose_test.py", "controllers/policy/keys_test.py"}


@pytest.mark.parametrize(
    ("changed", "selected"),
    [
        pytest.param([], set(), id="nothing"),
        pytest.param(
            ["controllers/semver/version.py"],
            SEMVER | {"controllers/policy/choose_test.py"},
            id="room-and-tests-by-way-of-one-module",
        ),
        pytest.param(["controllers/policy/choose.py"], POLICY | {"cli/policy_test.py"}, id="what-its-package-offers"),
        pytest.param(["controllers/semver/version_test.py"], SEMVER, id="test"),
        pytest.param(["controllers/policy/data.json"], POLICY, id="file-beside"),
        pytest.param(["docs/guide.md"], {"hack/docs_test.py"}, id="page"),
        pytest.param(["README.md"], {"hack/docs_test.py"}, id="file-of-the-root"),
        pytest.param(["manifests/rbac/edit.yaml"], {"hack/crds/files_test.py"}, id="manifest"),
        pytest.param(["e2e/policy_test.py"], set(), id="end-to-end"),
        pytest.param(["api/meta.py", "setup.cfg"], set(SOURCES), id="everything"),
    ],
)
def test_selection(changed: list[str], selected: set[str]) -> None:
    assert set(select_tests(changed, SOURCES)) == selected
