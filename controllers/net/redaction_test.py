"""Credentials that servers repeat: taken out in every form, also where the text was cut in the middle of one."""

import base64
from urllib.parse import quote

import pytest

from controllers.net.foreign_text import sanitize
from controllers.net.redaction import login_secrets, redact

SECRET = 'to"p/s€cret+value'


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"no such user: {SECRET}!", id="as-it-is"),
        pytest.param(f"?password={quote(SECRET, safe='')}&x", id="in-a-url"),
        pytest.param('{"token":"to\\"p/s€cret+value"}', id="in-json"),
        pytest.param('{"token":"to\\"p/s\\u20accret+value"}', id="in-ascii-json"),
        pytest.param(base64.b64encode(SECRET.encode()).decode(), id="in-base64"),
    ],
)
def test_each_form(text: str) -> None:
    found = redact(text, [SECRET])
    assert "REDACTED" in found
    assert not any(part in found for part in ("cret", "cret%2B", base64.b64encode(SECRET.encode()).decode()[:12]))


@pytest.mark.parametrize("kept", [6, 20, 39])
def test_a_secret_that_was_cut(kept: int) -> None:
    secret = "s" + "0123456789" * 4
    text = sanitize("x" * (255 - kept) + secret)
    assert text.endswith(secret[:kept] + "…")
    assert redact(f"GET u: {text}; GET v: ok", [secret]) == "GET u: " + "x" * (255 - kept) + "REDACTED…; GET v: ok"
    assert redact(text.removesuffix("…"), [secret]).endswith("xREDACTED")


def test_a_login() -> None:
    pair = base64.b64encode(b"alice:wonder").decode()
    assert redact(f"alice, wonder, Basic {pair}", login_secrets("alice", "wonder")) == "alice, REDACTED, Basic REDACTED"
    assert redact("token ghp_1234 is bad", login_secrets("ghp_1234", "")) == "token REDACTED is bad"


def test_words_stay() -> None:
    assert redact("not found: app", ["", "app", "no"]) == "not found: app"
