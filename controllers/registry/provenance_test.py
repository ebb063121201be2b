"""What of a label may be passed on: addresses in every form that builders write, and nothing that is secret."""

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controllers.registry.provenance import (
    MAX_SOURCE_CHARS,
    REVISION,
    SOURCE,
    Provenance,
    normalize_commit_id,
    normalize_source_url,
    read_provenance,
)

APP = "https://github.com/org/app"
FIT = re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?/[A-Za-z0-9._~+%/-]+", re.ASCII)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        pytest.param(APP, APP, id="plain"),
        pytest.param(f" {APP}.git/ ", APP, id="ending-and-blanks"),
        pytest.param("HTTPS://GitHub.com/Org/App", "https://github.com/Org/App", id="case-of-the-host"),
        pytest.param("https://ci:s3cret@github.com/org/app", APP, id="user-and-password"),
        pytest.param("https://ghp_token@github.com/org/app", APP, id="token-as-user"),
        pytest.param(f"{APP}?access_token=s3cret#readme", APP, id="query-and-fragment"),
        pytest.param("https://git.example:8443/org/app", "https://git.example:8443/org/app", id="port"),
        pytest.param("git@github.com:org/app.git", APP, id="scp"),
        pytest.param("ssh://git@github.com:2222/org/app.git", APP, id="ssh-port-is-not-that-of-the-web"),
        pytest.param("git://github.com/org/app.git", APP, id="git"),
        pytest.param("https://gitlab.com/a/b/c/app", "https://gitlab.com/a/b/c/app", id="subgroups"),
        pytest.param(
            "git@ssh.dev.azure.com:v3/org/My%20Project/app",
            "https://dev.azure.com/org/My%20Project/_git/app",
            id="azure-ssh",
        ),
        pytest.param("git@gitlab.com:v3/a/b/app", "https://gitlab.com/v3/a/b/app", id="azure-s-path-elsewhere"),
        pytest.param("http://github.com/org/app", "", id="plain-http"),
        pytest.param("file:///etc/passwd", "", id="file"),
        pytest.param("javascript:alert(1)", "", id="script"),
        pytest.param("org/app", "", id="no-host"),
        pytest.param("https://github.com/", "", id="no-path"),
        pytest.param("https://github.com/.git", "", id="nothing-but-an-ending"),
        pytest.param("https://user:12/s3cret@github.com/org", "", id="slash-in-a-password"),
        pytest.param("https://a@b:s3cret@github.com/org/app", "", id="two-ats"),
        pytest.param("https://github.com/org/app%40s3cret", "", id="escaped-at"),
        pytest.param("https://github.com/org/../app", "", id="dots"),
        pytest.param("https://github.com/org/app)[x](evil", "", id="markdown"),
        pytest.param("https://github.com/org/app\nSigned-off-by: x", "", id="line-break"),
        pytest.param("https://github.com/org/äpp", "", id="not-ascii"),
        pytest.param(f"{APP}/{'x' * MAX_SOURCE_CHARS}", "", id="too-long"),
        pytest.param("", "", id="empty"),
    ],
)
def test_source_url(text: str, url: str) -> None:
    assert normalize_source_url(text) == url


TEXTS = st.one_of(
    st.text(),
    st.builds(
        "{}{}{}/{}".format,
        st.sampled_from(["https://", "ssh://", "git://", "http://", "git@", ""]),
        st.one_of(st.sampled_from(["", "a@", "a:b@"]), st.text("aZ9:@%/.-_?#[]\\ \n\x00ü", max_size=12)),
        st.sampled_from(["github.com", "host:22", "@host", "h:x@host"]),
        st.one_of(st.text("aZ9/.-_?", min_size=1), st.text("aZ9:@%/.-_?#[]()<>\\ \n\x00ü", max_size=20)),
    ),
)


@given(TEXTS)
@example("https://a:b@github.com/org/app")
def test_no_url_has_user_info_or_anything_that_needs_care(text: str) -> None:
    url = normalize_source_url(text)
    if url:
        assert FIT.fullmatch(url)
        assert urlsplit(url).username is None
        assert normalize_source_url(url) == url


@pytest.mark.parametrize(
    ("text", "commit"),
    [
        pytest.param("a" * 40, "a" * 40, id="sha1"),
        pytest.param("A" * 64, "a" * 64, id="sha256-in-capitals"),
        pytest.param(" abcdef0\n", "abcdef0", id="short"),
        pytest.param("abcdef", "", id="too-short"),
        pytest.param("a" * 65, "", id="too-long"),
        pytest.param("abcdef0-dirty", "", id="dirty"),
        pytest.param("v1.2.3", "", id="version"),
        pytest.param("١٢٣٤٥٦٧", "", id="digits-of-another-script"),
    ],
)
def test_commit_id(text: str, commit: str) -> None:
    assert normalize_commit_id(text) == commit


def test_first_usable_value_of_each_key_counts() -> None:
    labels = [{SOURCE: "nowhere"}, {SOURCE: f"{APP}.git", "other": "x"}, {SOURCE: "https://x/y", REVISION: "b" * 40}]
    assert read_provenance(labels) == Provenance(APP, "b" * 40)
    assert read_provenance([]) == Provenance()


@pytest.mark.parametrize(
    ("origin", "is_complete"),
    [
        pytest.param(Provenance(APP, "b" * 40), True, id="both"),
        pytest.param(Provenance(APP), False, id="no-revision"),
        pytest.param(Provenance(revision="b" * 40), False, id="no-source"),
    ],
)
def test_complete(origin: Provenance, is_complete: bool) -> None:
    assert origin.is_complete is is_complete
