"""What gets a pull request of its own, and the name of its branch."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.imagepolicy import ImageRef
from api.pullrequest import PullRequestSpec
from controllers.git.objects.scan import File
from controllers.git.protocol.refs import Tip
from controllers.pullrequests.groups import MAX_BRANCH_CHARS, BadBranch, branch_prefix, list_groups
from controllers.template import TemplateFailure
from controllers.update.reach import Reach
from controllers.update.work import MarkedTree, Work, plan_work
from testing.builders import access_from, automation, image_policy
from testing.clock import START

TREE = MarkedTree(
    Tip("", "c" * 40, ""), [File(path, path, b"") for path in ("a.yaml", "apps/web/b.yaml", "apps/c.yaml")]
)


def work(*names: str) -> Work:
    policies = [
        *(image_policy(name, latest=ImageRef(name=f"ghcr.io/org/{name}", tag="1")) for name in names),
        image_policy("web", namespace="other", latest=ImageRef(name="ghcr.io/x/y", tag="1"), access_from=access_from()),
    ]
    return plan_work(automation(policy_namespaces=access_from()), policies, Reach())


def heads(*names: str, base: str = "main", **spec: Any) -> list[str]:
    return [one.head for one in list_groups(PullRequestSpec(**spec), work(*names), TREE, base, now=START)]


@pytest.mark.parametrize(
    ("group_by", "branch", "want"),
    [
        pytest.param("automation", "", ["tagline/apps-fleet"], id="one-for-all"),
        pytest.param(
            "policy",
            "",
            ["tagline/apps-fleet-a.b", "tagline/apps-fleet-web", r"tagline/apps-fleet-other-web-\w{8}"],
            id="each-policy-those-of-others-with-their-namespace",
        ),
        pytest.param("policy", "up/{{ .Policy }}", ["up/a.b", "up/web", "up/other/web"], id="policy-by-template"),
        pytest.param("folder", "f/{{ .Folder }}", ["f/root", "f/apps", "f/apps/web"], id="folder-by-template"),
        pytest.param(
            "image", "i/{{ .Image }}", ["i/ghcr.io/org/a.b", "i/ghcr.io/org/web", "i/ghcr.io/x/y"], id="image"
        ),
        pytest.param(
            "automation",
            "refs/heads/{{ .Namespace }} {{ .Automation }}~{{ .Base }}..x.lock/",
            ["apps-fleet-main.x-lock"],
            id="what-git-does-not-take-becomes-dashes",
        ),
    ],
)
def test_branches(group_by: str, branch: str, want: list[str]) -> None:
    found = heads("a.b", "web", group_by=group_by, branch=branch)
    assert len(found) == len(want)
    for pattern in want:
        assert any(re.fullmatch(pattern, head) for head in found), (pattern, found)


def test_long_names_are_cut_and_stay_apart() -> None:
    found = heads("a" * 240 + "b", "a" * 240 + "c", group_by="policy")
    assert all(len(head) <= MAX_BRANCH_CHARS for head in found)
    assert len(set(found)) == 3


def test_branch_does_not_change_with_what_is_offered() -> None:
    newer = [image_policy("web", latest=ImageRef(name="ghcr.io/org/web", tag="2"))]
    spec = PullRequestSpec(group_by="policy")
    (group,) = list_groups(spec, plan_work(automation(), newer), TREE, "main", now=START)
    assert group.head in heads("web", group_by="policy")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param({"branch": "main"}, "is the branch that pull requests are for", id="base"),
        pytest.param({"branch": "{{ .Folder }}"}, "is no name of a branch", id="empty"),
        pytest.param({"branch": "...///"}, "is no name of a branch", id="nothing-left"),
        pytest.param({"branch": "x", "group_by": "policy"}, "{{ .Policy }}", id="one-for-several"),
        pytest.param({"branch": "{{ .Policy }}", "group_by": "folder"}, "no name of a branch", id="other-group"),
    ],
)
def test_names_that_cannot_be(spec: dict[str, str], words: str) -> None:
    with pytest.raises(BadBranch, match=words):
        heads("web", **spec)


def test_template_that_fails_is_one_of_the_user() -> None:
    with pytest.raises(TemplateFailure):
        heads("web", branch="{{ .Nothing }}")


@pytest.mark.parametrize(
    ("branch", "want"),
    [
        ("", "tagline/"),
        ("up/{{ .Policy }}", "up/"),
        ("{{ .Policy }}", ""),
        ("a-{{ .Hash }}", "a-"),
        (" refs/heads/a b/{{ .Policy }}", "a"),
        ("a//b/{{ .Policy }}", "a/"),
        ("a.{{ .Policy }}", "a"),
    ],
)
def test_all_branches_begin_with_the_prefix(branch: str, want: str) -> None:
    spec = PullRequestSpec(branch=branch)
    assert branch_prefix(spec, automation()) == want
    assert all(head.startswith(want) for head in heads("web", branch=branch, group_by="policy"))


@given(st.text(max_size=60))
def test_whatever_a_template_prints_git_takes_it_or_it_is_refused(text: str) -> None:
    if "{{" in text:
        return
    try:
        (head,) = heads("web", branch=text or "x")
    except BadBranch:
        return
    assert head
    assert not head.startswith(("-", "/", "."))
    assert not head.endswith(("/", ".", ".lock"))
    for bad in ("..", "//", "@{", " ", "~", "^", ":", "?", "*", "[", "\\", "/.", "./", ".lock/"):
        assert bad not in head
