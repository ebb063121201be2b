"""`tagline create --export`: objects from flags, and what is refused before. Recordings are played in e2e."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from api.imagepolicy import DEFINITION as POLICIES
from api.imagepolicy import ImagePolicySpec
from api.imagerepository import DEFINITION as REPOSITORIES
from api.imagerepository import ImageRepositorySpec
from api.imageupdateautomation import DEFINITION as UPDATES
from api.imageupdateautomation import ImageUpdateAutomationSpec
from cli.grammar.flags import Flag
from cli.grammar.tree import Command
from cli.kinds import IMAGE_KINDS
from cli.main import main
from cli.verbs.create import COMMAND
from cli.yaml_documents import load_documents

REPOSITORY = ("image", "repository", "app", "--image=ghcr.io/org/app")
POLICY = ("image", "policy", "app", "--image-ref=app")
UPDATE = (
    "image", "update", "app", "--git-repo-ref=app", "--checkout-branch=main", "--author-name=bot",
    "--author-email=bot@example.com",
)  # fmt: skip
GIT = ("source", "git", "app", "--url=https://git.example.com/app", "--branch=main")

EVERYTHING: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "repository": (
        (
            *REPOSITORY, "--secret-ref=a", "--cert-ref=b", "--proxy-secret-ref=c", "--service-account=d", "--insecure",
            "--provider=aws", "--scan-timeout=30s", "--exclusion=^sha", "--access-from=team=a", "--suspend",
            "--latest-tags-count=20", "--latest-tags-order=semver",
        ),
    ),
    "policy": (
        (*POLICY, "--select-semver=1.x", "--filter-regex=(a)", "--filter-extract=$1", "--image-ref-namespace=x"),
        (*POLICY, "--select-alpha=asc", "--reflect-digest=Always", "--interval=5m", "--reflect-source", "--suspend"),
        (*POLICY, "--select-numeric=desc", "--min-age=72h", "--allow-downgrade=false", "--platform=linux/arm64"),
        (*POLICY, "--select-semver=1.x", "--access-from=team=a"),
        (*POLICY, "--newest=FirstSeen", "--deny=1.0.0", "--deny-pattern=rc"),
        (*POLICY, "--filter-regex=(?P<n>[0-9]+)", "--keys=$n:numerical:desc"),
    ),
    "update": (
        (
            *UPDATE, "--git-repo-namespace=x", "--git-repo-path=./a", "--checkout-tag=v1", "--checkout-semver=1.x",
            "--checkout-commit=abc", "--checkout-ref=refs/heads/x", "--push-branch=b", "--push-refspec=a:b",
            "--push-option=a=b", "--commit-template={{.Values.a}}", "--commit-value=a=b", "--signing-key-secret=k",
            "--policy-change-delay=1m",
            "--signing-key-type=ssh", "--policy-selector=a=b,c in (d,e)", "--update-file=*.hcl", "--hold-reverted",
            "--policy-namespace=team=a", "--update-target=a.json#$.b[?(@.c=='d')]=x:web#tag", "--suspend",
        ),
        (
            *UPDATE, "--git-repo-path=./a", "--pull-request=gitea", "--pull-request-api=https://x/api/v1",
            "--pull-request-secret=s",
            "--pull-request-branch=a/{{ .Policy }}", "--pull-request-group-by=policy", "--pull-request-title=t",
            "--pull-request-body=b", "--pull-request-label=l", "--pull-request-reviewer=r",
            "--pull-request-assignee=a", "--pull-request-draft", "--pull-request-close-superseded=false",
            "--pull-request-rebase=always", "--pull-request-limit=3", "--pull-request-recreate-closed",
            "--pull-request-verified-commits",
        ),
        (
            *UPDATE, "--git-repo-path=./a", "--pull-request=auto", "--pull-request-auto-merge=squash",
            "--pull-request-group-by=image", "--pull-request-close-superseded", "--pull-request-rebase=never",
        ),
    ),
}  # fmt: skip
"""Commands whose flags, together, set every field of a kind."""


def created(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Return what `create … --export` prints."""
    assert main(["create", *arguments, "--export"]) == 0
    ((_, obj),) = load_documents(capsys.readouterr().out.encode())
    return dict(obj)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return why `create … --export` prints nothing."""
    assert main(["create", *arguments, "--export"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    return output.err.removeprefix("✗ ").removesuffix("\n")


def paths(of: Any, above: str = "") -> Iterator[str]:
    """Yield the paths of all fields of a type, as they are on the wire."""
    if isinstance(of, type) and issubclass(of, msgspec.Struct):
        hints = get_type_hints(of)
        for field in msgspec.structs.fields(of):
            path = f"{above}.{field.encode_name}"
            yield path
            yield from paths(hints[field.name], path)
    for inner in get_args(of):
        yield from paths(inner, above)


def set_paths(value: Any, above: str = "") -> Iterator[str]:
    """Yield the paths that are set in JSON, without the places in lists."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield f"{above}.{key}"
            yield from set_paths(inner, f"{above}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from set_paths(inner, above)


@pytest.mark.parametrize(
    ("word", "spec"),
    [("repository", ImageRepositorySpec), ("policy", ImagePolicySpec), ("update", ImageUpdateAutomationSpec)],
)
def test_every_field_of_a_spec_has_a_flag(word: str, spec: type, capsys: pytest.CaptureFixture[str]) -> None:
    reached = {path for command in EVERYTHING[word] for path in set_paths(created(capsys, *command)["spec"])}
    ignored = {".sourceRef.apiVersion"}
    fields = set(paths(spec))
    assert len(fields) > 15
    assert fields - reached - ignored == set()


@pytest.mark.parametrize("word", EVERYTHING)
def test_what_is_made_is_what_the_types_read(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    types = {"repository": ImageRepositorySpec, "policy": ImagePolicySpec, "update": ImageUpdateAutomationSpec}
    for command in EVERYTHING[word]:
        spec = created(capsys, *command)["spec"]
        read = msgspec.convert(spec, types[word], strict=True)
        assert set(set_paths(msgspec.to_builtins(read))) <= set(set_paths(spec))


@pytest.mark.parametrize("word", EVERYTHING)
def test_no_flag_is_left_out_of_what_is_tried(word: str) -> None:
    group = COMMAND.child("image")
    assert group is not None
    assert not isinstance(group, Command)
    command = group.child(word)
    assert command is not None
    given = {argument.partition("=")[0] for command in EVERYTHING[word] for argument in command}
    flags = {flag.long for flag in command.flags if isinstance(flag, Flag) and not flag.hidden}
    assert flags - given == {"--api-version"}


@pytest.mark.parametrize(
    ("command", "definition"),
    [(REPOSITORY, REPOSITORIES), ((*POLICY, "--newest=FirstSeen"), POLICIES), (UPDATE, UPDATES)],
)
def test_objects_are_made_in_every_served_version(
    command: tuple[str, ...], definition: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for version in definition.versions:
        for written in (version, f"image.toolkit.fluxcd.io/{version}"):
            obj = created(capsys, *command, f"--api-version={written}")
            assert obj["apiVersion"] == f"image.toolkit.fluxcd.io/{version}"
    assert "use one of: v1, v1beta2, v1beta1" in refused(capsys, *command, "--api-version=v2")


def test_rules_of_a_policy_are_written_as_the_api_has_them(capsys: pytest.CaptureFixture[str]) -> None:
    spec = created(
        capsys, *POLICY, "--filter-regex=^(?P<n>[0-9]+)-(.*)$", "--keys=$n:numerical", "--keys=${2}", "--keys=$2",
        "--deny=1", "--deny-pattern=rc", "--allow-downgrade", "--min-age=24h",
    )["spec"]  # fmt: skip
    assert spec["policy"] == {
        "allowDowngrade": True,
        "deny": [{"tag": "1"}, {"pattern": "rc"}],
        "keys": [
            {"extract": "$n", "type": "numerical"},
            {"extract": "${2}", "type": "alphabetical"},
            {"extract": "$2", "type": "alphabetical"},
        ],
        "minAge": "24h0m0s",
    }
    assert spec["filterTags"] == {"pattern": "^(?P<n>[0-9]+)-(.*)$"}


def test_namespaces_with_access_are_chosen_by_labels(capsys: pytest.CaptureFixture[str]) -> None:
    spec = created(capsys, *REPOSITORY, "--access-from=team=a,env=prod", "--access-from=*")["spec"]
    assert spec["accessFrom"] == {"namespaceSelectors": [{"matchLabels": {"team": "a", "env": "prod"}}, {}]}


def test_policies_are_selected_as_kubectl_selects(capsys: pytest.CaptureFixture[str]) -> None:
    selector = "--policy-selector=app=web, tier in (front,back),env!=dev,!canary,owner,zone notin (a)"
    assert created(capsys, *UPDATE, selector)["spec"]["policySelector"] == {
        "matchLabels": {"app": "web"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["front", "back"]},
            {"key": "env", "operator": "NotIn", "values": ["dev"]},
            {"key": "canary", "operator": "DoesNotExist"},
            {"key": "owner", "operator": "Exists"},
            {"key": "zone", "operator": "NotIn", "values": ["a"]},
        ],
    }


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((*POLICY, "--select-semver=1.x", "--select-numeric=asc"), "only one of --select-semver, --select-alpha"),
        ((*POLICY, "--newest=FirstSeen", "--select-alpha=asc"), "leave out all but one of --select-alpha, --newest"),
        ((*POLICY, "--newest=Last"), "--newest 'Last' is not known; use one of: FirstSeen, BuildDate"),
        ((*POLICY, "--newest=FirstSeen", "--allow-downgrade=false"), "--newest ranks times"),
        ((*POLICY, "--select-semver=not a range"), "--select-semver 'not a range' is not a range of versions"),
        ((*POLICY, "--select-alpha=asc", "--filter-regex=("), "--filter-regex is an invalid regex pattern"),
        ((*POLICY, "--select-alpha=asc", "--filter-regex=(a)", "--filter-extract=$2"), "capture group $2 used in"),
        ((*POLICY, "--select-alpha=asc", "--filter-regex=(a)", "--filter-extract=$1x"), "capture group $1x used in"),
        ((*POLICY, "--select-alpha=asc", "--filter-regex=(a)", "--filter-extract=$1$"), "-extract is malformed"),
        ((*POLICY, "--keys=$1"), "--keys needs --filter-regex"),
        ((*POLICY, "--keys=$2", "--filter-regex=(a)"), "capture group $2 used in --keys not found"),
        ((*POLICY, "--keys=$1:number", "--filter-regex=(a)"), "TYPE one of: alphabetical, numerical"),
        ((*POLICY, "--keys=$1:desc", "--filter-regex=(a)"), "must be TEMPLATE[:TYPE[:asc|desc]]"),
        ((*POLICY, "--keys=$1", "--filter-regex=(a)", "--filter-extract=$1"), "cannot be used together"),
        ((*POLICY, "--select-alpha=asc", "--deny-pattern=["), "--deny-pattern is an invalid regex pattern: error"),
        ((*POLICY, "--select-alpha=asc", "--deny="), "--deny '' is not a tag"),
        ((*POLICY, "--select-alpha=asc", "--platform=arm64"), "--platform 'arm64' is not of the form os/architecture"),
        ((*POLICY, "--select-alpha=asc", "--min-age=-1h"), "--min-age -1h0m0s is negative; write it as 72h"),
        ((*REPOSITORY, "--image=https://ghcr.io/org/app"), "image 'https://ghcr.io/org/app' should not include URL"),
        ((*REPOSITORY, "--image=ghcr.io/org/app:v1"), "should not include a tag; remove ':v1'"),
        ((*REPOSITORY, f"--image=aa@sha256:{'a' * 64}"), f"should not include a digest; remove '@sha256:{'a' * 64}'"),
        ((*REPOSITORY, "--image=Org/App"), "repository can only contain the characters `abc"),
        ((*REPOSITORY, "--image=me:hunter2@ghcr.io/org/app"), "URI authorities: REDACTED@ghcr.io"),
        ((*REPOSITORY, "--image=a"), "repository must be between 2 and 255 characters in length: a"),
        ((*REPOSITORY, "--interval=-1m"), "--interval -1m0s is negative; write it as 1m"),
        ((*REPOSITORY, "--interval=1us"), "--interval 1µs is under a millisecond; write it as 1m"),
        ((*REPOSITORY, "--scan-timeout=1h"), "--scan-timeout 1h0m0s is too long: at most 10m"),
        ((*REPOSITORY, "--exclusion=("), "--exclusion is an invalid regex pattern: error parsing regexp: missing"),
        ((*UPDATE, "--pull-request-draft"), "--pull-request-draft needs --pull-request, e.g. --pull-request=auto"),
        ((*UPDATE, "--pull-request=hub"), "--pull-request: 'hub' is none of auto, github, gitlab,"),
        ((*UPDATE, "--pull-request=auto", "--push-branch=x"),
         "--push-branch cannot be combined with --pull-request, which names its own branch"),
        ((*UPDATE, "--pull-request=auto", "--pull-request-draft", "--pull-request-auto-merge=merge"),
         "--pull-request-draft cannot be combined with --pull-request-auto-merge: a draft is not merged"),
        ((*UPDATE, "--update-target=a.json"),
         "--update-target 'a.json': write FILE#PATH=POLICY, e.g. 'values.json#$.image.tag=web#tag'"),
        ((*UPDATE, "--update-target=a.json#/b=web#hash"),
         "--update-target 'a.json#/b=web#hash': 'hash' is none of image, name, tag, digest"),
        ((*UPDATE, "--policy-namespace=team"), "--policy-namespace: invalid label format 'team', must be key=value"),
        ((*REPOSITORY, "--access-from=team"), "--access-from: invalid label format 'team', must be key=value"),
        ((*REPOSITORY, "--access-from="), "--access-from: invalid label format '', must be key=value"),
        ((*POLICY, "--select-semver=1.x", "--access-from="), "--access-from: invalid label format '', must be"),
        ((*UPDATE, "--policy-namespace="), "--policy-namespace: invalid label format '', must be key=value"),
        ((*REPOSITORY, "--provider=ibm"), "provider 'ibm' is not supported, must be one of: generic"),
        ((*REPOSITORY, "--latest-tags-count=101"), "--latest-tags-count 101 is out of range"),
        ((*UPDATE, "--commit-template={{ .Nope }}"), "--commit-template cannot make a commit message: "),
        ((*UPDATE, "--commit-template={{ broken"), "--commit-template cannot make a commit message: "),
        ((*UPDATE, "--commit-value=a=b"), "--commit-value needs --commit-template"),
        ((*UPDATE, "--push-option=a"), "--push-option 'a' must be of the form key=value"),
        ((*UPDATE, "--policy-selector=a=b=c"), "--policy-selector 'a=b=c' is not a label selector"),
        ((*UPDATE, "--policy-selector=a in (b!)"), "--policy-selector: invalid label value 'b!'"),
        ((*UPDATE, "--checkout-branch=", "--checkout-tag=v1"), "name one with --push-branch"),
        ((*UPDATE, "--checkout-semver=nope"), "--checkout-semver 'nope' is not a range of versions"),
        ((*GIT, "--tag-semver=nonsense"), "--tag-semver 'nonsense' is not a range of versions"),
        ((*GIT, "--url=https://me:hunter2@git.example.com:x/"), '"https://git.example.com:x/": invalid port'),
        (("image", "repository", "äpp", "--image=ab"), "name 'äpp' is invalid, it should adhere"),
        ((*REPOSITORY, "--label=a=\udcff"), "an argument is not UTF-8"),
        ((*REPOSITORY, "--label=\udcff=a"), "an argument is not UTF-8"),
        ((*REPOSITORY, "--label=ä=b"), "invalid label 'ä': [name part must consist"),
    ],
)  # fmt: skip
def test_what_can_never_work_is_refused_with_flag_and_fix(
    command: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refused(capsys, *command)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((*REPOSITORY, "--interval=10ms"), "--interval 10ms counts as 1s, the shortest interval"),
        ((*REPOSITORY, "--scan-timeout=20m"), "--scan-timeout 20m0s counts as 10m0s, the longest timeout"),
        ((*UPDATE, "--commit-template={{range .Updated.Images}}{{.}}{{end}}"), "--commit-template reads .Updated or"),
        (
            (*UPDATE, "--commit-template={{index .Changed.Changes 1}}"),
            "--commit-template makes no commit message",
        ),
        ((*GIT, "--url=https://me:hunter2@git.example.com/app"), "--url carries a login"),
    ],
)
def test_what_works_otherwise_than_it_says_is_warned_of(
    command: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["create", *command, "--export"]) == 0
    output = capsys.readouterr()
    assert output.err.startswith(f"⚠️  {words}")
    assert "hunter2" not in output.err


def test_fields_that_are_gone_from_v1_are_no_matter_in_v1beta1(capsys: pytest.CaptureFixture[str]) -> None:
    template = "--commit-template={{range .Updated.Images}}{{println .}}{{end}}"
    assert main(["create", *UPDATE, template, "--export", "--api-version=v1beta1"]) == 0
    assert capsys.readouterr().err == ""


def test_every_kind_can_be_created() -> None:
    group = COMMAND.child("image")
    assert group is not None
    assert not isinstance(group, Command)
    assert [child.name for child in group.children] == [kind.word for kind in IMAGE_KINDS]


@pytest.mark.parametrize(
    "words", [REPOSITORY, GIT, ("secret", "git", "app", "--url=https://x/y", "--username=a", "--password=b")]
)
def test_an_empty_namespace_leaves_the_namespace_out(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert created(capsys, *words, "--namespace=")["metadata"] == {"name": "app"}
