"""`controllers.runtime`: `kubectl wait` after edits of every kind, and server-side apply by several managers."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from e2e.cluster import API_VERSION, Space, condition, eventually
from e2e.fleet import Fleet
from e2e.objects import automation, deployment
from e2e.running import Running
from hack.controllers import KINDS, KubectlFailed
from testing.address import HOST

KIND_OF = dict(zip(KINDS, ("ImageRepository", "ImagePolicy", "ImageUpdateAutomation"), strict=True))
Json = dict[str, Any]


@dataclass(frozen=True)
class Edit:
    """An edit of a spec, and what its object shows once it was applied, and not before."""

    kind: str
    spec: Json
    is_applied: Callable[[Json], bool]


def _tag(tag: str) -> Callable[[Json], bool]:
    return lambda obj: obj["status"]["latestRef"]["tag"] == tag


EDITS = (
    Edit("ImageRepository", {"exclusionList": ["^1.0.0$"]}, lambda o: o["status"]["lastScanResult"]["tagCount"] == 1),
    Edit(
        "ImageRepository",
        {"latestTags": {"count": 1}},
        lambda o: o["status"]["lastScanResult"]["latestTags"] == ["1.0.1"],
    ),
    Edit("ImagePolicy", {"policy": {"semver": {"range": "<1.0.1"}}}, _tag("1.0.0")),
    Edit("ImagePolicy", {"filterTags": {"pattern": "0$"}}, _tag("1.0.0")),
    Edit("ImagePolicy", {"policy": {"deny": [{"tag": "1.0.1"}]}}, _tag("1.0.0")),
    Edit(
        "ImagePolicy",
        {"digestReflectionPolicy": "IfNotPresent"},
        lambda o: o["status"]["latestRef"].get("digest", "").startswith("sha256:"),
    ),
    Edit("ImageUpdateAutomation", {"update": {"path": "./more"}}, lambda o: bool(o["status"].get("lastPushCommit"))),
)
CANNOT_WORK: tuple[tuple[str, Json, str], ...] = (
    ("ImageRepository", {"image": f"{HOST}:1/Not/Valid"}, "Stalled"),
    ("ImageRepository", {"secretRef": {"name": "missing"}}, "Reconciling"),
    ("ImagePolicy", {"policy": {"semver": {"range": "one or two"}}}, "Stalled"),
    ("ImagePolicy", {"policy": {"semver": {"range": ">=9"}}}, "Reconciling"),
    ("ImageUpdateAutomation", {"update": {"path": "../up"}}, "Stalled"),
    ("ImageUpdateAutomation", {"git": {"commit": {"messageTemplate": "{{"}}}, "Reconciling"),
)


@pytest.fixture
def quiet(fleet: Fleet) -> Fleet:
    """Return a fleet whose automation has nothing to do where it looks."""
    text = deployment(f"{fleet.image}:1.0.0", fleet.marker)
    fleet.repository.commit({"more/app.yaml": text, "quiet/README.md": "nothing here\n"}, "More")
    automation(fleet.space, "app", source="fleet", path="./quiet")
    fleet.space.wait_ready("ImageUpdateAutomation", "app")
    return fleet


@pytest.fixture
def halted(any_controllers: Running) -> Iterator[Running]:
    """Yield the controllers for a test that stops some of them."""
    yield any_controllers
    if missing := [kind for kind in KINDS if kind not in any_controllers.incarnations()]:
        any_controllers.start(*missing)


def wait(space: Space, kind: str, *conditions: str, seconds: float = 30) -> bool:
    """Run `kubectl wait`; return whether it has seen the conditions."""
    wanted = [f"--for={one}" for one in conditions or ("condition=Ready",)]
    done = space.kubectl("wait", f"{kind}/app", "-n", space.name, *wanted, f"--timeout={seconds}s", check=False)
    assert not done.returncode or "timed out" in done.stderr, done.stderr
    return done.returncode == 0


def test_wait_returns_when_an_edit_was_applied(quiet: Fleet) -> None:
    space = quiet.space
    for edit in EDITS:
        before = space.get(edit.kind, "app")
        assert not edit.is_applied(before), edit.spec
        space.patch(edit.kind, "app", edit.spec)
        assert wait(space, edit.kind), edit.spec
        assert edit.is_applied(space.get(edit.kind, "app")), edit.spec
        _undo(space, edit.kind, edit.spec, before)


def _undo(space: Space, kind: str, spec: Json, before: Json) -> None:
    """Give the fields of an edit the values back that they had."""
    former = json.loads(json.dumps(before["spec"]))
    for name, value in spec.items():
        held = former.get(name)
        if isinstance(held, dict):
            former[name] = dict.fromkeys(value) | held  # a merge patch removes what is null
    space.patch(kind, "app", {name: former.get(name) for name in spec})
    assert wait(space, kind), f"{spec} and back"


def test_wait_does_not_take_the_ready_of_a_former_generation(quiet: Fleet, halted: Running) -> None:
    space, kinds = quiet.space, list(KIND_OF)
    halted.stop(*kinds)
    edits = {edit.kind: edit for edit in EDITS}
    for kind, edit in edits.items():
        space.patch(kind, "app", edit.spec)
        assert condition(space.get(kind, "app"), "Ready")["status"] == "True", "it is of the former generation"
        assert not wait(space, kind, seconds=1), f"kubectl wait believes an old {kind}"
    halted.start(*kinds)
    for kind, edit in edits.items():
        assert wait(space, kind)
        # Not at once: until the policy has chosen by its new spec, the automation is Ready with nothing to write.
        eventually(lambda kind=kind, edit=edit: edit.is_applied(space.get(kind, "app")), what=f"{edit.spec} in {kind}")  # type: ignore[misc]


def test_wait_sees_edits_that_cannot_work(quiet: Fleet) -> None:
    space = quiet.space
    for kind, spec, beside in CANNOT_WORK:
        before = space.get(kind, "app")
        space.patch(kind, "app", spec)
        assert wait(space, kind, "condition=Ready=false"), spec
        assert wait(space, kind, f"condition={beside}"), spec
        assert not wait(space, kind, seconds=1), spec
        _undo(space, kind, spec, before)


def test_wait_for_a_value_of_the_status(quiet: Fleet) -> None:
    quiet.push_tag("1.2.0")
    assert wait(quiet.space, "ImagePolicy", "jsonpath={.status.latestRef.tag}=1.2.0")
    assert wait(quiet.space, "ImagePolicy", "condition=Ready")


def apply_as(space: Space, manager: str, kind: str, spec: Json, *flags: str) -> None:
    """Apply server-side what a manager wants of an object. Raises KubectlFailed."""
    document = {
        "apiVersion": API_VERSION[kind],
        "kind": kind,
        "metadata": {"name": "app", "namespace": space.name},
        "spec": spec,
    }
    space.kubectl("apply", "--server-side", f"--field-manager={manager}", *flags, "-f", "-", stdin=json.dumps(document))


def managed(space: Space, kind: str) -> list[Json]:
    """Return who owns which fields of an object."""
    done = space.kubectl("get", kind, "app", "-n", space.name, "-o", "json", "--show-managed-fields")
    entries: list[Json] = json.loads(done.stdout)["metadata"]["managedFields"]
    return entries


SHARED: list[tuple[str, Json, Json, str]] = [
    ("ImageRepository", {"image": "", "interval": "1h"}, {"timeout": "30s"}, "interval"),
    (
        "ImagePolicy",
        {"imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": ">=1.0.0"}}},
        {"filterTags": {"pattern": "^1"}},
        "policy",
    ),
    (
        "ImageUpdateAutomation",
        {
            "interval": "1h",
            "sourceRef": {"kind": "GitRepository", "name": "fleet"},
            "git": {"commit": {"author": {"email": "bot@example.com"}}},
        },
        {"policySelector": {"matchLabels": {"team": "none"}}},
        "interval",
    ),
]


@pytest.mark.parametrize(("kind", "owners", "others", "shared"), [pytest.param(*row, id=row[0]) for row in SHARED])
def test_fields_of_several_managers_stay_theirs(
    fleet: Fleet, kind: str, owners: Json, others: Json, shared: str
) -> None:
    space = fleet.space
    owners = owners | ({"image": fleet.image} if "image" in owners else {})
    if kind != "ImageUpdateAutomation":  # those of the fleet were applied by somebody else
        space.delete(kind, "app")
    apply_as(space, "team", kind, owners)
    space.wait_ready(kind, "app")
    # Whoever applies names what the schema requires; with the same values that is no conflict.
    apply_as(space, "platform", kind, owners | others)
    space.wait_ready(kind, "app")
    space.request_and_wait(kind, "app")

    spec = space.get(kind, "app")["spec"]
    assert spec.items() >= others.items(), "what another manager wants is still there after our runs"
    assert spec[shared] == owners[shared]
    apply_as(space, "team", kind, owners)  # our writes are no conflict
    with pytest.raises(KubectlFailed, match=r'conflict.* with "platform"'):
        apply_as(space, "team", kind, owners | _changed(others))
    (ours,) = (entry for entry in managed(space, kind) if re.search("image-.*-controller", entry["manager"]))
    assert (ours["subresource"], list(ours["fieldsV1"])) == ("status", ["f:status"])

    apply_as(space, "platform", kind, owners)
    assert not set(others) & set(space.get(kind, "app")["spec"]), "what nobody wants any more is gone"
    space.wait_ready(kind, "app")


def _changed(fields: Json) -> Json:
    """Return other values for the same fields."""
    texts = {"30s": "40s", "^1": "^2", "none": "other"}
    return json.loads(re.sub("|".join(map(re.escape, texts)), lambda found: texts[found[0]], json.dumps(fields)))  # type: ignore[no-any-return]
