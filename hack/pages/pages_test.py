"""`hack/pages`: pages that tell a story are played; every other block is checked, or says why not."""

import shutil
from pathlib import Path

import pytest

from hack.pages.blocks import Block, all_pages, blocks_below, blocks_of
from hack.pages.commandlines import Wrong, check_script
from hack.pages.judge import PLAYED, judge, judge_all
from hack.pages.manifests import check_yaml
from hack.pages.player import play
from hack.pages.world import blur, make_world

NEEDS = {"docs/guides/signing.md": "ssh-keygen"}


@pytest.mark.parametrize("page", PLAYED)
def test_what_a_page_shows_is_printed(page: str, tmp_path: Path) -> None:
    if page in NEEDS and not shutil.which(NEEDS[page]):
        pytest.skip(f"needs {NEEDS[page]}")
    with make_world(tmp_path) as world:
        answers = list(play(page, world))
    assert answers
    for answer in answers:
        assert blur(answer.printed) == blur(answer.block.body), answer.block.place


@pytest.mark.parametrize("page", all_pages())
def test_every_block_is_executed_or_checked_or_says_why_not(page: str) -> None:
    assert judge_all([page])[1] == []


def test_blocks_that_are_not_executed_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    fates, _ = judge_all()
    reasons = {fate: count for fate, count in fates.items() if "not executed: " in fate}
    with capsys.disabled():
        print("", *(f"{count:4} {fate}" for fate, count in sorted(reasons.items())), sep="\n")
    assert sum(count for fate, count in reasons.items() if fate.startswith("not executed: ")) <= 12
    assert fates["executed"] > 60


def block(body: str, *, language: str = "", reason: str = "") -> Block:
    return Block("docs/x.md", 1, language, body, reason)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        pytest.param("tagline adopt --wirte", "unrecognized arguments: --wirte", id="flag-of-argparse"),
        pytest.param("tagline suspend image policy web --al", "--al", id="flag-of-the-tree"),
        pytest.param("tagline suspend image polizy web", "no such command", id="command-of-the-tree"),
        pytest.param("tagline suspend image", "no such command", id="group"),
        pytest.param("tagline levitate", "no verb 'levitate'", id="verb"),
        pytest.param("cat x | tagline lint --no-such", "--no-such", id="behind-a-pipe"),
        pytest.param("A=b tagline lint --no-such", "--no-such", id="behind-a-variable"),
        pytest.param("kubectl obliterate x", "kubectl obliterate", id="verb-of-kubectl"),
        pytest.param("kubectl get imagepolicy --wide", "--wide", id="flag-of-kubectl"),
        pytest.param("kubectl get imagepolizy", "'imagepolizy' is no kind", id="kind"),
        pytest.param("rm -rf x", "program 'rm'", id="program"),
    ],
)
def test_command_lines_that_would_not_work_are_found(script: str, why: str) -> None:
    with pytest.raises(Wrong) as caught:
        check_script(script)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "script",
    [
        "tagline lint -o sarif > lint.sarif # a comment",
        "tagline automate . --once >/var/log/x 2>&1",
        "tagline suspend image policy web -n apps",
        "tagline preview | git apply",
        "kubectl get imagepolicy web -n apps -o jsonpath='{.status.selection}'",
        "export A=b && tagline --version",
    ],
)
def test_command_lines_that_work_pass(script: str) -> None:
    check_script(script)


POLICY = """\
apiVersion: image.toolkit.fluxcd.io/{version}
kind: ImagePolicy
metadata:
  name: web
spec:
  imageRepositoryRef:
    name: web
  policy:
    {policy}
"""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(POLICY.format(version="v1", policy="semver: {ragne: 1.x}"), "ragne", id="field"),
        pytest.param(POLICY.format(version="v1", policy="alphabetical: {order: up}"), "order", id="value"),
        pytest.param(POLICY.format(version="v7", policy="semver: {range: 1.x}"), "v7", id="version"),
        pytest.param("spec:\n  policy:\n    semver:\n      ragne: 1.x\n", "spec.policy.semver.ragne", id="fragment"),
        pytest.param("components:\n- tagline/manifests/components/none\n", "components/none", id="component"),
        pytest.param('image: a:1 # {"$imagepolicy": "web"}\n', "malformed", id="marker"),
        pytest.param("jobs: {x: {steps: [{run: tagline lint --no-such}]}}\n", "--no-such", id="workflow"),
        pytest.param("apiVersion: x.example/v1\nkind: X\nmetadata: {name: x}\n", "nobody knows", id="foreign"),
        pytest.param("apiVersion: v1\nkind: Secret\n", "no name", id="name"),
    ],
)
def test_manifests_that_would_be_refused_are_found(text: str, why: str) -> None:
    with pytest.raises(Wrong) as caught:
        check_yaml(text, "x.yaml")
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("one", "fate"),
    [
        pytest.param(block("x\n"), "say why", id="nothing-said"),
        pytest.param(block("$ kubectl get imagepolicy\nNAME\n"), "say why", id="dialogue-that-nobody-holds"),
        pytest.param(
            block("tagline lint --no-such\n", language="sh", reason="so"), "--no-such", id="flags-count-anyway"
        ),
    ],
)
def test_no_block_is_passed_over(one: Block, fate: str) -> None:
    with pytest.raises(Wrong) as caught:
        judge(one)
    assert fate in str(caught.value)
    assert judge(block("x\n", reason="a drawing")) == "not executed: a drawing"


def test_played_pages_differ_when_an_answer_does() -> None:
    said = next(one for one in blocks_of("docs/start/production.md") if "successful scan" in one.body)
    assert blur(said.body) != blur(said.body.replace("found 2 tags", "found 3 tags"))
    assert blur(said.body) == blur(said.body.replace("   ", "     "))


def test_blocks_are_found_by_the_heading_above_them() -> None:
    """A comment in a block is no heading."""
    file, script = blocks_below("docs/from/flux.md", "The switch")
    assert file.file_name == "clusters/my-cluster/flux-system/kustomization.yaml"
    assert script.body.startswith("git add clusters")
    with pytest.raises(ValueError, match="has no blocks below 'Nothing'"):
        blocks_below("docs/from/flux.md", "Nothing")
