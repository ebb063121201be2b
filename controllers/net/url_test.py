"""Where URLs lead, and the logins in them: nothing in a login can change where a URL leads."""

import pytest

from controllers.net.url import origin, redact_text, show_remote, strip_userinfo, with_userinfo
from testing.costs import costs_less_than


@pytest.mark.parametrize(
    ("username", "password", "want"),
    [
        pytest.param("", "", "http://proxy:3128", id="no-login"),
        pytest.param("ci", "secret", "http://ci:secret@proxy:3128", id="login"),
        pytest.param("c@i", "a/b:c?d#e%f", "http://c%40i:a%2Fb%3Ac%3Fd%23e%25f@proxy:3128", id="escaped"),
        pytest.param("ci", "", "http://ci:@proxy:3128", id="no-password"),
    ],
)
def test_login_goes_into_the_address(username: str, password: str, want: str) -> None:
    assert with_userinfo("http://proxy:3128", username, password) == want


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        pytest.param("https://h/a", "https://H:443/b?c", True, id="case-and-default-port"),
        pytest.param("https://me:hush@h/", "https://h/", True, id="login"),
        pytest.param("https://h/", "http://h/", False, id="scheme"),
        pytest.param("https://h:80/", "http://h/", False, id="port-of-another-scheme"),
        pytest.param("https://h/", "https://h:8443/", False, id="port"),
        pytest.param("https://h/", "https://h.example/", False, id="host"),
        pytest.param("https://[::1]/", "https://[::1]:443/", True, id="ipv6"),
    ],
)
def test_origins(left: str, right: str, same: bool) -> None:
    assert (origin(left) == origin(right)) is same


@pytest.mark.parametrize(
    ("url", "want"),
    [
        pytest.param("https://me:hush@h:1/p?q#f", "https://h:1/p?q#f", id="login"),
        pytest.param("https://a@b@h/", "https://h/", id="the-last-at-sign-counts"),
        pytest.param("https://h/a@b", "https://h/a@b", id="path"),
    ],
)
def test_a_url_without_its_login(url: str, want: str) -> None:
    assert strip_userinfo(url) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("https://me:hush@h:1/p?n=5&last=a", "https://h:1/p?n=5&last=a", id="login"),
        pytest.param("https://a@b@h/", "https://h/", id="the-last-at-sign-counts"),
        pytest.param("https://h/a@b", "https://h/a@b", id="path"),
        pytest.param("https://h/?X-Amz-Signature=ab&n=1;sig=cd#x", "https://h/?X-Amz-Signature=REDACTED&n=1;sig=REDACTED#x",
                     id="signed"),
        pytest.param("//me:hush@[", "//[", id="not-a-url"),
        pytest.param("https://me:hu/sh@h/p", "https://h/p", id="password-with-a-slash"),
        pytest.param("https://h:8080/a@b http://[::1]:1/a@b", "https://h:8080/a@b http://[::1]:1/a@b", id="port"),
        pytest.param("https://h/?a?token=hush&b?c&=x&d=&?e=f", "https://h/?a?token=REDACTED&b?c&=x&d=REDACTED&?e=REDACTED",
                     id="names-without-values"),
        pytest.param('"http://u:p@h?t=hush" or <x?y=z>', '"http://h?t=REDACTED" or <x?y=REDACTED>', id="text"),
    ],
)  # fmt: skip
def test_what_is_shown_of_urls_in_a_text(text: str, want: str) -> None:
    assert redact_text(text) == want


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("https://h/" + "?" * 400_000, id="question-marks"),
        pytest.param("https://h/?" + "a?" * 200_000, id="names-without-values"),
        pytest.param("//" * 200_000, id="slashes"),
        pytest.param("//a:b" * 80_000, id="logins-without-hosts"),
        pytest.param("https://h/?a=" + "=" * 400_000, id="equals-signs"),
    ],
)
def test_long_texts_are_shown_in_time(text: str) -> None:
    with costs_less_than(2):
        assert len(redact_text(text)) <= len(text)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://bot:s3cret@git.example.com/o/r", "https://git.example.com/o/r"),
        ("HTTPS://bot:s3cret@git.example.com/o/r", "HTTPS://git.example.com/o/r"),
        ("ssh://git@git.example.com:2222/o/r", "ssh://git@git.example.com:2222/o/r"),
        ("ssh://git:s3cret@git.example.com/o/r", "ssh://git@git.example.com/o/r"),
        ("https://git.example.com/o/r?private_token=s3cret", "https://git.example.com/o/r?private_token=REDACTED"),
        ("ssh://git:s3cret@[git/o/r", "ssh://[git/o/r"),
        ("https://bot:s3'cr\"e t<>?#@git.example.com/o/r", "https://git.example.com/o/r"),
        ("https://bot:s3c/ret@git.example.com/o/r", "https://git.example.com/o/r"),
        ("git@git.example.com:o/r.git", "git@git.example.com:o/r.git"),
        ("/srv/fleet@v1", "/srv/fleet@v1"),
    ],
)
def test_the_url_of_a_repository_is_shown_without_what_logs_in(url: str, shown: str) -> None:
    assert show_remote(url) == shown
