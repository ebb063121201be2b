"""`controllers.template`: any text is a template that gives a message, or one of the two errors."""

from datetime import UTC, datetime

from hypothesis import example, given, settings
from hypothesis import strategies as st

from controllers.template import (
    DataModel,
    FileChange,
    Limits,
    ObjectRef,
    TemplateChange,
    TemplateData,
    TemplateFailure,
    render_bytes,
)
from controllers.template.library import FUNCTIONS

NOW = datetime(2025, 1, 1, tzinfo=UTC)
LIMITS = Limits(steps=5_000)
PIECES = [
    *sorted(FUNCTIONS.keys() - {"bcrypt", "htpasswd"}),
    *[
        "{{",
        "}}",
        "{{-",
        "-}}",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "continue",
        "nil",
        "true",
        ".",
        "$",
        "$x",
        ":=",
        "=",
        ",",
        "|",
        "(",
        ")",
        "'",
    ],
    *[
        ".Changed",
        ".Changed.Changes",
        ".Changed.Objects",
        ".Updated",
        ".Updated.Images",
        ".Values",
        ".Values.a",
        ".AutomationObject.Name",
    ],
    *[
        "0",
        "1",
        "-1",
        "2.5",
        "1e3",
        "0x1F",
        "3i",
        '"a"',
        "`b`",
        '"\\xff"',
        '"%d|%v"',
        '"2006"',
        "{{/*",
        "*/}}",
        "'x'",
        "$i",
        "$e",
    ],
    " ",
    " ",
    "\n",
    "text",
]
DATA = TemplateData(
    "ns",
    "name",
    [FileChange("a.yaml", ObjectRef("v1", "Pod", "ns", "web"), [TemplateChange("1", "2", "ns:p:tag", "nginx:2")])],
    {"a": "b"},
)


def check(template: str, data: TemplateData = DATA) -> None:
    for model in DataModel:
        try:
            message = render_bytes(template, data, now=NOW, model=model, limits=LIMITS)
        except TemplateFailure as failure:
            str(failure).encode()
        else:
            assert len(message) <= LIMITS.output_bytes


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join))
@example("{{ range $i, $e := .Changed.Changes }}{{ $e }}{{ end }}")
def test_pieces_of_the_language(template: str) -> None:
    check(template)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map(lambda words: "{{ " + " ".join(words) + " }}"))
def test_single_actions(template: str) -> None:
    check(template)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text(template: str) -> None:
    check("{{" + template)
    check(template)


@settings(max_examples=200, deadline=None)
@given(st.text(), st.text(), st.dictionaries(st.text(), st.text()))
def test_any_data(file: str, value: str, values: dict[str, str]) -> None:
    change = TemplateChange(value, value, value, value)
    data = TemplateData(value, file, [FileChange(file, ObjectRef(value, file), [change, change])], values)
    check("{{ . }}{{ .Updated }}{{ toJson .Values }}{{ range .Updated.Images }}{{ .Name }}{{ .Policy }}{{ end }}", data)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="{"), min_size=1))
def test_text_without_actions_is_the_message(text: str) -> None:
    assert render_bytes(text, DATA, now=NOW) == text.encode()
