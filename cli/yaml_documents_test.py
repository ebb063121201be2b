import pytest

from cli.yaml_documents import NotYaml, load_documents


def test_documents_come_with_their_first_line_and_dates_stay_texts() -> None:
    found = list(load_documents(b"# a comment\n---\nday: 2026-11-30\n---\n---\n- 1\n"))
    assert found == [(3, {"day": "2026-11-30"}), (6, [1])]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: 1\na: 2", "2", "the key a is there twice"),
        ("a: {b: 1, b: 2}", "1", "the key b is there twice"),
        ("a: " + "[" * 200 + "]" * 200, "1", "it is nested too deeply"),
        ("[" * 5000 + "]" * 5000, "", "nested too deeply"),
        ("\n" + "[" * 500_000, "2", "nested too deeply"),
        ("- " * 500_000 + "a", "1", "nested too deeply"),
        ("? " * 500_000 + "a", "1", "nested too deeply"),
        ('{"a":' * 500_000, "1", "nested too deeply"),
        ("a: &a [*a]", "1", "its aliases stand for more than 500000 values"),
        ("a: b: c", "1:5", "mapping values are not allowed"),
        ("a: 2026-13-45T99:99:99Z\n\x00", "", "not YAML"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, place: str, message: str) -> None:
    with pytest.raises(NotYaml, match=message) as caught:
        list(load_documents(text.encode()))
    assert caught.value.place == place or not place


def test_aliases_that_stand_for_more_than_memory_holds_are_refused() -> None:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 10)}]" for i in range(6)]
    with pytest.raises(NotYaml, match="aliases"):
        list(load_documents("\n".join(lines).encode()))


def test_signs_with_a_meaning_of_yaml_1_1_are_text_as_for_kubernetes() -> None:
    assert list(load_documents(b"a: =\nb: <<\n")) == [(1, {"a": "=", "b": "<<"})]


def test_long_lines_and_many_brackets_alone_are_no_depth() -> None:
    assert list(load_documents(b"[" + b"[1]," * 20_000 + b"[2]]")) == [(1, [[1]] * 20_000 + [[2]])]
    assert list(load_documents(b"a: " + b"x" * 100_000)) == [(1, {"a": "x" * 100_000})]
