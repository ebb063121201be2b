"""Places become policies, and are held against tags."""

from collections.abc import Sequence

import pytest

from controllers.adoption.evidence import hold_against
from controllers.adoption.instructions import Instruction, matches, parse_instruction
from controllers.adoption.inventory import Inventory, take_inventory
from controllers.adoption.proposals import NO_ORDER, Plan, plan_adoption
from controllers.adoption.survey import take_survey
from controllers.documents.manifests import find_manifests

EMPTY = Inventory()


def plan(*images: str, inventory: Inventory = EMPTY, instructions: Sequence[Instruction] = ()) -> Plan:
    text = "".join(f"a{number}:\n  image: {image}\n" for number, image in enumerate(images))
    return plan_adoption(take_survey([("a.yaml", text.encode())]).occurrences, inventory, instructions=instructions)


def names(found: Plan) -> list[tuple[str, str, int]]:
    return [(one.repository_name, one.policy_name, len(one.occurrences)) for one in found.proposals]


@pytest.mark.parametrize(
    ("images", "want"),
    [
        pytest.param(["o/a:1.0.0", "o/a:1.4.2"], [("a", "a", 2)], id="one-policy"),
        pytest.param(["o/a:1.0.0", "o/a:2.0.0"], [("a", "a-1", 1), ("a", "a-2", 1)], id="two-majors"),
        pytest.param(["o/a:1.0.0", "o/a:1.0.0-alpine"], [("a", "a-1", 1), ("a", "a-1-alpine", 1)], id="variants"),
        pytest.param(["o/a:1.0.0", "p/a:1.0.0"], [("a", "a", 1), ("p-a", "p-a", 1)], id="one-name-two-images"),
        pytest.param(["nginx:1.0.0", "docker.io/library/nginx:1.0.0"],
                     [("nginx", "nginx", 1), ("library-nginx", "library-nginx", 1)], id="two-spellings"),
        pytest.param(["r.example.com:5000/A_b/c.d_e:1.0.0".lower()], [("c-d-e", "c-d-e", 1)], id="dots"),
    ],
)  # fmt: skip
def test_objects_are_shared_and_named(images: list[str], want: list[tuple[str, str, int]]) -> None:
    assert names(plan(*images)) == want


def test_a_tag_alone_joins_any_spelling() -> None:
    text = b"a:\n  image: nginx:1.0.0\nb:\n  image:\n    repository: docker.io/library/nginx\n    tag: 1.2.0\n"
    [one] = plan_adoption(take_survey([("a.yaml", text)]).occurrences, EMPTY).proposals
    assert (one.image, len(one.occurrences)) == ("nginx", 2)


def test_tags_without_an_order_are_explained() -> None:
    [occurrence] = plan("o/a:main-a1b2c3d").obstacles
    assert occurrence.obstacle == NO_ORDER.format(image="o/a")


OBJECTS = b"""\
{apiVersion: image.toolkit.fluxcd.io/v1, kind: ImageRepository, metadata: {name: mine, namespace: x},
 spec: {image: o/a}}
---
{apiVersion: image.toolkit.fluxcd.io/v1, kind: ImagePolicy, metadata: {name: old, namespace: x},
 spec: {imageRepositoryRef: {name: mine}, policy: {semver: {range: 1.x}}}}
"""


def test_objects_that_exist_are_used() -> None:
    inventory = take_inventory(find_manifests("b.yaml", OBJECTS), "x")
    found = plan("o/a:1.0.0", "o/a:2.0.0", inventory=inventory)
    assert names(found) == [("mine", "old", 1), ("mine", "mine-2", 1)]
    assert [(one.repository_exists, one.policy_exists) for one in found.proposals] == [(True, True), (True, False)]
    assert names(plan("o/a:1.0.0", inventory=take_inventory(find_manifests("b.yaml", OBJECTS), "y"))) == [("a", "a", 1)]


@pytest.mark.parametrize(
    ("glob", "image", "want"),
    [
        ("nginx", "nginx", True),
        ("nginx", "docker.io/library/nginx", True),
        ("docker.io/library/nginx", "nginx", True),
        ("docker.io/*", "nginx", True),
        ("ghcr.io/org/*", "ghcr.io/org/a/b", True),
        ("/^ghcr/", "ghcr.io/org/a", True),
        ("/(/", "nginx", False),
        ("web", "ghcr.io/org/web", False),
    ],
)
def test_globs(glob: str, image: str, want: bool) -> None:
    assert matches(glob, image) is want


def test_the_first_instruction_counts() -> None:
    first, second = parse_instruction("o/*=~1.0"), parse_instruction("*=numerical")
    [one] = plan("o/a:1.0.0", instructions=[first, second]).proposals
    assert (str(one.scheme.policy), one.reason) == ("Semver(range='~1.0')", "as --policy says")


@pytest.mark.parametrize(
    ("tag", "tags", "choice", "note"),
    [
        pytest.param("1.0.0", ["1.0.0", "1.2.0", "2.0.0"], "1.2.0", "", id="newer"),
        pytest.param("1.0.0", ["1.0.0"], "1.0.0", "", id="in-use"),
        pytest.param("1.0.0", ["1.1.0"], "1.1.0", "the registry has no tag 1.0.0", id="missing"),
        pytest.param("v1.0.0", ["v1.0.0", "1.1.0"], "v1.0.0", "", id="only-with-v"),
        pytest.param("1.0.0", ["1.0.0", "v1.1.0"], "1.0.0", "", id="only-without-v"),
    ],
)
def test_tags_are_evidence(tag: str, tags: list[str], choice: str, note: str) -> None:
    verdict = hold_against(plan(f"o/a:{tag}").proposals[0], tags)
    assert (verdict.choice, verdict.refusal) == (choice, "")
    assert any(note in one for one in verdict.proposal.notes) if note else verdict.proposal.notes == ()


@pytest.mark.parametrize(
    ("tag", "tags", "refusal"),
    [
        pytest.param("latest", ["1.0.0"], "the registry has no tag latest", id="floating-tag-is-gone"),
        pytest.param("1.0.0", ["2.0.0"], "the policy chooses none of the registry's 1 tags", id="nothing"),
        pytest.param("1.0.0", [], "the policy chooses none of the registry's 0 tags", id="no-tags"),
    ],
)
def test_proposals_that_cannot_work_are_not_made(tag: str, tags: list[str], refusal: str) -> None:
    assert hold_against(plan(f"o/a:{tag}").proposals[0], tags).refusal.startswith(refusal)


def test_what_is_not_accepted_now_is_said() -> None:
    [one] = plan("o/a:1.0.0", instructions=[parse_instruction("o/a=^2")]).proposals
    [note] = hold_against(one, None).proposal.notes
    assert note == "the policy does not accept 1.0.0, which is in use: it would be replaced at once"
