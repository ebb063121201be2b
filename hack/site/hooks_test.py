"""Links between the site and what is beside docs/, and files of the site that would load something from elsewhere."""

from pathlib import Path

import pytest

from hack.site.hooks import ROOT, find_foreign_loads, rewrite_links, unescape_pipes


@pytest.mark.parametrize(
    ("page", "markdown", "want"),
    [
        pytest.param("index.md", "[a](start/alone.md#run-it)", "[a](start/alone.md#run-it)", id="within"),
        pytest.param("guides/scan.md", "[a](../policies.md)", "[a](../policies.md)", id="within-from-a-folder"),
        pytest.param("development.md", "[a](../CONTRIBUTING.md)", "[a](contributing.md)", id="page-from-beside"),
        pytest.param("api/x.md", "[a](../../CHANGELOG.md#x)", "[a](../changelog.md#x)", id="page-from-beside-anchor"),
        pytest.param("changelog.md", "[a](docs/adopt.md)", "[a](adopt.md)", id="from-beside"),
        pytest.param("install.md", "the [Dockerfile](../Dockerfile)", "the Dockerfile", id="not-on-the-site"),
        pytest.param("contributing.md", "the [README](README.md)", "the [README](index.md)", id="readme"),
        pytest.param("install.md", "[a](../Missing.md)", "[a](../Missing.md)", id="dead-stays-for-mkdocs"),
        pytest.param("install.md", "[a](missing.md)", "[a](missing.md)", id="dead-within"),
        pytest.param("index.md", "[a](https://example.com/x#y)", "[a](https://example.com/x#y)", id="elsewhere"),
        pytest.param("index.md", "[a](#four-objects)", "[a](#four-objects)", id="same-page"),
        pytest.param("install.md", "`[a](../Dockerfile)`", "`[a](../Dockerfile)`", id="code"),
        pytest.param("install.md", "```\n[a](../Dockerfile)\n```\n", "```\n[a](../Dockerfile)\n```\n", id="block"),
    ],
)
def test_links_lead_to_pages_of_the_site(page: str, markdown: str, want: str) -> None:
    assert rewrite_links(markdown, page) == want


def test_pipes_in_the_code_of_tables_are_shown_as_they_are() -> None:
    assert unescape_pipes("| `a\\|b` | c \\| d |\n") == "| `a|b` | c \\| d |\n"
    assert unescape_pipes("see `a\\|b`\n") == "see `a\\|b`\n"


def test_a_build_is_not_quiet() -> None:
    """Quiet, mkdocs does not count warnings, and a dead link fails nothing."""
    makefile = (ROOT / "Makefile").read_text()
    recipe = makefile.partition("\ndocs: ")[2].partition("\n\n")[0]
    assert "mkdocs build --strict" in recipe
    assert "quiet" not in recipe


@pytest.mark.parametrize(
    ("name", "content", "is_found"),
    [
        pytest.param("a.html", '<script async src="https://x.example/a.js">', True, id="script"),
        pytest.param("a.html", '<link rel="stylesheet" href="//fonts.example/a.css">', True, id="style"),
        pytest.param("a.html", "<img alt=x src=http://x.example/a.png>", True, id="picture"),
        pytest.param("a.html", '<a href="https://x.example/">x</a><script src="../a.js">', False, id="link"),
        pytest.param("a/b.css", "a{background:url(https://x.example/a.png)}", True, id="url-in-css"),
        pytest.param("a/b.css", "a{background:url(data:image/svg+xml;x)}", False, id="data-in-css"),
    ],
)
def test_what_is_loaded_from_another_host_is_found(tmp_path: Path, name: str, content: str, is_found: bool) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    assert find_foreign_loads(tmp_path) == ([name] if is_found else [])
