"""A cache gives the same answers as `apply`, without its work."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.image.ref import ImageRef
from controllers.image.setter import parse_setter
from controllers.setters import cache as module
from controllers.setters.cache import FileCache
from controllers.setters.splice import FileEdit, apply

WEB, API = ImageRef("x/web", "1"), ImageRef("x/api", "1")
FILE = b"""web: x/web:1 # {"$imagepolicy": "apps:web"}
api: x/api:1 # {"$imagepolicy": "apps:api"}
"""


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the paths of the files that were really parsed."""
    paths: list[str] = []

    def noted(path: str, data: bytes, refs: Mapping[str, ImageRef]) -> FileEdit:
        paths.append(path)
        return apply(path, data, refs)

    monkeypatch.setattr(module, "apply", noted)
    return paths


def test_file_that_is_up_to_date_is_parsed_once(parsed: list[str]) -> None:
    memory, refs = FileCache(), {"apps:web": WEB, "apps:api": API}
    for _ in range(3):
        assert not memory.apply("a.yaml", FILE, refs).changed
    assert parsed == ["a.yaml"]


@pytest.mark.parametrize(
    ("data", "refs", "want"),
    [
        pytest.param(FILE, {"apps:web": WEB, "apps:api": API, "apps:other": WEB}, [], id="policy-it-does-not-name"),
        pytest.param(FILE, {"apps:web": ImageRef("x/web", "2"), "apps:api": API}, ["a.yaml"], id="policy-moved"),
        pytest.param(FILE, {"apps:web": WEB}, ["a.yaml"], id="policy-gone"),
        pytest.param(FILE + b"\n", {"apps:web": WEB, "apps:api": API}, ["a.yaml"], id="other-content"),
    ],
)
def test_what_makes_a_file_be_parsed_again(
    parsed: list[str], data: bytes, refs: dict[str, ImageRef], want: list[str]
) -> None:
    memory = FileCache()
    memory.apply("a.yaml", FILE, {"apps:web": WEB, "apps:api": API})
    parsed.clear()
    assert memory.apply("a.yaml", data, refs).data == apply("a.yaml", data, refs).data
    assert parsed == want


def test_file_with_an_edit_is_not_kept(parsed: list[str]) -> None:
    memory, refs = FileCache(), {"apps:web": ImageRef("x/web", "2")}
    assert memory.apply("a.yaml", FILE, refs).changed
    assert memory.apply("a.yaml", FILE, refs).changed
    assert len(parsed) == 2


def test_result_of_an_edit_is_known_to_be_up_to_date(parsed: list[str]) -> None:
    memory, refs = FileCache(), {"apps:web": ImageRef("x/web", "2"), "apps:api": API}
    edited = memory.apply("a.yaml", FILE, refs).data
    parsed.clear()
    assert not memory.apply("a.yaml", edited, refs).changed
    assert parsed == []
    assert memory.apply("a.yaml", edited, {"apps:web": WEB, "apps:api": API}).data == FILE


def test_policy_that_appears_ends_its_finding(parsed: list[str]) -> None:
    memory = FileCache()
    lacking = memory.apply("a.yaml", FILE, {"apps:web": WEB})
    assert [f.setter for f in lacking.findings] == ["apps:api"]
    assert memory.apply("a.yaml", FILE, {"apps:web": WEB}).findings == lacking.findings
    assert memory.apply("a.yaml", FILE, {"apps:web": WEB, "apps:api": API}).findings == ()
    assert len(parsed) == 2


REFS = st.dictionaries(
    st.sampled_from(["apps:web", "apps:api", "apps:db"]), st.builds(ImageRef, st.just("x"), st.sampled_from("12"))
)
LINES = st.sampled_from(
    [
        b'a: x:1 # {"$imagepolicy": "apps:web"}\n',
        b'b: x # {"$imagepolicy": "apps:web:name"}\n',
        b'c: \'2\' # {"$imagepolicy": "apps:api:tag"}\n',
        b'd: 2 # {"$imagepolicy": "apps:api:tag"}\n',
        b'e: x # {"$imagepolicy": "apps:db:nope"}\n',
        b'"$imagepolicy":\n',
        b"f: [\n",
    ]
)


@given(st.lists(st.tuples(st.lists(LINES, unique=True).map(b"".join), REFS), max_size=6))
def test_memory_changes_no_answer(asked: list[tuple[bytes, dict[str, ImageRef]]]) -> None:
    memory = FileCache()
    for data, refs in asked + asked:
        for content in (data, apply("f.yaml", data, refs).data):
            plain, remembered = apply("f.yaml", content, refs), memory.apply("f.yaml", content, refs)
            assert remembered.data == plain.data
            assert (remembered.changes, remembered.findings) == (plain.changes, plain.findings)


@pytest.mark.parametrize("setter", ["apps:web", "apps:web:tag", "apps:web:", "apps:web:tag:x"])
def test_policy_of_a_setter(setter: str) -> None:
    assert parse_setter(setter).policy_key == "apps:web"
