"""Credentials as people store them: what is taken off, what is refused, and that no refusal repeats one."""

from collections.abc import Callable

import pytest

from controllers.net.credential import UnfitCredential, fit_text, fit_token, is_token

SECRET = "TOPSECRET"


@pytest.mark.parametrize(
    ("fit", "value", "want"),
    [
        pytest.param(fit_token, f"{SECRET}\n", SECRET, id="token-of-echo"),
        pytest.param(fit_token, f" {SECRET}\r\n\n", SECRET, id="token-with-blanks-around"),
        pytest.param(fit_token, SECRET.encode(), SECRET, id="bytes"),
        pytest.param(fit_token, "", "", id="nothing"),
        pytest.param(fit_text, f"{SECRET}\n", SECRET, id="password-of-echo"),
        pytest.param(fit_text, " pass wörd ", " pass wörd ", id="a-password-keeps-its-blanks"),
        pytest.param(fit_text, "pä€".encode(), "pä€", id="a-password-may-have-any-letter"),
    ],
)
def test_fit(fit: Callable[[str | bytes, str], str], value: str | bytes, want: str) -> None:
    assert fit(value, "x") == want


@pytest.mark.parametrize(
    ("fit", "value", "fault"),
    [
        pytest.param(fit_token, f"{SECRET}\n{SECRET}", "has a line break in it", id="token-on-two-lines"),
        pytest.param(fit_token, f"{SECRET} {SECRET}", "has white space in it", id="token-of-two-words"),
        pytest.param(fit_token, f"{SECRET}€", "has a character in it that is not ASCII", id="token-with-euro"),
        pytest.param(fit_token, f"{SECRET}\x07", "has a control character in it", id="token-with-bell"),
        pytest.param(fit_token, SECRET.encode() + b"\xff", "is not UTF-8", id="token-of-bytes"),
        pytest.param(fit_text, f"{SECRET}\n{SECRET}", "has a line break in it", id="password-on-two-lines"),
        pytest.param(fit_text, f"{SECRET}\0", "has a control character in it", id="password-with-nul"),
        pytest.param(fit_text, f"{SECRET}\udcff", "has a control character in it", id="password-with-a-surrogate"),
        pytest.param(fit_text, SECRET.encode() + b"\xff", "is not UTF-8", id="password-of-bytes"),
    ],
)
def test_unfit(fit: Callable[[str | bytes, str], str], value: str | bytes, fault: str) -> None:
    with pytest.raises(UnfitCredential) as caught:
        fit(value, "secret 'apps/pull': 'token'")
    text = str(caught.value)
    assert text.startswith(f"secret 'apps/pull': 'token' {fault}")
    assert "kubectl create secret" in text
    assert SECRET not in text + repr(caught.value)


def test_tokens() -> None:
    assert is_token("a.b-c_d~e+f/=")
    assert not any(map(is_token, ("", "a b", "a\n", "é")))
