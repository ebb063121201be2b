"""`controllers.lint`: what is found about targets without markers and about policies of other namespaces."""

from collections.abc import Mapping

import pytest

from controllers.lint.lint import lint
from controllers.lint.lint_test import APP, AUTOMATION, OBJECTS, POLICY, REPOSITORY
from controllers.lint.rules import LintFinding

VALUES = '{"image": {"tag": "1.0.0"}, "list": ["1", "2"]}\n'


def find(files: Mapping[str, str], *, flux: bool = False) -> list[LintFinding]:
    data = {name: text.encode() for name, text in files.items()}
    return lint(data.items(), flux=flux, read=data.get)


def with_target(target: str) -> str:
    return OBJECTS + f"    targets:\n    - {target}\n"


@pytest.mark.parametrize(
    ("target", "rule", "words"),
    [
        pytest.param('{file: values.json, path: "$.image.tag", policy: web, part: tag}', "", "", id="fine"),
        pytest.param('{file: values.json, path: "$..tag", policy: web}', "invalid-target", "'..'", id="path"),
        pytest.param("{file: ../x.json, path: /a, policy: web}", "invalid-target", "leads out of", id="outside"),
        pytest.param("{file: other.json, path: /a, policy: web}", "unmet-target", "no file below", id="no-file"),
        pytest.param(
            "{file: values.json, path: /b, policy: web}", "unmet-target", "values.json: target /b: there is", id="none"
        ),
        pytest.param('{file: values.json, path: "$.list[*]", policy: web}', "unmet-target", "2 values", id="several"),
        pytest.param(
            "{file: values.json, path: /image/tag, policy: wep}",
            "unknown-policy",
            "did you mean apps:web?",
            id="policy",
        ),
        pytest.param(
            "{file: values.json, path: /image/tag, policy: 'other:web'}", "unknown-policy", "'other:web'", id="foreign"
        ),
    ],
)
def test_targets(target: str, rule: str, words: str) -> None:
    found = find({"objects.yaml": with_target(target), "values.json": VALUES})
    assert [one.rule for one in found] == ([rule] if rule else [])
    assert all(words in one.message for one in found)
    assert all((one.file, one.line) == ("objects.yaml", OBJECTS.count("\n") + 2) for one in found)


OPEN = POLICY + "  accessFrom: {namespaceSelectors: [{matchLabels: {team: fleet}}]}\n"
NOT_OPEN = POLICY + "  accessFrom: {namespaceSelectors: [{matchLabels: {kubernetes.io/metadata.name: other}}]}\n"
ELSEWHERE = AUTOMATION.replace("namespace: apps", "namespace: flux")
ASKING = ELSEWHERE + "  policyNamespaces: {namespaceSelectors: [{}]}\n"


@pytest.mark.parametrize(
    ("policy", "automation", "words"),
    [
        pytest.param(OPEN, ASKING, "", id="both-may-agree"),
        pytest.param(POLICY, ASKING, "add namespace flux to spec.accessFrom of the policy", id="policy-refuses"),
        pytest.param(NOT_OPEN, ASKING, "add namespace flux to spec.accessFrom of the policy", id="open-to-another"),
        pytest.param(OPEN, ELSEWHERE, "add namespace apps to those of an automation", id="automation-refuses"),
        pytest.param(POLICY, ELSEWHERE, "there are automations in flux alone", id="neither"),
    ],
)
def test_policies_of_other_namespaces(policy: str, automation: str, words: str) -> None:
    found = find({"objects.yaml": f"{REPOSITORY}---\n{policy}---\n{automation}", "app.yaml": APP})
    assert [one.rule for one in found] == (["foreign-policy"] if words else [])
    assert all(words in one.message for one in found)


def test_flux_has_none_of_it() -> None:
    objects = with_target('{file: values.json, path: "$.image.tag", policy: web, part: tag}')
    objects = objects.replace("  git:\n", "  policyNamespaces: {namespaceSelectors: []}\n  git:\n    pullRequest: {}\n")
    found = find({"objects.yaml": objects, "values.json": VALUES}, flux=True)
    assert [one.rule for one in found] == ["flux-drops-field"] * 3
