"""What the generated CRDs state: every default, enum, pattern, limit, rule, name and column of the API."""

from __future__ import annotations

import io
from typing import Any

import pytest
from ruamel.yaml import YAML

from hack.crds import definition

DURATION = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
TIMEOUT = r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$"
IMAGE_VERSIONS = ("v1beta1", "v1beta2", "v1")
REPOSITORY, POLICY, AUTOMATION, SOURCE, TAGS = (
    "imagerepositories",
    "imagepolicies",
    "imageupdateautomations",
    "gitrepositories",
    "imagetaglists",
)
VERSIONS = {
    REPOSITORY: IMAGE_VERSIONS,
    POLICY: IMAGE_VERSIONS,
    AUTOMATION: IMAGE_VERSIONS,
    SOURCE: ("v1beta2", "v1"),
    TAGS: ("v1alpha1",),
}


def load(text: str) -> Any:
    return YAML(typ="safe").load(io.StringIO(text))


CRDS = {
    document["spec"]["names"]["plural"]: document
    for name, text in definition.render_crds().items()
    if (document := load(text))["kind"] == "CustomResourceDefinition"
}


def schema(plural: str, version: str, path: str = "") -> Any:
    """Return the schema at `path`: names joined by dots, `[]` for the items of a list or the values of a map."""
    (served,) = (entry for entry in CRDS[plural]["spec"]["versions"] if entry["name"] == version)
    node = served["schema"]["openAPIV3Schema"]
    for step in filter(None, path.split(".")):
        node = (node.get("items") or node["additionalProperties"]) if step == "[]" else node["properties"][step]
    return node


@pytest.mark.parametrize("plural", VERSIONS)
def test_every_version_is_served_and_the_newest_is_stored(plural: str) -> None:
    spec = CRDS[plural]["spec"]
    served = [entry for entry in spec["versions"] if entry["served"]]
    assert tuple(entry["name"] for entry in served) == VERSIONS[plural]
    assert [entry["name"] for entry in spec["versions"] if entry["storage"]] == [VERSIONS[plural][-1]]
    assert spec["conversion"] == {"strategy": "None"}
    assert spec["scope"] == "Namespaced"
    assert ["subresources" in entry for entry in served] == [plural != TAGS] * len(VERSIONS[plural])


@pytest.mark.parametrize(
    ("plural", "versions"),
    [
        pytest.param(REPOSITORY, ["v1alpha1", "v1alpha2"], id="repository"),
        pytest.param(POLICY, ["v1alpha1", "v1alpha2"], id="policy"),
        pytest.param(AUTOMATION, ["v1alpha1", "v1alpha2"], id="automation"),
        pytest.param(SOURCE, ["v1alpha1", "v1beta1"], id="source"),
        pytest.param(TAGS, [], id="tags"),
    ],
)
def test_versions_that_old_releases_stored_are_there_and_not_served(plural: str, versions: list[str]) -> None:
    entries = CRDS[plural]["spec"]["versions"]
    assert [entry["name"] for entry in entries if not entry["served"]] == versions
    assert [entry["name"] for entry in entries][: len(versions)] == versions, "oldest first"


@pytest.mark.parametrize(
    ("plural", "names"),
    [
        pytest.param(
            REPOSITORY,
            {
                "kind": "ImageRepository",
                "listKind": "ImageRepositoryList",
                "plural": REPOSITORY,
                "singular": "imagerepository",
                "shortNames": ["imgrepo", "imagerepo"],
                "categories": ["all", "fluxcd", "fluxcd-images"],
            },
            id="ImageRepository",
        ),
        pytest.param(
            POLICY,
            {
                "kind": "ImagePolicy",
                "listKind": "ImagePolicyList",
                "plural": POLICY,
                "singular": "imagepolicy",
                "shortNames": ["imgpol", "imagepol"],
                "categories": ["all", "fluxcd", "fluxcd-images"],
            },
            id="ImagePolicy",
        ),
        pytest.param(
            AUTOMATION,
            {
                "kind": "ImageUpdateAutomation",
                "listKind": "ImageUpdateAutomationList",
                "plural": AUTOMATION,
                "singular": "imageupdateautomation",
                "shortNames": ["iua", "imgupd", "imgauto"],
                "categories": ["all", "fluxcd", "fluxcd-images"],
            },
            id="ImageUpdateAutomation",
        ),
        pytest.param(
            SOURCE,
            {
                "kind": "GitRepository",
                "listKind": "GitRepositoryList",
                "plural": SOURCE,
                "singular": "gitrepository",
                "shortNames": ["gitrepo"],
                "categories": ["all", "fluxcd", "fluxcd-sources"],
            },
            id="GitRepository",
        ),
        pytest.param(
            TAGS,
            {
                "kind": "ImageTagList",
                "listKind": "ImageTagListList",
                "plural": TAGS,
                "singular": "imagetaglist",
            },
            id="ImageTagList-has-no-category",
        ),
    ],
)
def test_names(plural: str, names: dict[str, object]) -> None:
    assert CRDS[plural]["spec"]["names"] == names


@pytest.mark.parametrize(
    ("plural", "path", "keyword", "value"),
    [
        pytest.param(REPOSITORY, "spec", "required", ["image", "interval"], id="repository-required"),
        pytest.param(REPOSITORY, "spec.interval", "pattern", DURATION, id="repository-interval"),
        pytest.param(REPOSITORY, "spec.timeout", "pattern", TIMEOUT, id="repository-timeout"),
        pytest.param(REPOSITORY, "spec.serviceAccountName", "maxLength", 253, id="repository-account"),
        pytest.param(REPOSITORY, "spec.provider", "default", "generic", id="repository-provider-default"),
        pytest.param(
            REPOSITORY, "spec.provider", "enum", ["generic", "aws", "azure", "gcp"], id="repository-provider-enum"
        ),
        pytest.param(REPOSITORY, "spec.secretRef", "required", ["name"], id="repository-secret"),
        pytest.param(REPOSITORY, "spec.certSecretRef", "required", ["name"], id="repository-cert-secret"),
        pytest.param(REPOSITORY, "spec.proxySecretRef", "required", ["name"], id="repository-proxy-secret"),
        pytest.param(REPOSITORY, "spec.accessFrom", "required", ["namespaceSelectors"], id="repository-access"),
        pytest.param(
            REPOSITORY,
            "spec.accessFrom.namespaceSelectors.[].matchLabels.[]",
            "type",
            "string",
            id="repository-access-labels",
        ),
        pytest.param(REPOSITORY, "spec.insecure", "type", "boolean", id="repository-insecure"),
        pytest.param(REPOSITORY, "spec.suspend", "type", "boolean", id="repository-suspend"),
        pytest.param(REPOSITORY, "status.lastScanResult", "required", ["tagCount"], id="repository-scan-result"),
        pytest.param(REPOSITORY, "status.lastScanResult.scanTime", "format", "date-time", id="repository-scan-time"),
        pytest.param(POLICY, "spec", "required", ["imageRepositoryRef", "policy"], id="policy-required"),
        pytest.param(POLICY, "spec.imageRepositoryRef", "required", ["name"], id="policy-repository"),
        pytest.param(POLICY, "spec.policy.semver", "required", ["range"], id="policy-range"),
        pytest.param(POLICY, "spec.policy.alphabetical.order", "default", "asc", id="policy-alphabetical-default"),
        pytest.param(POLICY, "spec.policy.alphabetical.order", "enum", ["asc", "desc"], id="policy-alphabetical-enum"),
        pytest.param(POLICY, "spec.policy.numerical.order", "default", "asc", id="policy-numerical-default"),
        pytest.param(POLICY, "spec.policy.numerical.order", "enum", ["asc", "desc"], id="policy-numerical-enum"),
        pytest.param(POLICY, "spec.filterTags.pattern", "type", "string", id="policy-filter-pattern"),
        pytest.param(POLICY, "spec.filterTags.extract", "type", "string", id="policy-filter-extract"),
        pytest.param(POLICY, "spec.digestReflectionPolicy", "default", "Never", id="policy-digest-default"),
        pytest.param(
            POLICY, "spec.digestReflectionPolicy", "enum", ["Always", "IfNotPresent", "Never"], id="policy-digest-enum"
        ),
        pytest.param(POLICY, "spec.interval", "pattern", DURATION, id="policy-interval"),
        pytest.param(
            POLICY,
            "spec",
            "x-kubernetes-validations",
            [
                {
                    "rule": "!has(self.interval) || (has(self.digestReflectionPolicy) "
                    "&& self.digestReflectionPolicy == 'Always')",
                    "message": "spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'",
                },
                {
                    "rule": "has(self.interval) || !has(self.digestReflectionPolicy) "
                    "|| self.digestReflectionPolicy != 'Always'",
                    "message": "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
                },
                {
                    "rule": "!has(self.policy.keys) || (has(self.filterTags) && !has(self.filterTags.extract))",
                    "message": "spec.policy.keys needs spec.filterTags.pattern, without spec.filterTags.extract",
                },
            ],
            id="policy-rules",
        ),
        pytest.param(POLICY, "status.latestRef", "required", ["name", "tag"], id="policy-latest-ref"),
        pytest.param(POLICY, "status.observedPreviousRef", "required", ["name", "tag"], id="policy-previous-ref"),
        pytest.param(POLICY, "status.latestImage", "type", "string", id="policy-latest-image"),
        pytest.param(POLICY, "status.observedPreviousImage", "type", "string", id="policy-previous-image"),
        pytest.param(AUTOMATION, "spec", "required", ["interval", "sourceRef"], id="automation-required"),
        pytest.param(AUTOMATION, "spec.interval", "pattern", DURATION, id="automation-interval"),
        pytest.param(AUTOMATION, "spec.sourceRef", "required", ["kind", "name"], id="automation-source"),
        pytest.param(AUTOMATION, "spec.sourceRef.kind", "default", "GitRepository", id="automation-source-default"),
        pytest.param(AUTOMATION, "spec.sourceRef.kind", "enum", ["GitRepository"], id="automation-source-enum"),
        pytest.param(AUTOMATION, "spec.sourceRef.apiVersion", "type", "string", id="automation-source-version"),
        pytest.param(AUTOMATION, "spec.git", "required", ["commit"], id="automation-git"),
        pytest.param(AUTOMATION, "spec.git.checkout", "required", ["ref"], id="automation-checkout"),
        pytest.param(AUTOMATION, "spec.git.commit", "required", ["author"], id="automation-commit"),
        pytest.param(AUTOMATION, "spec.git.commit.author", "required", ["email"], id="automation-author"),
        pytest.param(AUTOMATION, "spec.git.commit.signingKey.type", "enum", ["gpg", "ssh"], id="automation-signing"),
        pytest.param(AUTOMATION, "spec.git.push.options.[]", "type", "string", id="automation-push-options"),
        pytest.param(
            AUTOMATION,
            "spec.policySelector.matchExpressions.[]",
            "required",
            ["key", "operator"],
            id="automation-selector",
        ),
        pytest.param(AUTOMATION, "spec.update", "default", {"strategy": "Setters"}, id="automation-update"),
        pytest.param(AUTOMATION, "spec.update.strategy", "default", "Setters", id="automation-strategy-default"),
        pytest.param(AUTOMATION, "spec.update.strategy", "enum", ["Setters"], id="automation-strategy-enum"),
        pytest.param(AUTOMATION, "status.observedPolicies.[]", "required", ["name", "tag"], id="automation-policies"),
        pytest.param(SOURCE, "spec", "required", ["interval", "url"], id="source-required"),
        pytest.param(SOURCE, "spec.url", "pattern", "^(http|https|ssh)://.*$", id="source-url"),
        pytest.param(SOURCE, "spec.interval", "pattern", DURATION, id="source-interval"),
        pytest.param(SOURCE, "spec.timeout", "pattern", TIMEOUT, id="source-timeout-pattern"),
        pytest.param(SOURCE, "spec.timeout", "default", "60s", id="source-timeout-default"),
        pytest.param(SOURCE, "spec.provider", "enum", ["generic", "aws", "azure", "github"], id="source-provider"),
        pytest.param(SOURCE, "spec.verify", "required", ["secretRef"], id="source-verify"),
        pytest.param(SOURCE, "spec.verify.mode", "default", "HEAD", id="source-verify-default"),
        pytest.param(SOURCE, "spec.verify.mode", "enum", ["head", "HEAD", "Tag", "TagAndHEAD"], id="source-modes"),
        pytest.param(SOURCE, "spec.include.[]", "required", ["repository"], id="source-include"),
        pytest.param(SOURCE, "spec.gitImplementation", "enum", ["go-git", "libgit2"], id="source-implementation"),
        pytest.param(SOURCE, "spec.accessFrom", "required", ["namespaceSelectors"], id="source-access"),
        pytest.param(
            SOURCE,
            "spec",
            "x-kubernetes-validations",
            [
                {
                    "rule": "!has(self.serviceAccountName) || "
                    "(has(self.provider) && (self.provider == 'azure' || self.provider == 'aws'))",
                    "message": "serviceAccountName can only be set when provider is 'azure' or 'aws'",
                }
            ],
            id="source-rules",
        ),
        pytest.param(
            SOURCE,
            "status.artifact.digest",
            "pattern",
            "^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$",
            id="source-digest",
        ),
        pytest.param(TAGS, "spec", "required", ["imageRepositoryRef"], id="tags-required"),
        pytest.param(TAGS, "status", "required", ["chunk", "chunks", "data", "revision", "tagCount"], id="tags-status"),
    ],
)
def test_constraint_in_every_version(plural: str, path: str, keyword: str, value: object) -> None:
    for version in VERSIONS[plural]:
        assert schema(plural, version, path)[keyword] == value, version


@pytest.mark.parametrize(
    ("plural", "version", "path", "keyword", "value"),
    [
        pytest.param(REPOSITORY, "v1beta1", "spec.exclusionList", "default", None, id="exclusion-none-in-v1beta1"),
        pytest.param(REPOSITORY, "v1beta2", "spec.exclusionList", "default", [r"^.*\.sig$"], id="exclusion-v1beta2"),
        pytest.param(REPOSITORY, "v1", "spec.exclusionList", "default", [r"^.*\.sig$"], id="exclusion-v1"),
        pytest.param(REPOSITORY, "v1beta1", "spec.exclusionList", "maxItems", None, id="exclusion-limit-v1beta1"),
        pytest.param(REPOSITORY, "v1beta2", "spec.exclusionList", "maxItems", 25, id="exclusion-limit-v1beta2"),
        pytest.param(REPOSITORY, "v1", "spec.exclusionList", "maxItems", 25, id="exclusion-limit-v1"),
        pytest.param(AUTOMATION, "v1beta1", "spec.git.commit.signingKey", "required", None, id="signing-v1beta1"),
        pytest.param(
            AUTOMATION, "v1beta2", "spec.git.commit.signingKey", "required", ["secretRef"], id="signing-v1beta2"
        ),
        pytest.param(AUTOMATION, "v1", "spec.git.commit.signingKey", "required", ["secretRef"], id="signing-v1"),
        pytest.param(
            SOURCE,
            "v1beta2",
            "status.artifact",
            "required",
            ["lastUpdateTime", "path", "revision", "url"],
            id="artifact-v1beta2",
        ),
        pytest.param(
            SOURCE,
            "v1",
            "status.artifact",
            "required",
            ["digest", "lastUpdateTime", "path", "revision", "url"],
            id="artifact-v1",
        ),
    ],
)
def test_constraint_that_differs_by_version(plural: str, version: str, path: str, keyword: str, value: object) -> None:
    assert schema(plural, version, path).get(keyword) == value


def _without_constraints(node: Any) -> Any:
    """Return the names and types of a schema."""
    match node:
        case {"properties": properties}:
            return {name: _without_constraints(value) for name, value in properties.items()}
        case {"items": items}:
            return [_without_constraints(items)]
        case {"additionalProperties": values}:
            return {"*": _without_constraints(values)}
    return node["type"]


@pytest.mark.parametrize("plural", VERSIONS)
def test_all_versions_have_the_same_fields(plural: str) -> None:
    fields = [_without_constraints(schema(plural, version)) for version in VERSIONS[plural]]
    assert fields.count(fields[0]) == len(fields)


@pytest.mark.parametrize("plural", [REPOSITORY, POLICY, AUTOMATION, SOURCE])
def test_a_new_object_gets_observed_generation_minus_one(plural: str) -> None:
    for version in VERSIONS[plural]:
        assert schema(plural, version, "status")["default"] == {"observedGeneration": -1}
        assert schema(plural, version, "status.conditions")["x-kubernetes-list-map-keys"] == ["type"]
        assert schema(plural, version, "status.lastHandledReconcileAt")["type"] == "string"


@pytest.mark.parametrize(
    ("plural", "version", "columns"),
    [
        pytest.param(REPOSITORY, "v1beta1", ["Last scan", "Tags"], id="repository-v1beta1"),
        pytest.param(REPOSITORY, "v1beta2", ["Last scan", "Tags"], id="repository-v1beta2"),
        pytest.param(REPOSITORY, "v1", ["Last scan", "Tags", "Ready", "Status", "Age", "Image+"], id="repository-v1"),
        pytest.param(POLICY, "v1beta1", ["LatestImage"], id="policy-v1beta1"),
        pytest.param(POLICY, "v1beta2", ["LatestImage"], id="policy-v1beta2"),
        pytest.param(
            POLICY, "v1", ["LatestImage", "Ready", "Status", "Age", "Image+", "Tag+", "Digest+"], id="policy-v1"
        ),
        pytest.param(AUTOMATION, "v1beta1", ["Last run"], id="automation-v1beta1"),
        pytest.param(AUTOMATION, "v1beta2", ["Last run"], id="automation-v1beta2"),
        pytest.param(AUTOMATION, "v1", ["Last run", "Ready", "Status", "Age", "Pull requests+"], id="automation-v1"),
        pytest.param(SOURCE, "v1beta2", ["URL", "Age", "Ready", "Status"], id="source-v1beta2"),
        pytest.param(SOURCE, "v1", ["URL", "Age", "Ready", "Status"], id="source-v1"),
    ],
)
def test_columns_in_order_with_a_plus_for_wide_ones(plural: str, version: str, columns: list[str]) -> None:
    (served,) = (entry for entry in CRDS[plural]["spec"]["versions"] if entry["name"] == version)
    printed = [
        column["name"] + ("+" if column.get("priority") else "") for column in served["additionalPrinterColumns"]
    ]
    assert printed == columns


@pytest.mark.parametrize("plural", [AUTOMATION, SOURCE])
def test_flux_does_not_substitute_variables_in_text_of_users(plural: str) -> None:
    assert CRDS[plural]["metadata"]["annotations"] == {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}


def _undescribed(path: str, node: Any) -> list[str]:
    found = [] if node.get("description") or path in {".metadata", ""} or path.endswith("[]") else [path]
    for name, child in node.get("properties", {}).items():
        found += _undescribed(f"{path}.{name}", child)
    for child in filter(None, (node.get("items"), node.get("additionalProperties"))):
        found += _undescribed(f"{path}[]", child)
    return found


@pytest.mark.parametrize("plural", VERSIONS)
def test_every_field_is_described(plural: str) -> None:
    for version in VERSIONS[plural]:
        assert _undescribed("", schema(plural, version)) == []


def test_the_internal_kind_says_so() -> None:
    assert "not for users" in schema(TAGS, "v1alpha1")["description"]


def test_output_is_the_same_every_time() -> None:
    assert definition.render_crds() == definition.render_crds()
