"""`controllers.adoption`: what adoption writes works at once, changes nothing else, and is all that there is to do."""

import json
import re
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from controllers import setters
from controllers.adoption.inventory import Inventory, take_inventory
from controllers.adoption.objects import AutomationOptions, render_objects
from controllers.adoption.proposals import plan_adoption
from controllers.adoption.survey import Adoption, take_survey, write_markers
from controllers.adoption.targets import without_named
from controllers.documents.manifests import find_manifests
from controllers.image.ref import ImageRef
from controllers.image.setter import parse_setter
from controllers.update.targets import to_targets

NAMESPACE = "apps"
OPTIONS = AutomationOptions(NAMESPACE, "images", "fleet", "", "main", "a@example.com", "")
MARKER = re.compile(rb' # \{"\$imagepolicy": "[^"\n]*"\}')

names = st.sampled_from(
    ["nginx", "ghcr.io/org/web", "registry.example.com:5000/a/b-c", "docker.io/library/nginx", "quay.io/x"]
)
tags = st.sampled_from(
    ["1.4.2", "v1.2.3", "1.25-alpine", "main-a1b2c3d-1700000000", "2024.01.31", "20240131", "0.1.0", "1.2.3-rc.1", "7"]
) | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
digests = st.sampled_from(["", "", "@sha256:" + "0a" * 32])
quotes = st.sampled_from(["", "'", '"'])
tails = st.sampled_from(["", "", "  ", " # a comment", "\t"])
breaks = st.sampled_from(["\n", "\r\n"])

FORMS: Sequence[str] = (
    (
        "kind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n      - name: x\n        # above\n"
        "        image: {q}{name}:{tag}{digest}{q}{tail}\n"
    ),
    "image:\n  repository: {name}\n  tag: {q}{tag}{q}{tail}\n",
    "a:\n  imageRepository: {q}{name}{q}\n  imageTag: {q}{tag}{q}{tail}\nb: ü\n",
    "images:\n- name: x\n  newName: {name}\n  newTag: {q}{tag}{q}{tail}\n",
    "kind: CronTab\nspec:\n  image: {q}{name}:{tag}{digest}{q}{tail}\n  list: [1, 2]\n",
    "image: {{repository: {name}, tag: {q}{tag}{q}}}{tail}\n",
    "image: {{\n  repository: {name},\n  tag: {q}{tag}{q},{tail}\n  x: y }}\n",
    "services:\n  web:\n    image: {q}{name}:{tag}{digest}{q}{tail}\n",
    "kind: List\nitems:\n- kind: Pod\n  spec: {{image: {name}:{tag}}}\nimage: {name}:{tag}\n",
    "- image: {name}:{tag}\n",
    "%YAML 1.1\n---\nimage: {name}:{tag}\n",
    "image: &a {name}:{tag}{tail}\nbaseImage: *a\n",
    "image: |\n  {name}:{tag}\n",
    "image:\n  {name}:{tag}{tail}\n",
)
documents = st.builds(
    lambda form, **parts: form.format(**parts),
    st.sampled_from(FORMS),
    name=names,
    tag=tags,
    digest=digests,
    q=quotes,
    tail=tails,
)


@st.composite
def repositories(draw: st.DrawFn) -> dict[str, bytes]:
    files = {}
    for number in range(draw(st.integers(1, 4))):
        text = "---\n".join(draw(st.lists(documents, min_size=1, max_size=3)))
        bom = draw(st.sampled_from(["", "", "\ufeff"]))
        files[f"{number}.yaml"] = (bom + text.replace("\n", draw(breaks))).encode()
    return files


def adopt(files: dict[str, bytes]) -> tuple[Adoption, str]:
    survey = take_survey(files.items())
    inventory: Inventory = take_inventory(survey.manifests, NAMESPACE)
    adoption = write_markers(survey.contents, plan_adoption(survey.occurrences, inventory).proposals, NAMESPACE)
    automation = bool(adoption.proposals) and not inventory.automations
    return adoption, render_objects(adoption.proposals, OPTIONS, automation=automation)


@settings(max_examples=150, deadline=None)
@given(repositories())
def test_adoption_works_at_once(files: dict[str, bytes]) -> None:
    adoption, objects = adopt(files)
    written = files | dict(adoption.edits)

    for path, data in adoption.edits.items():
        assert MARKER.sub(b"", data) == MARKER.sub(b"", files[path]), "bytes other than markers changed"

    policies = {
        f"{NAMESPACE}:{one.object.metadata.name}"
        for one in find_manifests("objects.yaml", objects.encode())
        if one.kind == "ImagePolicy" and one.object
    }
    named = {
        parse_setter(marker.setter).policy_key
        for data in adoption.edits.values()
        for marker in setters.find_markers(data).markers
    }
    assert named == policies

    refs: dict[str, ImageRef] = {}
    for proposal in adoption.proposals:
        occurrence = proposal.occurrences[0]
        key = f"{NAMESPACE}:{proposal.policy_name}"
        refs[key] = ImageRef(proposal.image, occurrence.tag, occurrence.digest)
        same = [p for p in proposal.occurrences if (p.tag, p.digest) == (occurrence.tag, occurrence.digest)]
        if len(same) == len(proposal.occurrences) and occurrence.tag:
            update = setters.update(adoption.edits.items(), {key: refs[key]})
            assert dict(update.edits) == {}, "the tag in use is written again"

    everything = setters.update(written.items(), refs)
    assert everything.findings == ()

    again, more = adopt(written | {"objects.yaml": objects.encode()})
    assert again.proposals == ()
    assert dict(again.edits) == {}
    assert more == ""


json_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=4) | st.builds("{}:{}".format, names, tags),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "image", "a.b", "it's", "~/", "spec", "é"]), inner, max_size=4)
        | st.fixed_dictionaries({"repository": names, "tag": tags})
    ),
)


@settings(deadline=None)
@given(json_values, st.sampled_from([None, 2, "\t"]), st.booleans())
def test_targets_for_json_write_the_places_that_were_found_and_nothing_else(
    value: object, indent: int | str | None, is_ascii: bool
) -> None:
    data = json.dumps(value, indent=indent, ensure_ascii=is_ascii).encode()
    survey = take_survey([("a.json", data)])
    plan = plan_adoption(survey.occurrences, Inventory())
    adoption = write_markers(survey.contents, plan.proposals, NAMESPACE)
    assert not adoption.edits
    automation = render_objects(adoption.proposals, OPTIONS, automation=True, targets=adoption.targets)
    (written,) = take_inventory(find_manifests("objects.yaml", automation.encode()), NAMESPACE).automations
    targets = to_targets(written)
    images = {f"{NAMESPACE}:{one.policy_name}": ImageRef(one.image, "9.9.9") for one in adoption.proposals}
    made = setters.update([("a.json", data)], images, targets=targets)
    assert not [finding for finding in made.findings if finding.reason is not setters.FindingReason.NO_DIGEST]
    after = json.loads(made.edits["a.json"].data if made.edits else data)
    changes = [(change.old_value, change.new_value) for result in made.result for change in result.changes]
    assert sorted(_differing(value, after)) == sorted(changes)
    again = take_survey([("a.json", data)])
    assert without_named(again.occurrences, again.contents, [written], "") == [
        one for one in again.occurrences if not any((s.line, s.column) in _named(adoption) for s in one.slots)
    ]


def _differing(old: object, new: object) -> list[tuple[str, str]]:
    """Return the texts in which two values of JSON differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        assert list(old) == list(new)
        return [pair for key in old for pair in _differing(old[key], new[key])]
    if isinstance(old, list) and isinstance(new, list):
        return [pair for pairs in map(_differing, old, new) for pair in pairs]
    return [] if old == new else [(str(old), str(new))]


def _named(adoption: Adoption) -> set[tuple[int, int]]:
    occurrences = (one for proposal in adoption.proposals for one in proposal.occurrences)
    return {(slot.line, slot.column) for occurrence in occurrences for slot in occurrence.slots}
