import msgspec
import pytest

from controllers.runtime.embedded.selectors import selects
from controllers.runtime.kube.errors import Invalid

BODY = msgspec.json.encode({"metadata": {"labels": {"a": "1", "example.com/b": "x.y", "c": ""}}})


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("", True),
        ("a=1", True),
        ("a==1", True),
        ("a=2", False),
        ("a!=2", True),
        ("a!=1", False),
        ("none!=1", True),
        ("a", True),
        ("!a", False),
        ("none", False),
        ("! none", True),
        ("c=", True),
        ("a in (1, 2)", True),
        ("a in (2,3)", False),
        ("a notin (2)", True),
        ("none notin (2)", True),
        (" a = 1 , example.com/b = x.y ", True),
        ("a=1,a=2", False),
        ("a=1,in in (in)", False),
    ],
)
def test_selector(selector: str, *, selected: bool) -> None:
    assert selects(selector, BODY) is selected


@pytest.mark.parametrize("selector", ["=", "a=1;b", "a in 1", "a in (1", "!a=1", ",a", "a b", "a=ü"])
def test_what_is_no_selector(selector: str) -> None:
    with pytest.raises(Invalid, match="unable to parse label selector"):
        selects(selector, BODY)
