"""What other tools were told, and what of it is carried over."""

import pytest

from controllers.adoption.inventory import Inventory
from controllers.adoption.objects import AutomationOptions, describe_policy, render_objects
from controllers.adoption.origins.carrying import Carried
from controllers.adoption.origins.tools import TOOLS, read_tool
from controllers.adoption.proposals import Plan, plan_adoption
from controllers.adoption.survey import take_survey

DEPLOYMENT = """\
kind: Deployment
metadata:
  name: {name}
  {field}:
    keel.sh/policy: "{policy}"
    {more}
spec:
  template:
    spec:
      containers:
      - name: a
        image: {image}
"""


def carry(tool: str, files: dict[str, str]) -> tuple[Plan, Carried]:
    contents = {path: text.encode() for path, text in files.items()}
    carried = read_tool(tool, contents.items())
    survey = take_survey((path, data) for path, data in contents.items() if path.endswith(".yaml"))
    return plan_adoption(survey.occurrences, Inventory(), instructions=carried.instructions), carried


def policies(plan: Plan) -> dict[str, str]:
    return {proposal.image: " ".join(describe_policy(proposal)) for proposal in plan.proposals}


def objects(plan: Plan) -> str:
    return render_objects(plan.proposals, AutomationOptions("a", "b", "c", "", "d", "e", ""), automation=False)


@pytest.mark.parametrize(
    ("policy", "tag", "want"),
    [
        pytest.param("patch", "1.4.2", "semver ~1.4", id="patch"),
        pytest.param("minor", "1.4.2", "semver ^1", id="minor"),
        pytest.param("major", "1.4.2", "semver >=1.0.0", id="major"),
        pytest.param("all", "1.4.2", "semver >=1.0.0", id="all"),
        pytest.param("force", "main-a1b2c3d", "newest by FirstSeen", id="force"),
        pytest.param("glob:build-*", "build-7", r"newest by FirstSeen of tags ^build\-.*$", id="glob"),
        pytest.param("regexp:^v[0-9]+$", "v7", "newest by FirstSeen of tags ^v[0-9]+$", id="regexp"),
        pytest.param("never", "1.4.2", None, id="never"),
    ],
)
@pytest.mark.parametrize("field", ["annotations", "labels"])
def test_keel_policies(policy: str, tag: str, want: str | None, field: str) -> None:
    text = DEPLOYMENT.format(name="web", field=field, policy=policy, more="x: y", image=f"o/web:{tag}")
    plan, carried = carry("keel", {"a.yaml": text})
    assert policies(plan) == ({"o/web": want} if want else {})
    assert [note.message for note in carried.notes] == [
        "images that keel was not told about are left out; --policy adds some"
    ]


def test_keel_is_about_one_object_of_a_file() -> None:
    one = DEPLOYMENT.format(name="a", field="annotations", policy="patch", more="x: y", image="o/a:1.4.2")
    two = DEPLOYMENT.format(name="b", field="annotations", policy="major", more="x: y", image="o/b:1.4.2")
    three = "kind: Deployment\nmetadata: {name: c}\nspec: {containers: [{name: c,\n image: o/c:1\n}]}\n"
    plan, _ = carry("keel", {"a.yaml": f"{one}---\n{two}---\n{three}"})
    assert policies(plan) == {"o/a": "semver ~1.4", "o/b": "semver >=1.0.0"}


def test_keel_forces_a_tag_by_its_digest() -> None:
    text = DEPLOYMENT.format(
        name="a", field="annotations", policy="force", more='keel.sh/match-tag: "true"', image="o/a:stable-1"
    )
    plan, _ = carry("keel", {"a.yaml": text})
    assert policies(plan) == {"o/a": "digest of tags ^stable-1$"}


def test_what_keel_says_besides() -> None:
    more = 'keel.sh/pollSchedule: "@every 7m"\n    keel.sh/approvals: "2"\n    keel.sh/imagePullSecret: reg'
    text = DEPLOYMENT.format(name="a", field="annotations", policy="minor", more=more, image="o/a:1.0.0")
    plan, carried = carry("keel", {"a.yaml": text})
    assert "  interval: 7m\n  secretRef:\n    name: reg\n" in objects(plan)
    first = carried.notes[0]
    assert (first.line, first.message.partition(" is ")[0]) == (7, "keel.sh/approvals")
    _, carried = carry("keel", {"a.yaml": text.replace("@every 7m", "0 3 * * *").replace("minor", "weekly")})
    assert {note.message.partition(" is ")[0] for note in carried.notes[:3]} == {
        "keel.sh/approvals", "pollSchedule '0 3 * * *'", "the policy 'weekly'"}  # fmt: skip


def test_keel_in_helm_values() -> None:
    text = "image:\n  repository: o/a\n  tag: 1.4.2\nkeel:\n  policy: patch\n  matchTag: true\n"
    assert policies(carry("keel", {"values.yaml": text})[0]) == {"o/a": "semver ~1.4"}


APPLICATION = """\
kind: Application
metadata:
  name: x
  annotations:
    argocd-image-updater.argoproj.io/image-list: {images}
{settings}spec:
  source:
    helm:
      valuesObject:
        web: {{image: {image},
          x: y}}
"""
PREFIX = "    argocd-image-updater.argoproj.io/"


@pytest.mark.parametrize(
    ("images", "settings", "image", "want"),
    [
        pytest.param("w=o/w:~1.4", {}, "o/w:1.4.2", "semver ~1.4", id="constraint"),
        pytest.param("o/w", {}, "o/w:1.4.2", "semver >=0.0.0", id="no-constraint"),
        pytest.param("w=o/w:1.x", {"w.allow-tags": "'regexp:^1[.]'"}, "o/w:1.4.2", "semver 1.x of tags ^1[.]", id="a"),
        pytest.param("w=o/w", {"w.update-strategy": "newest-build"}, "o/w:main", "newest by BuildDate", id="newest"),
        pytest.param("w=o/w", {"w.update-strategy": "latest"}, "o/w:main", "newest by BuildDate", id="old-name"),
        pytest.param("w=o/w", {"w.update-strategy": "name"}, "o/w:a1", "alphabetical asc", id="alphabetical"),
        pytest.param("w=o/w:main", {"w.update-strategy": "digest"}, "o/w:main", "digest of tags ^main$", id="digest"),
        pytest.param("w=o/w", {"update-strategy": "alphabetical"}, "o/w:a1", "alphabetical asc", id="for-all"),
    ],
)  # fmt: skip
def test_annotations_of_argo_cd(images: str, settings: dict[str, str], image: str, want: str) -> None:
    lines = "".join(f"{PREFIX}{name}: {value}\n" for name, value in settings.items())
    plan, _ = carry("argocd-image-updater", {"a.yaml": APPLICATION.format(images=images, settings=lines, image=image)})
    assert policies(plan) == {"o/w": want}


def test_what_argo_cd_says_besides() -> None:
    settings = "".join(
        f"{PREFIX}{line}\n"
        for line in (
            "w.ignore-tags: latest, *-dev",
            "w.platforms: linux/arm64",
            "w.pull-secret: pullsecret:argocd/reg",
            "w.helm.image-tag: image.tag",
            "write-back-method: git",
        )
    )
    text = APPLICATION.format(images="w=o/w", settings=settings, image="o/w:1.0.0")
    plan, carried = carry("argocd-image-updater", {"a.yaml": text})
    written = objects(plan)
    assert "    - pattern: ^latest$\n    - pattern: ^.*\\-dev$\n" in written
    assert "    platforms:\n    - linux/arm64\n" in written
    assert "    name: reg\n" in written
    assert [note.message.partition(" is ")[0] for note in carried.notes][:2] == [
        "w.helm.image-tag",
        "write-back-method",
    ]


def test_image_updater_objects() -> None:
    text = """\
apiVersion: argocd-image-updater.argoproj.io/v1alpha1
kind: ImageUpdater
metadata: {name: u}
spec:
  commonUpdateSettings: {updateStrategy: alphabetical}
  writeBackConfig: {method: git}
  applicationRefs:
  - namePattern: "*"
    images:
    - alias: w
      imageName: o/w:~1.4
      commonUpdateSettings: {updateStrategy: semver, ignoreTags: [1.4.9]}
    - alias: x
      imageName: o/x
"""
    app = "image: o/w:1.4.2\nb:\n  image: o/x:a1\nc:\n  image: o/other:1.0.0\n"
    plan, carried = carry("argocd-image-updater", {"u.yaml": text, "app.yaml": app})
    assert policies(plan) == {"o/w": "semver ~1.4", "o/x": "alphabetical asc"}
    assert "    - pattern: ^1\\.4\\.9$\n" in objects(plan)
    assert carried.notes[0].message.startswith("writeBackConfig is not carried over")


def renovate(rules: str) -> tuple[Plan, Carried]:
    config = f"{{ // ours\n packageRules: [ {rules} ],\n}}"
    return carry("renovate", {"renovate.json5": config, "app.yaml": "image: o/w:1.4.2\n"})


@pytest.mark.parametrize(
    ("rules", "want"),
    [
        pytest.param("", {"o/w": "semver ^1"}, id="nothing"),
        pytest.param("{matchPackageNames: ['o/w'], allowedVersions: '<1.9'}", {"o/w": "semver <1.9"}, id="range"),
        pytest.param("{matchPackageNames: ['o/w'], enabled: false}", {}, id="disabled"),
        pytest.param("{matchPackageNames: ['/^o/'], enabled: false}", {}, id="pattern"),
        pytest.param("{matchPackageNames: ['o/**'], enabled: false}", {}, id="glob"),
        pytest.param("{matchDatasources: ['docker'], matchUpdateTypes: ['major', 'minor'], enabled: false}",
                     {"o/w": "semver ~1.4"}, id="update-types"),
        pytest.param("{matchManagers: ['npm'], enabled: false}", {"o/w": "semver ^1"}, id="other-manager"),
        pytest.param("{matchDatasources: ['npm'], enabled: false}", {"o/w": "semver ^1"}, id="other-source"),
        pytest.param("{matchDepNames: ['o/w'], enabled: false}, {matchDepNames: ['o/w'], allowedVersions: '<2'}",
                     {"o/w": "semver <2"}, id="the-last-rule-counts"),
        pytest.param(r"{matchDepNames: ['o/w'], versioning: 'regex:^(?<major>\d+)\.(?<minor>\d+)\.(?<patch>\d+)$'}",
                     {"o/w": r"semver >=0.0.0 of tags ^(?P<major>\d+)\.(?P<minor>\d+)\.(?P<patch>\d+)$"},
                     id="versioning"),
        pytest.param("{matchPackageNames: ['o/w'], allowedVersions: '>=2'}", {}, id="not-accepted-now"),
    ],
)  # fmt: skip
def test_rules_of_renovate(rules: str, want: dict[str, str]) -> None:
    assert policies(renovate(rules)[0]) == want


def test_what_renovate_says_besides() -> None:
    rule = (
        "matchDepNames: ['o/w'], allowedVersions: '<2', minimumReleaseAge: '3 days', schedule: ['x'], automerge: true"
    )
    plan, carried = renovate(f"{{{rule}}}")
    assert "    minAge: 72h\n" in objects(plan)
    assert sorted(note.message.partition(" is ")[0] for note in carried.notes) == ["automerge", "schedule"]


def test_other_files_of_renovate() -> None:
    app = "image: o/w:1.4.2\n"
    package = '{"name": "x", "renovate": {"ignoreDeps": ["o/w"], "extends": ["config:recommended"]}}'
    plan, carried = carry("renovate", {"package.json": package, "app.yaml": app})
    assert policies(plan) == {}
    assert [note.message.partition(" is ")[0] for note in carried.notes] == ["extends"]
    assert policies(carry("renovate", {"sub/renovate.json": '{"ignoreDeps": ["o/w"]}', "app.yaml": app})[0]) != {}


@pytest.mark.parametrize(
    ("tool", "file", "text"),
    [
        ("keel", "a.yaml", DEPLOYMENT.format(name="a", field="labels", policy="regexp:(", more="x: y", image="o/a:1")),
        ("argocd-image-updater", "a.yaml", APPLICATION.format(images="o/w:^^", settings="", image="o/w:1.0.0")),
        ("renovate", "renovate.json", '{"packageRules": [{"matchPackageNames": ["o/w"], "allowedVersions": "/(/"}]}'),
    ],
)
def test_invalid_rules_make_no_policy(tool: str, file: str, text: str) -> None:
    _, carried = carry(tool, {file: text, "app.yaml": "image: o/w:1.0.0\n"})
    assert any("not carried over: " in note.message for note in carried.notes)


@pytest.mark.parametrize("tool", TOOLS)
def test_broken_files_are_noted(tool: str) -> None:
    files = {"a.yaml": b"keel.sh/: [\nargocd-image-updater.argoproj.io/: [", "renovate.json": b"{"}
    assert any("left out, for it cannot be read" in note.message for note in read_tool(tool, files.items()).notes)
