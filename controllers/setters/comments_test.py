import pytest

from controllers.setters.comments import read_marker


@pytest.mark.parametrize(
    ("comment", "want"),
    [
        pytest.param('# {"$imagepolicy": "a:b"}', "a:b", id="usual"),
        pytest.param('#{"$imagepolicy":"a:b:tag"}', "a:b:tag", id="no-spaces"),
        pytest.param('##\t { "$imagepolicy" : "a:b" } \t', "a:b", id="hashes-tabs-spaces"),
        pytest.param('# {"note": "x", "$imagepolicy": "a:b"}', "a:b", id="further-strings"),
        pytest.param('# {"\\u0024imagepolicy": "a:b"}', "a:b", id="escaped-dollar"),
        pytest.param('# {"$imagepolicy": "a:b", "$imagepolicy": "c:d"}', "c:d", id="last-of-equal-keys"),
        pytest.param('# {"$imagepolicy": "a:b", "n": null}', "a:b", id="null-beside"),
        pytest.param('# {"$ref": "#/definitions/io.k8s.cli.setters.a:b:tag"}', "a:b:tag", id="long-form"),
        pytest.param('# {"$ref": "#/definitions/io.k8s.cli.setters."}', None, id="long-form-of-nothing"),
        pytest.param('# {"$ref": "#/definitions/other.a:b"}', None, id="other-reference"),
        pytest.param('# {"$ref": "#/definitions/io.k8s.cli.setters.replicas"}', None, id="setter-of-kustomize"),
        pytest.param('# {"$imagepolicy": ""}', None, id="empty"),
        pytest.param('# {"$imagepolicy": "a:b", "n": 1}', None, id="number-beside"),
        pytest.param('# {"$imagepolicy": ["a:b"]}', None, id="list"),
        pytest.param('# {"$imagepolicy": "a:b"} keep', None, id="text-behind"),
        pytest.param('# image {"$imagepolicy": "a:b"}', None, id="text-before"),
        pytest.param('# # {"$imagepolicy": "a:b"}', None, id="second-hash"),
        pytest.param('# {"$imagepolicy": "a:b"} # {"x": "y"}', None, id="two-objects"),
        pytest.param("# {'$imagepolicy': 'a:b'}", None, id="single-quotes"),
        pytest.param('# {"$imagepolicy": "a:b",}', None, id="trailing-comma"),
        pytest.param('# {"$imagePolicy": "a:b"}', None, id="capital"),
        pytest.param('# {"$imagepolicy": ' + "[" * 100_000, None, id="deep-nesting"),
        pytest.param('# {"$imagepolicy": "\\ud800"}', None, id="half-a-surrogate-pair"),
        pytest.param("#", None, id="bare-hash"),
    ],
)
def test_markers(comment: str, want: str | None) -> None:
    assert read_marker(comment) == want
