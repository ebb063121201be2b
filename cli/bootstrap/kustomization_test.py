import pytest

from cli.bootstrap.kustomization import with_resource
from cli.grammar.session import Failed

PATH = "clusters/a/flux-system/kustomization.yaml"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("resources:\n- a\n- b\n", "resources:\n- a\n- b\n- tagline\n", id="of-flux"),
        pytest.param(
            "resources: # x\n  - a # first\n  - 'b' # second\n  # tail\npatches: []\n",
            "resources: # x\n  - a # first\n  - 'b' # second\n  - tagline\n  # tail\npatches: []\n",
            id="indented-with-comments",
        ),
        pytest.param("resources: [a, b] # c\nk: v\n", "resources: [a, b, tagline] # c\nk: v\n", id="flow"),
        pytest.param("resources: [\n  a,\n]\n", "resources: [\n  a, tagline,\n]\n", id="flow-over-lines"),
        pytest.param("resources: []\n", "resources: [tagline]\n", id="empty-flow"),
        pytest.param("resources:\nk: v\n", "resources:\n- tagline\nk: v\n", id="nothing"),
        pytest.param("k: v", "k: v\nresources:\n- tagline\n", id="no-resources-no-end-of-line"),
        pytest.param(
            "k: v\r\nresources:\r\n- a\r\nz: |\r\n  y\r\n",
            "k: v\r\nresources:\r\n- a\r\n- tagline\r\nz: |\r\n  y\r\n",
            id="crlf",
        ),
        pytest.param("resources:\n- a", "resources:\n- a\n- tagline", id="no-end-of-line"),
        pytest.param(
            "resources:\n- >-\n  a\n\nk: v\n", "resources:\n- >-\n  a\n\n- tagline\nk: v\n", id="block-scalar"
        ),
        pytest.param(
            "resources:\n-   a-b/-c\n# - tagline\n",
            "resources:\n-   a-b/-c\n- tagline\n# - tagline\n",
            id="in-a-comment",
        ),
        pytest.param("\ufeffresources:\n- a\n", "\ufeffresources:\n- a\n- tagline\n", id="byte-order-mark"),
        pytest.param("resources:\n- ./tagline/\n- b\n", "resources:\n- ./tagline/\n- b\n", id="there-already"),
    ],
)
def test_one_line_is_added_and_every_other_byte_stays(before: str, after: str) -> None:
    assert with_resource(before.encode(), "tagline", PATH).decode() == after
    assert with_resource(after.encode(), "tagline", PATH).decode() == after


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"{}", "by hand", id="flow-mapping-without"),
        pytest.param(b"resources: a\n", "resources is not a list", id="text"),
        pytest.param(b"resources:\n- a\n b: [\n", "not YAML", id="broken"),
        pytest.param(b"", "is not a kustomization", id="empty"),
        pytest.param(b"\xff\xfe", "UTF-8", id="other-encoding"),
        pytest.param(b"resources: [a]\n---\nresources: [b]\n", "is not a kustomization", id="two-documents"),
        pytest.param(b"resources: [a]\nresources: [b]\n", "is there twice", id="a-key-twice"),
        pytest.param(b"a: &r [x]\nresources: *r\n", "by hand", id="alias"),
    ],
)
def test_what_cannot_be_changed_safely_is_refused_with_the_path(content: bytes, said: str) -> None:
    with pytest.raises(Failed, match=rf"^{PATH}.*{said}"):
        with_resource(content, "tagline", PATH)
