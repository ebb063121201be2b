"""Which commit a checkout means, and which references a refspec moves."""

import pytest

from controllers.git.errors import BadRefspec, EmptyRepository, PushRejected, RefMoved, RefNotFound
from controllers.git.protocol.refs import Checkout, Refs, Tip, branch_tip, resolve, tip_from_revision
from controllers.git.protocol.refspec import ANY, RefUpdate, parse_refspec
from controllers.git.protocol.session import plan_push
from controllers.git.protocol.wire import PushCommand

A, B, C = (letter * 40 for letter in "abc")
LONG = "d" * 64
URL = "https://example.com/fleet.git"
REFS = Refs(
    URL,
    {
        "HEAD": A, "refs/heads/main": A, "refs/heads/master": B, "refs/heads/a/b": C, "refs/tags/v1.0.0": B,
        "refs/tags/v1.1.0": C, "refs/pull/1/head": B,
    },
    {"refs/tags/v1.0.0": A},
    {"HEAD": "refs/heads/main"},
)  # fmt: skip


def newest(range_: str, tags: object) -> str | None:
    assert isinstance(tags, list)
    return max((t for t in tags if t.startswith(range_)), default=None)


@pytest.mark.parametrize(
    ("checkout", "want"),
    [
        pytest.param(Checkout(), Tip("refs/heads/master", B, f"master@sha1:{B}"), id="default-is-master"),
        pytest.param(Checkout(branch="main"), Tip("refs/heads/main", A, f"main@sha1:{A}"), id="branch"),
        pytest.param(Checkout(branch="a/b"), Tip("refs/heads/a/b", C, f"a/b@sha1:{C}"), id="branch-with-slash"),
        pytest.param(Checkout(tag="v1.1.0"), Tip("refs/tags/v1.1.0", C, f"v1.1.0@sha1:{C}"), id="tag"),
        pytest.param(Checkout(tag="v1.0.0"), Tip("refs/tags/v1.0.0", A, f"v1.0.0@sha1:{A}"), id="annotated-is-peeled"),
        pytest.param(Checkout(semver="v1"), Tip("refs/tags/v1.1.0", C, f"v1.1.0@sha1:{C}"), id="semver"),
        pytest.param(Checkout(name="refs/heads/main"), Tip("refs/heads/main", A, f"main@sha1:{A}"), id="name"),
        pytest.param(Checkout(name="refs/pull/1/head"), Tip("refs/pull/1/head", B, f"1/head@sha1:{B}"), id="pull"),
        pytest.param(
            Checkout(name="refs/tags/v1.0.0^{}"), Tip("refs/tags/v1.0.0", A, f"v1.0.0@sha1:{A}"), id="name-peeled"
        ),
        pytest.param(Checkout(name="HEAD"), Tip("HEAD", A, f"HEAD@sha1:{A}"), id="short-name"),
        pytest.param(Checkout(commit=C), Tip("", C, f"sha1:{C}"), id="commit"),
        pytest.param(Checkout(commit=LONG), Tip("", LONG, f"sha256:{LONG}"), id="sha256"),
        pytest.param(Checkout(commit=LONG, branch="main"), Tip("", LONG, f"main@sha256:{LONG}"), id="sha256-of-branch"),
        pytest.param(Checkout(commit=C, branch="main"), Tip("", C, f"main@sha1:{C}"), id="commit-of-branch"),
        pytest.param(Checkout(commit=C, name="refs/heads/main", semver="v1", tag="v1.0.0"), Tip("", C, f"sha1:{C}"),
                     id="commit-first"),
        pytest.param(Checkout(name="refs/heads/main", semver="v1", tag="v1.0.0", branch="a/b"),
                     Tip("refs/heads/main", A, f"main@sha1:{A}"), id="then-name"),
        pytest.param(Checkout(semver="v1", tag="v1.0.0"),
                     Tip("refs/tags/v1.1.0", C, f"v1.1.0@sha1:{C}"), id="semver-next"),
        pytest.param(Checkout(tag="v1.1.0", branch="main"),
                     Tip("refs/tags/v1.1.0", C, f"v1.1.0@sha1:{C}"), id="tag-next"),
    ],
)  # fmt: skip
def test_checkouts(checkout: Checkout, want: Tip) -> None:
    assert resolve(checkout, REFS, select_semver=newest) == want


@pytest.mark.parametrize(
    ("checkout", "text"),
    [
        pytest.param(Checkout(branch="release"), 'couldn\'t find remote ref "refs/heads/release"', id="branch"),
        pytest.param(Checkout(tag="v9"), 'couldn\'t find remote ref "refs/tags/v9"', id="tag"),
        pytest.param(Checkout(semver="9"), "no match found for semver: 9", id="semver"),
        pytest.param(Checkout(name="refs/x"), "unable to resolve ref 'refs/x' to a specific commit", id="name"),
        pytest.param(
            Checkout(name="/x"), "ref /x is invalid; Git refs cannot begin or end with a slash '/'", id="slash"
        ),
    ],
)
def test_missing_references_are_named(checkout: Checkout, text: str) -> None:
    with pytest.raises(RefNotFound) as missing:
        resolve(checkout, REFS, select_semver=newest)
    assert str(missing.value) == f"unable to clone '{URL}': {text}"


SHORT = "is not the whole hash of a commit: write all 40 hexadecimal characters (64 where the repository uses SHA-256)"
OR_NAME = "; or name a branch with ref.branch, or a tag with ref.tag"


@pytest.mark.parametrize(
    ("checkout", "text"),
    [
        pytest.param(Checkout(commit="deadbeef"), f"'deadbeef' {SHORT}{OR_NAME}", id="short"),
        pytest.param(Checkout(commit=A[:7], branch="main"), f"'{A[:7]}' {SHORT}, perhaps {A}{OR_NAME}", id="short-tip"),
        pytest.param(Checkout(commit=A + "a"), f"'{A}a' {SHORT}{OR_NAME}", id="41-characters"),
        pytest.param(Checkout(commit="g" * 40), f"'{'g' * 40}' {SHORT}{OR_NAME}", id="no-hexadecimal-digits"),
        pytest.param(Checkout(commit="main"), f"'main' {SHORT}{OR_NAME}", id="branch-as-commit"),
        pytest.param(Checkout(commit=" "), f"'' {SHORT}{OR_NAME}", id="blank"),
        pytest.param(Checkout(commit="x\ny"), f"'x y' {SHORT}{OR_NAME}", id="several-lines"),
        pytest.param(
            Checkout(branch="refs/heads/main"),
            "couldn't find remote ref \"refs/heads/refs/heads/main\"; ref.branch takes the short name: write 'main'",
            id="full-name-as-branch",
        ),
        pytest.param(
            Checkout(tag="refs/tags/v1.0.0"),
            "couldn't find remote ref \"refs/tags/refs/tags/v1.0.0\"; ref.tag takes the short name: write 'v1.0.0'",
            id="full-name-as-tag",
        ),
        pytest.param(
            Checkout(branch="refs/pull/1/head"),
            'couldn\'t find remote ref "refs/heads/refs/pull/1/head"; ref.branch takes a short name: '
            "for this reference set ref.name",
            id="other-reference-as-branch",
        ),
        pytest.param(
            Checkout(branch="v1.0.0"),
            'couldn\'t find remote ref "refs/heads/v1.0.0"; there is a tag of this name: set ref.tag',
            id="tag-as-branch",
        ),
        pytest.param(
            Checkout(tag="main"),
            'couldn\'t find remote ref "refs/tags/main"; there is a branch of this name: set ref.branch',
            id="branch-as-tag",
        ),
        pytest.param(
            Checkout(name="main"),
            "unable to resolve ref 'main' to a specific commit; ref.name takes the whole name: write 'refs/heads/main'",
            id="branch-as-name",
        ),
        pytest.param(
            Checkout(name="v1.0.0"),
            "unable to resolve ref 'v1.0.0' to a specific commit; ref.name takes the whole name: write "
            "'refs/tags/v1.0.0'",
            id="tag-as-name",
        ),
    ],
)
def test_what_to_write_instead_is_named(checkout: Checkout, text: str) -> None:
    with pytest.raises(RefNotFound) as missing:
        resolve(checkout, REFS, select_semver=newest)
    assert str(missing.value) == f"unable to clone '{URL}': {text}"


@pytest.mark.parametrize("commit", [A, A.upper(), f" {A}\n", "c" * 64, "C" * 64])
def test_a_whole_hash_is_not_looked_up(commit: str) -> None:
    plain = commit.strip().lower()
    tip = resolve(Checkout(commit=commit), REFS, select_semver=newest)
    assert (tip.ref, tip.commit, tip.revision) == ("", plain, f"{'sha1' if len(plain) == 40 else 'sha256'}:{plain}")


def test_an_empty_repository() -> None:
    with pytest.raises(EmptyRepository):
        resolve(Checkout(branch="main"), Refs(URL, {}, {}, {}), select_semver=newest)


@pytest.mark.parametrize("commit", [A, "c" * 64])
def test_tips_come_back_from_revisions(commit: str) -> None:
    tip = branch_tip(Refs(URL, {"refs/heads/main": commit}, {}, {}), "main")
    assert tip is not None
    assert tip_from_revision(tip.revision, "main") == tip


@pytest.mark.parametrize(
    "text",
    [
        "",
        "main",
        f"dev@sha1:{A}",
        f"sha1:{A}",
        f"main@sha256:{A}",
        "main@sha1:",
        f"main@sha1:{'x' * 40}",
        "main@sha1:../..",
        A,
    ],
)
def test_other_texts_are_no_tips(text: str) -> None:
    assert tip_from_revision(text, "main") is None


def test_tips_of_branches() -> None:
    assert branch_tip(REFS, "main") == Tip("refs/heads/main", A, f"main@sha1:{A}")
    assert branch_tip(REFS, "other") is None
    assert REFS.tags == ["v1.0.0", "v1.1.0"]
    assert Checkout(name="refs/x^{}").extra_refs == ("refs/x",)


LOCAL = {"refs/heads/main": A, "refs/heads/updates": B}


@pytest.mark.parametrize(
    ("text", "want", "force"),
    [
        pytest.param("refs/heads/main:refs/heads/mirror", [RefUpdate("refs/heads/mirror", A)], False, id="plain"),
        pytest.param("+refs/heads/main:refs/heads/mirror", [RefUpdate("refs/heads/mirror", A)], True, id="force"),
        pytest.param("refs/heads/updates:refs/for/main", [RefUpdate("refs/for/main", B)], False, id="review"),
        pytest.param("refs/heads/*:refs/heads/bot/*",
                     [RefUpdate("refs/heads/bot/main", A), RefUpdate("refs/heads/bot/updates", B)], False,
                     id="wildcard"),
    ],
)  # fmt: skip
def test_refspecs(text: str, want: list[RefUpdate], force: bool) -> None:
    refspec = parse_refspec(text)
    assert refspec.updates(LOCAL) == want
    assert refspec.force is force
    assert str(refspec) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("refs/heads/main", "separators are wrong", id="no-separator"),
        pytest.param("a:refs/b:refs/c", "separators are wrong", id="two-separators"),
        pytest.param(":refs/heads/main", "deletes a reference", id="deletion"),
        pytest.param("+:refs/heads/main", "deletes a reference", id="forced-deletion"),
        pytest.param("refs/heads/main:mirror", "full reference name", id="short-destination"),
        pytest.param("refs/heads/main:refs/heads/a b", "full reference name", id="space"),
        pytest.param("refs/heads/*:refs/heads/x", "number of wildcards", id="one-wildcard"),
        pytest.param("refs/*/*:refs/*/*", "number of wildcards", id="many-wildcards"),
        pytest.param("refs/heads/other:refs/heads/x", "not a reference of this run", id="unknown-source"),
        pytest.param("refs/tags/*:refs/tags/*", "matches no reference of this run", id="unmatched"),
    ],
)
def test_refspecs_that_are_refused(text: str, reason: str) -> None:
    with pytest.raises(BadRefspec, match=reason):
        parse_refspec(text).updates(LOCAL)


@pytest.mark.parametrize(
    ("update", "want"),
    [
        pytest.param(RefUpdate("refs/heads/x", B, None), [PushCommand("refs/heads/x", None, B)], id="create"),
        pytest.param(RefUpdate("refs/heads/main", B, A), [PushCommand("refs/heads/main", A, B)], id="move"),
        pytest.param(RefUpdate("refs/heads/main", B, ANY), [PushCommand("refs/heads/main", A, B)], id="from-anywhere"),
        pytest.param(RefUpdate("refs/heads/main", A, C), [], id="there-already"),
        pytest.param(RefUpdate("refs/heads/main", B, None), RefMoved, id="exists"),
        pytest.param(RefUpdate("refs/heads/main", B, C), RefMoved, id="elsewhere"),
        pytest.param(RefUpdate("refs/heads/x", B, A), RefMoved, id="gone"),
        pytest.param(RefUpdate("refs/heads/main", C, A), PushRejected, id="not-forward"),
    ],
)
def test_push_plans(update: RefUpdate, want: list[PushCommand] | type[Exception]) -> None:
    def may_update(_old: str, new: str) -> bool:
        return new == B

    if isinstance(want, type):
        with pytest.raises(want):
            plan_push([update], {"refs/heads/main": A}, may_update=may_update)
        return
    assert plan_push([update], {"refs/heads/main": A}, may_update=may_update) == want
