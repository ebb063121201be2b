"""`controllers.lint`: neither lint nor adoption fails on what files contain."""

from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.adoption.origins.tools import TOOLS, read_tool
from controllers.adoption.property_test import adopt, documents
from controllers.lint.lint import lint
from controllers.lint.lint_test import APP, OBJECTS

PIECES = st.one_of(
    st.sampled_from(
        ["image", ":", " ", "\n", "\r\n", "- ", "{", "}", "[", "]", "&a ", "*a", "<<: ", "|\n  ", '"', "'", "#"]
    ),
    st.sampled_from(["---\n", "!!int ", "tag: ", "repository: ", "sops: {mac: x}\n", "{{ .x }}", "\t", "kind: List\n"]),
    st.sampled_from(['# {"$imagepolicy": "apps:web"}', "\x00", "\ufeff", "\u2028", "é", "spec: ", "metadata: "]),
    st.sampled_from(["keel.sh/policy: ", "argocd-image-updater.argoproj.io/image-list: a=b:c\n"]),
)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """Return a sound file with pieces put in and cut out."""
    text = draw(st.sampled_from([OBJECTS, APP, OBJECTS + "---\n" + APP]) | documents)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(PIECES) + text[at + draw(st.sampled_from([0, 0, 1, 5])) :]
    data = text.encode("utf-8", "surrogatepass")
    return data + draw(st.sampled_from([b"", b"", b"\xff"]))


@settings(max_examples=200, deadline=None)
@given(mutations(), st.sampled_from(["a.yaml", "kustomization.yaml", "a.json", "a.env", "renovate.json"]))
def test_nothing_fails(data: bytes, name: str) -> None:
    files = {name: data, "objects.yaml": OBJECTS.encode()}
    lint(files.items(), flux=True)
    adopt(files)
    for tool in TOOLS:
        read_tool(tool, files.items())
