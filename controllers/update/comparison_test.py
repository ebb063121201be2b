"""From which commits the old and the new image of a marker were built, for every form of its value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.imagepolicy import ImageSource
from controllers.image.ref import ImageRef
from controllers.image.setter import parse_setter
from controllers.setters import FileResult, ObjectIdentifier, Update, ValueChange
from controllers.template import Comparison, render
from controllers.update.comparison import build_comparison, collect_sources
from controllers.update.message import build_template_data
from testing.builders import automation, image_policy
from testing.clock import START

REPOSITORY, OTHER = "https://github.com/org/app", "https://github.com/org/other"
A, B, C = "a" * 40, "b" * 40, "c" * 40
OLD_DIGEST, DIGEST = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
NAME = "registry.example:5000/org/app"


def entry(tag: str, revision: str, *, digest: str = "", source: str = REPOSITORY) -> ImageSource:
    return ImageSource(tag=tag, digest=digest, source=source, revision=revision)


def change(old: str, new: str = "any", suffix: str = "") -> ValueChange:
    return ValueChange(old, new, f"apps:app{suffix}", ObjectIdentifier("", "", "", ""), "app.yaml", 1)


def compared(old: str, *sources: ImageSource, suffix: str = "", digest: str = "") -> Comparison | None:
    """Return the comparison of a change from `old` to tag 1.1 of the image."""
    return build_comparison(parse_setter(f"apps:app{suffix}"), old, ImageRef(NAME, "1.1", digest), sources)


BOTH = (entry("1.1", B), entry("1.0", A))
DIGESTS = (entry("1.1", B, digest=DIGEST), entry("1.1", A, digest=OLD_DIGEST))


@pytest.mark.parametrize(
    ("old", "suffix"),
    [
        pytest.param(f"{NAME}:1.0", "", id="whole-reference"),
        pytest.param("1.0", ":tag", id="tag"),
        pytest.param(f"{NAME}:1.0@{OLD_DIGEST}", "", id="digest-that-was-not-reflected"),
    ],
)
def test_by_tag(old: str, suffix: str) -> None:
    assert compared(old, *BOTH, suffix=suffix) == Comparison(REPOSITORY, B, A)


@pytest.mark.parametrize(
    ("old", "suffix"),
    [
        pytest.param(f"{NAME}:1.1@{OLD_DIGEST}", "", id="same-tag"),
        pytest.param(f"{NAME}@{OLD_DIGEST}", "", id="no-tag"),
        pytest.param(OLD_DIGEST, ":digest", id="marker-of-a-digest"),
    ],
)
def test_by_digest(old: str, suffix: str) -> None:
    assert compared(old, *DIGESTS, suffix=suffix, digest=DIGEST) == Comparison(REPOSITORY, B, A)


def test_old_image_is_found_among_all_that_were_chosen_since() -> None:
    sources = (entry("1.1", C), entry("1.0.2", B), entry("1.0.1", B), entry("1.0", A))
    assert compared("1.0", *sources, suffix=":tag") == Comparison(REPOSITORY, C, A)


@pytest.mark.parametrize(
    ("old", "sources"),
    [
        pytest.param(f"{NAME}:0.9", BOTH, id="not-remembered"),
        pytest.param(NAME, BOTH, id="no-tag"),
        pytest.param("", BOTH, id="empty"),
        pytest.param("elsewhere.example/org/app:1.0", BOTH, id="another-name"),
        pytest.param(f"{NAME}:1.0", (entry("1.1", B), entry("1.0", A, source=OTHER)), id="another-repository"),
        pytest.param(f"{NAME}:1.0", (entry("1.1", B), entry("1.0", "", source="")), id="does-not-tell"),
    ],
)
def test_old_commit_that_is_not_known_is_left_out(old: str, sources: tuple[ImageSource, ...]) -> None:
    assert compared(old, *sources) == Comparison(REPOSITORY, B)


def test_digest_that_moved_is_not_taken_for_another_of_its_tag() -> None:
    assert compared(f"{NAME}:1.1@{'sha256:' + '3' * 64}", *DIGESTS, digest=DIGEST) == Comparison(REPOSITORY, B)
    # Nothing is known of the new digest, although the tag is known with another one.
    assert compared(f"{NAME}:1.0", *DIGESTS, digest=f"sha256:{'3' * 64}") is None


def test_tag_without_digest_is_the_one_that_had_none() -> None:
    sources = (entry("1.1", C, digest=DIGEST), entry("1.1", B, digest=OLD_DIGEST), entry("1.1", A))
    assert compared(f"{NAME}:1.1", *sources, digest=DIGEST) == Comparison(REPOSITORY, C, A)


def test_spelling_of_a_name_or_of_an_address_makes_no_other() -> None:
    sources = (entry("1.1", B), entry("1.0", A, source="https://github.com/Org/App"))
    image = ImageRef(name="docker.io/library/nginx", tag="1.1")
    assert build_comparison(parse_setter("apps:app"), "nginx:1.0", image, sources) == Comparison(REPOSITORY, B, A)


@pytest.mark.parametrize(
    ("sources", "suffix"),
    [
        pytest.param((), "", id="nothing-read"),
        pytest.param((entry("1.0", A),), "", id="new-one-not-read"),
        pytest.param((entry("1.1", "", source=""), entry("1.0", A)), "", id="new-one-does-not-tell"),
        pytest.param((entry("1.1", ""), entry("1.0", A)), "", id="no-revision"),
        pytest.param((entry("1.1", B, source=""), entry("1.0", A)), "", id="no-source"),
        pytest.param(BOTH, ":name", id="marker-of-a-name"),
    ],
)
def test_nothing_is_known(sources: tuple[ImageSource, ...], suffix: str) -> None:
    assert compared(f"{NAME}:1.0", *sources, suffix=suffix) is None


def test_policies_without_sources_are_left_out() -> None:
    assert collect_sources([image_policy("web")]) == {}


TEXTS = st.one_of(st.text(), st.sampled_from(["1.0", f"{NAME}:1.0", DIGEST, f"{NAME}:1.0@{DIGEST}", "a@b@c", ":"]))
ENTRIES = st.builds(
    ImageSource,
    tag=st.sampled_from(["1.0", "1.1"]),
    digest=st.sampled_from(["", DIGEST, OLD_DIGEST]),
    source=st.one_of(
        st.sampled_from([REPOSITORY, OTHER, "https://user:s3cret@github.com/org/app", f"{REPOSITORY}\n)<"]), st.text()
    ),
    revision=st.one_of(st.sampled_from([A, B, "main"]), st.text()),
)


@given(TEXTS, st.lists(ENTRIES, max_size=4), st.sampled_from(["", ":tag", ":digest", ":name"]))
def test_whatever_a_status_holds_a_message_has_plain_links_or_none(
    old: str, sources: list[ImageSource], suffix: str
) -> None:
    update = Update({}, (FileResult("app.yaml", ObjectIdentifier("", "", "", ""), (change(old, suffix=suffix),)),), ())
    images = {"apps:app": ImageRef(name=NAME, tag="1.1", digest=DIGEST)}
    data = build_template_data(automation(), update, images, {"apps:app": sources})
    text = render("{{ range .Changed.Changes }}[{{ compareLink . }}]{{ end }}", data, now=START)
    links = {f"{where}/compare/{a}...{b}" for where in (REPOSITORY, OTHER) for a in (A, B) for b in (A, B) if a != b}
    links |= {f"{where}/commit/{commit}" for where in (REPOSITORY, OTHER) for commit in (A, B)}
    assert text == "[]" or text[1:-1] in links
