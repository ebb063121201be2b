"""`docs/operations.md`: the table of rights says what the roles of the manifests grant, no more and no less."""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]  # comes without type hints

from api.kinds import EVERY_PROCESS, RECEIVER, Kind
from hack.packaged import MANIFESTS

PAGE: Final = MANIFESTS.parent / "docs" / "operations.md"
COMPONENT: Final = "with the component"
IDENTITY: Final = MANIFESTS / "components" / "workload-identity" / "rbac.yaml"
AUTOMATIONS: Final = MANIFESTS / "components" / "receiver-automations" / "rbac.yaml"


def rows(kind: Kind) -> Mapping[str, str]:
    """Return the resource of each row, as a process sees it."""
    own = kind.resource.plural
    return {
        "its kind": own,
        "its kind's status": f"{own}/status",
        "ImageTagList": "imagetaglists",
        "ImageRepository": "imagerepositories",
        "ImagePolicy": "imagepolicies",
        "ImageUpdateAutomation": "imageupdateautomations",
        "GitRepository": "gitrepositories",
        "Secrets": "secrets",
        "ServiceAccounts": "serviceaccounts",
        "tokens of ServiceAccounts (`serviceaccounts/token`)": "serviceaccounts/token",
        "Namespaces": "namespaces",
        "Events": "events",
        "its Lease, in its namespace": "leases",
    }


def said(column: str) -> dict[str, str]:
    """Return the cells of a column that are not empty, by their row."""
    section = PAGE.read_text().partition("\n## Rights\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    head, _, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    at = head.index(column)
    return {cells[0]: cells[at] for cells in body if cells[at]}


def documents(*files: Path) -> list[dict[str, Any]]:
    return [one for file in files for one in yaml.safe_load_all(file.read_text())]


def verbs(found: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Return what roles allow, by resource."""
    allowed: dict[str, set[str]] = defaultdict(set)
    for rule in (rule for one in found for rule in one.get("rules", ())):
        for resource in rule["resources"]:
            allowed[resource] |= set(rule["verbs"])
    return allowed


def granted(kind: Kind) -> dict[str, set[str]]:
    if kind is RECEIVER:
        return verbs(documents(MANIFESTS / "components" / "receiver" / "rbac.yaml"))
    shared = MANIFESTS / "controller" / "leader-election.yaml"
    return verbs(documents(MANIFESTS / "rbac" / f"{kind.component}.yaml", shared))


def granted_with_component(kind: Kind) -> dict[str, set[str]]:
    found = documents(AUTOMATIONS if kind is RECEIVER else IDENTITY)
    subjects = {subject["name"] for one in found for subject in one.get("subjects", ())}
    return verbs(found) if kind.component in subjects else {}


@pytest.mark.parametrize("kind", EVERY_PROCESS, ids=lambda kind: kind.name)
def test_the_table_of_rights_is_that_of_the_roles(kind: Kind) -> None:
    always, more = granted(kind), granted_with_component(kind)
    expected = {resource: (allowed, False) for resource, allowed in always.items()}
    expected |= {resource: (allowed, True) for resource, allowed in more.items() if resource not in always}
    cells = said(kind.name)
    found = {
        rows(kind)[row]: (set(re.findall(r"\w+", cell.partition(COMPONENT)[0])), COMPONENT in cell)
        for row, cell in cells.items()
    }
    assert found == expected
