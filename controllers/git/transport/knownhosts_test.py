"""Host keys: which are accepted, and with which text the others are refused."""

import base64
import fnmatch
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.git.errors import AuthenticationFailed, BadCredentials
from controllers.git.transport.knownhosts import HostKey, parse_known_hosts
from testing.costs import costs_less_than

ONE, TWO = b"key one", b"key two"
B1, B2 = base64.b64encode(ONE).decode(), base64.b64encode(TWO).decode()


def hashed(address: str) -> str:
    salt = b"0123456789abcdef0123"
    digest = hmac.new(salt, address.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("text", "host", "port", "verdict"),
    [
        pytest.param(f"example.com ssh-ed25519 {B1}", "example.com", 22, None, id="plain"),
        pytest.param(f"example.com,192.0.2.1 ssh-ed25519 {B1} comment", "192.0.2.1", 22, None, id="list-and-comment"),
        pytest.param(f"Example.COM ssh-ed25519 {B1}", "eXample.com", 22, None, id="case"),
        pytest.param(f"[example.com]:2222 ssh-ed25519 {B1}", "example.com", 2222, None, id="port"),
        pytest.param(f"example.com ssh-ed25519 {B1}", "example.com", 2222, "key is unknown", id="other-port"),
        pytest.param(f"*.example.com ssh-ed25519 {B1}", "git.example.com", 22, None, id="wildcard"),
        pytest.param(f"*.example.com,!bad.example.com ssh-ed25519 {B1}", "bad.example.com", 22, "key is unknown",
                     id="negated"),
        pytest.param(f"[*.example.com]:22?2 ssh-ed25519 {B1}", "a.example.com", 2222, None, id="wildcard-port"),
        pytest.param(f"{hashed('example.com')} ssh-ed25519 {B1}", "example.com", 22, None, id="hashed"),
        pytest.param(f"{hashed('[example.com]:2222')} ssh-ed25519 {B1}", "example.com", 2222, None, id="hashed-port"),
        pytest.param(f"{hashed('example.com')} ssh-ed25519 {B1}", "example.org", 22, "key is unknown", id="hashed-no"),
        pytest.param(f"example.com ssh-ed25519 {B2}", "example.com", 22, "key mismatch", id="mismatch"),
        pytest.param(f"example.com ssh-ed25519 {B2}\nexample.com ssh-rsa {B1}", "example.com", 22, None, id="several"),
        pytest.param(f"other.com ssh-ed25519 {B1}", "example.com", 22, "key is unknown", id="unknown"),
        pytest.param("# a comment\n\n", "example.com", 22, "key is unknown", id="nothing"),
        pytest.param(f"example.com ssh-ed25519 {B1}\n@revoked * ssh-ed25519 {B1}", "example.com", 22, "key is revoked",
                     id="revoked"),
        pytest.param(f"@cert-authority * ssh-ed25519 {B1}", "example.com", 22, "key is unknown", id="authority"),
        pytest.param("|1|x|y ssh-ed25519 " + B1, "example.com", 22, "key is unknown", id="broken-hash"),
    ],
)  # fmt: skip
def test_verdicts(text: str, host: str, port: int, verdict: str | None) -> None:
    known_hosts = parse_known_hosts(text)
    if verdict is None:
        known_hosts.check(host, port, ONE)
        return
    with pytest.raises(AuthenticationFailed, match=f"ssh: handshake failed: knownhosts: {verdict}"):
        known_hosts.check(host, port, ONE)


@pytest.mark.parametrize("line", ["example.com", "example.com ssh-rsa", "example.com ssh-rsa ???"])
def test_malformed_lines(line: str) -> None:
    with pytest.raises(BadCredentials, match="known_hosts, line 2: not a host key"):
        parse_known_hosts(f"# first\n{line}\n")


def test_unknown_markers() -> None:
    with pytest.raises(BadCredentials, match="known_hosts, line 1: unknown marker '@cert-autority'"):
        parse_known_hosts(f"@cert-autority * ssh-ed25519 {B1}\n")


def test_algorithms_are_those_of_the_host_or_of_all() -> None:
    known_hosts = parse_known_hosts(f"a ssh-ed25519 {B1}\nb ssh-rsa {B1}\n")
    assert known_hosts.algorithms("a", 22) == ("ssh-ed25519",)
    assert known_hosts.algorithms("b", 22) == ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")
    assert known_hosts.algorithms("c", 22) == ("ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")


PIECES = st.text(alphabet="ab.*?[]", max_size=8)


@given(PIECES, st.text(alphabet="ab.[]", max_size=8))
def test_patterns_match_as_shells_match(pattern: str, address: str) -> None:
    line = HostKey(pattern, "ssh-ed25519", b"")
    wanted = fnmatch.fnmatchcase(address, pattern.replace("[", "[[]"))
    assert line.is_for(address) == wanted


@pytest.mark.parametrize(
    "patterns",
    [
        pytest.param(",".join(f"*a{number}x" for number in range(50_000)), id="many"),
        pytest.param("*a" * 400_000, id="stars"),
        pytest.param("?" * 800_000, id="question-marks"),
        pytest.param("a" * 800_000, id="letters"),
    ],
)
def test_patterns_of_a_large_file_are_matched_in_time(patterns: str) -> None:
    known = parse_known_hosts(f"{patterns} ssh-ed25519 AAAA")
    with costs_less_than(2):
        assert not known.has_authority("git." + "a" * 200 + ".example.com", 22)
