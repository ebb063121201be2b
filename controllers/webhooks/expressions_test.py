from typing import Any

import pytest

from controllers.webhooks.expressions import MAX_CHARS, evaluate, evaluate_bool, evaluate_texts
from controllers.webhooks.verdict import Refusal

KNOWN: dict[str, Any] = {
    "req": {
        "image": "r.example.com/org/app",
        "tags": ["1", "2", ""],
        "n": 1 << 80,
        "half": "\ud800",
        "long": "x" * 9999,
        "many": list(range(5000)),
        "text": "x" * 400,
        "some": list(range(400)),
        "nothing": None,
        "other": {"a": [1]},
    },
    "headers": {"x-event": "push"},
}


@pytest.mark.parametrize(
    ("expression", "texts"),
    [
        pytest.param("req.image", ["r.example.com/org/app"], id="text"),
        pytest.param("req.tags", ["1", "2"], id="list"),
        pytest.param("req.tags.map(tag, 'v' + tag)", ["v1", "v2", "v"], id="map"),
        pytest.param("req.image.split('/')[2]", ["app"], id="strings"),
        pytest.param("req.nothing", [], id="null"),
        pytest.param("has(req.missing) ? req.missing : ''", [], id="missing"),
        pytest.param("req.half", ["?"], id="half-a-character"),
        pytest.param("req.long", [], id="long-texts-are-null"),
        pytest.param("req.many", [], id="long-lists-are-null"),
        pytest.param("req.image.split('/').last().value()", ["app"], id="last-of-a-list"),
        pytest.param("req.?missing.orValue('none')", ["none"], id="optional"),
        pytest.param("req.tags.map(tag, tag.replace('1', 'one'))", ["one", "2"], id="replace"),
    ],
)
def test_texts_of_an_expression(expression: str, texts: list[str]) -> None:
    assert evaluate_texts(expression, KNOWN) == texts


@pytest.mark.parametrize(
    ("expression", "status"),
    [
        pytest.param("req.missing", 400, id="missing"),
        pytest.param("req.other", 400, id="object"),
        pytest.param("req.some", 400, id="numbers"),
        pytest.param("req.text + req.text + req.text", 400, id="too-long-an-answer"),
        pytest.param("req.some.all(x, req.some.all(y, x + y >= 0)) ? 'a' : 'b'", 400, id="too-many-steps"),
        pytest.param("[].first().value()", 400, id="first-of-nothing"),
        pytest.param("unknown", 503, id="undeclared"),
        pytest.param("req.image ==", 503, id="syntax"),
        pytest.param("(" * 200 + "1" + ")" * 200, 503, id="nested"),
        pytest.param("'" + "a" * MAX_CHARS + "'", 503, id="long"),
        pytest.param("+".join(["req.image"] * 10), 503, id="joins"),
        pytest.param("req.text.replace('x', req.text.replace('x', req.text.replace('x', 'y')))", 503, id="replaces"),
        pytest.param("req.many.map(a, req.many.map(b, a.join(b)))", 503, id="loops-and-a-join"),
        pytest.param("req.many.map(a, req.many.map(b, req.many.map(c, 1)))", 503, id="loops"),
    ],
)
def test_expression_without_an_answer_is_refused(expression: str, status: int) -> None:
    with pytest.raises(Refusal) as refused:
        evaluate_texts(expression, KNOWN)
    assert refused.value.status == status
    assert str(refused.value).isprintable()


def test_conditions_are_true_or_false() -> None:
    assert evaluate_bool("headers['x-event'] == 'push'", KNOWN)
    assert not evaluate_bool("req.image.startsWith('+.map(')", KNOWN)
    with pytest.raises(Refusal, match="neither true nor false"):
        evaluate_bool("req.image", KNOWN)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        pytest.param("'++++++++++++'", "+" * 12, id="quotes"),
        pytest.param("""'''"++++++++++++' "'''""", '"++++++++++++\' "', id="three-quotes"),
        pytest.param(r"r'\+\+\+\+\+\+\+\+\+\+'", r"\+" * 10, id="raw"),
        pytest.param(r"'\'++++++++++++'", "'++++++++++++", id="escape"),
        pytest.param("// don't: + + + + + + + + + +\n'a'", "a", id="comment"),
        pytest.param("'http://++++++++++++'", "http://++++++++++++", id="no-comment"),
        pytest.param("{'a//b': 'a'}.`a//b`", "a", id="quoted-name"),
    ],
)
def test_signs_in_texts_are_no_joins(expression: str, text: str) -> None:
    assert evaluate(expression, KNOWN) == text


_DEAR = "req.text.replace(req.x, req.text).replace(req.x, req.text)"


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param(f'""" " """ + {_DEAR} + """ " """', id="a-quote-within-three"),
        pytest.param(f"''' ' ''' + {_DEAR} + ''' ' '''", id="an-apostrophe-within-three"),
        pytest.param(f"// '\n{_DEAR} // '", id="quotes-in-comments"),
        pytest.param("req.text.// a\nreplace(req.x, 'a').replace // b\n (req.x, req.text)", id="comments-between"),
        pytest.param(f"{{'a//b': ''}}.`a//b` + {_DEAR}", id="a-comment-that-is-none"),
    ],
)
def test_what_an_expression_costs_cannot_be_hidden(expression: str) -> None:
    with pytest.raises(Refusal, match="may cost too much"):
        evaluate(expression, {"req": {"text": "x" * 40, "x": "x"}})


def test_numbers_beyond_64_bits_stop_nobody() -> None:
    assert evaluate("req.n > 1.0", KNOWN) is True


def test_long_claims_are_not_cut_to_one_that_is_allowed() -> None:
    suffix = "/release.yml@refs/heads/main"
    claims = {"ref": "x" * (512 - len(suffix)) + suffix + "-evil"}
    with pytest.raises(Refusal):
        evaluate_bool(f"claims.ref.endsWith('{suffix}')", {"claims": claims})
