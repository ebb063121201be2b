"""`controllers.template.flux`: `compareLink` for each kind of Git host, and for data that make a plain link or none."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.template import Comparison, FileChange, ObjectRef, TemplateChange, TemplateData, TemplateError, render
from controllers.template.flux.links import LINK_FORMATS, build_link

NOW = datetime(2025, 1, 1, tzinfo=UTC)
OLD, NEW = "a" * 40, "b" * 40
GITHUB = "https://github.com/org/app"
EACH = (
    "{{ range .Changed.Changes }}{{ .OldValue }} -> {{ .NewValue }}{{ with compareLink . }} {{ . }}{{ end }}\n{{ end }}"
)
CHARACTERS = re.compile(r"https://[A-Za-z0-9._~+%/:?=&-]+", re.ASCII)


def data(*changes: TemplateChange) -> TemplateData:
    return TemplateData("apps", "fleet", [FileChange("web.yaml", ObjectRef(), changes)])


def message(template: str, *changes: TemplateChange) -> str:
    return render(template, data(*changes), now=NOW)


def change(comparison: Comparison | None, *, old: str = "1.0") -> TemplateChange:
    return TemplateChange(old, "1.1", "apps:web:tag", "x/web:1.1", comparison)


@pytest.mark.parametrize(
    ("source", "compared", "alone"),
    [
        pytest.param(GITHUB, f"/compare/{OLD}...{NEW}", f"/commit/{NEW}", id="github"),
        pytest.param("https://gitlab.com/a/b/app", f"/-/compare/{OLD}...{NEW}", f"/-/commit/{NEW}", id="gitlab"),
        pytest.param(
            "https://gitlab.example:8443/a/app", f"/-/compare/{OLD}...{NEW}", f"/-/commit/{NEW}", id="gitlab-by-name"
        ),
        pytest.param(
            "https://bitbucket.org/org/app", f"/branches/compare/{NEW}..{OLD}", f"/commits/{NEW}", id="bitbucket"
        ),
        pytest.param(
            "https://dev.azure.com/org/My%20Project/_git/app",
            f"/branchCompare?baseVersion=GC{OLD}&targetVersion=GC{NEW}",
            f"/commit/{NEW}",
            id="azure",
        ),
        pytest.param(
            "https://org.visualstudio.com/project/_git/app",
            f"/branchCompare?baseVersion=GC{OLD}&targetVersion=GC{NEW}",
            f"/commit/{NEW}",
            id="azure-by-its-old-name",
        ),
        pytest.param("https://git.example/code/org/app", f"/compare/{OLD}...{NEW}", f"/commit/{NEW}", id="other"),
    ],
)
def test_links_by_the_name_of_the_host(source: str, compared: str, alone: str) -> None:
    assert build_link(Comparison(source, NEW, OLD)) == source + compared
    assert build_link(Comparison(source, NEW)) == source + alone


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        ("azure", f"/branchCompare?baseVersion=GC{OLD}&targetVersion=GC{NEW}"),
        ("bitbucket", f"/branches/compare/{NEW}..{OLD}"),
        ("forgejo", f"/compare/{OLD}...{NEW}"),
        ("gitea", f"/compare/{OLD}...{NEW}"),
        ("github", f"/compare/{OLD}...{NEW}"),
        ("gitlab", f"/-/compare/{OLD}...{NEW}"),
    ],
)
def test_links_by_the_kind_that_the_template_names(kind: str, page: str) -> None:
    text = message(
        f"{{{{ range .Changed.Changes }}}}{{{{ compareLink . `{kind}` }}}}{{{{ end }}}}",
        change(Comparison("https://git.example/org/app", NEW, OLD)),
    )
    assert text == f"https://git.example/org/app{page}"


@pytest.mark.parametrize(
    ("source", "repository"),
    [
        pytest.param(f"{GITHUB}/tree/main/services/web", GITHUB, id="folder-at-github"),
        pytest.param("https://gitlab.com/a/b/app/-/tree/main", "https://gitlab.com/a/b/app", id="folder-at-gitlab"),
    ],
)
def test_pages_of_a_repository_stand_for_it(source: str, repository: str) -> None:
    assert build_link(Comparison(source, NEW, OLD)).startswith(
        f"{repository}/-/compare/" if "gitlab" in source else f"{GITHUB}/compare/"
    )


@pytest.mark.parametrize(
    "comparison",
    [
        pytest.param(Comparison(GITHUB, NEW, NEW), id="same-commit"),
        pytest.param(Comparison(GITHUB, NEW, NEW[:12]), id="same-commit-shortened"),
        pytest.param(Comparison(GITHUB, NEW[:12], NEW), id="same-commit-and-the-new-one-shortened"),
        pytest.param(Comparison("", NEW, OLD), id="no-source"),
        pytest.param(Comparison(GITHUB, "", OLD), id="no-commit"),
        pytest.param(Comparison(GITHUB, ""), id="no-commit-at-all"),
        pytest.param(Comparison(GITHUB, "main", OLD), id="no-commit-but-a-branch"),
        pytest.param(Comparison("https://user:s3cret@github.com/org/app", NEW, OLD), id="user-info"),
        pytest.param(Comparison("http://github.com/org/app", NEW, OLD), id="plain-http"),
        pytest.param(Comparison("https://github.com/org", NEW, OLD), id="no-repository"),
    ],
)
def test_no_link(comparison: Comparison) -> None:
    assert build_link(comparison) == ""


def test_old_commit_that_is_none_leaves_the_new_one() -> None:
    assert build_link(Comparison(GITHUB, NEW, "main")) == f"{GITHUB}/commit/{NEW}"


def test_message_has_a_link_where_the_provenance_is_known() -> None:
    text = message(EACH, change(Comparison(GITHUB, NEW, OLD)), change(None, old="0.9"))
    assert text == f"1.0 -> 1.1 {GITHUB}/compare/{OLD}...{NEW}\n0.9 -> 1.1\n"


def test_changes_of_objects_and_files_have_their_link_too() -> None:
    objects = "{{ range .Changed.Objects }}{{ range . }}{{ compareLink . }}{{ end }}{{ end }}"
    files = "{{ range .Changed.FileChanges }}{{ range . }}{{ range . }}{{ . | compareLink }}{{ end }}{{ end }}{{ end }}"
    for template in (objects, files):
        assert message(template, change(Comparison(GITHUB, NEW))) == f"{GITHUB}/commit/{NEW}"


def test_a_change_looks_as_without_links() -> None:
    template = "{{ printf `%+v` .Changed }} {{ toJson .Changed.Changes }} {{ len .Changed.Changes }}"
    known = [change(Comparison(GITHUB, NEW, OLD)), change(Comparison(GITHUB, NEW, OLD))]
    assert message(template, *known) == message(template, change(None), change(None))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        pytest.param(
            "compareLink . `gitlap`",
            "error calling compareLink: unknown kind of Git host `gitlap`; known are "
            "azure, bitbucket, forgejo, gitea, github, gitlab",
            id="unknown-kind",
        ),
        pytest.param(
            "compareLink . `gitlab` `x`",
            "error calling compareLink: there is one kind of Git host at most",
            id="two-kinds",
        ),
        pytest.param("compareLink", "wrong number of args for compareLink: want at least 1 got 0", id="no-change"),
        pytest.param(
            "compareLink .NewValue", "wrong type for value; expected update.Change; got string", id="not-a-change"
        ),
    ],
)
def test_wrong_use_is_an_error_also_where_nothing_is_known(call: str, error: str) -> None:
    with pytest.raises(TemplateError) as failure:
        message(f"{{{{ range .Changed.Changes }}}}{{{{ {call} }}}}{{{{ end }}}}", change(None))
    assert str(failure.value).replace('"gitlap"', "`gitlap`").endswith(error)


WORDS = st.one_of(st.text(), st.text("aZ9:@%/.-_?#[]()<> \n", max_size=12))
SOURCES = st.one_of(
    st.text(),
    st.builds(
        "{}{}{}/{}/{}".format,
        st.sampled_from(["https://", "http://", ""]),
        st.one_of(st.just(""), WORDS),
        st.sampled_from(["github.com", "gitlab.com", "bitbucket.org", "dev.azure.com", "git.example:80"]),
        st.one_of(st.just("org"), WORDS),
        st.one_of(st.just("app"), WORDS),
    ),
)
COMMITS = st.one_of(st.just(""), st.text("0123456789abcdef", min_size=7, max_size=64), st.text())


@given(SOURCES, COMMITS, COMMITS, st.sampled_from(["", *LINK_FORMATS]))
def test_nothing_but_plain_links(source: str, new: str, old: str, kind: str) -> None:
    found = build_link(Comparison(source, new, old), kind=kind)
    if found:
        assert CHARACTERS.fullmatch(found)
        assert "@" not in found
