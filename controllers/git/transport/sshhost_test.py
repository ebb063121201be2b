"""Which algorithms are offered to a host, and how its key is checked."""

from datetime import UTC, datetime

import pytest

from controllers.git.errors import AuthenticationFailed, BadCredentials
from controllers.git.remote import SshAlgorithms
from controllers.git.transport.host_certificates import KEY_TYPES
from controllers.git.transport.knownhosts import parse_known_hosts
from controllers.git.transport.sshhost import SshHost

LIBRARY = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512")
KEY = "ssh-ed25519 AAAA"
OWN, OTHER = f"git.example.com {KEY}\n", "example.org ecdsa-sha2-nistp256 BBBB\n"
AUTHORITY = f"@cert-authority *.example.com {KEY}\n"


def host(text: str, *host_keys: str) -> SshHost:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    return SshHost("git.example.com", 22, parse_known_hosts(text), SshAlgorithms(host_keys), lambda: now)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param(OWN + OTHER, ["ssh-ed25519"], id="of-its-own-keys"),
        pytest.param(OTHER, ["ecdsa-sha2-nistp256"], id="of-all-keys"),
        pytest.param("", list(LIBRARY), id="of-the-library"),
        pytest.param("git.example.com ssh-dss AAAA", list(LIBRARY), id="none-that-the-library-knows"),
        pytest.param(AUTHORITY + OWN, [*KEY_TYPES, "ssh-ed25519"], id="certificates-first"),
        pytest.param(AUTHORITY, [*KEY_TYPES, *LIBRARY], id="certificates-and-any-key"),
        pytest.param(f"@cert-authority example.org {KEY}\n{OWN}", ["ssh-ed25519"], id="authority-of-another-host"),
    ],
)
def test_key_types(text: str, want: list[str]) -> None:
    assert host(text).key_types(LIBRARY) == want


def test_key_types_can_be_set() -> None:
    explicit = host(AUTHORITY + OWN, "rsa-sha2-512-cert-v01@openssh.com", "unheard-of", "rsa-sha2-512")
    assert explicit.key_types(LIBRARY) == ["rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-512"]
    with pytest.raises(BadCredentials, match=r"none of unheard-of \(--ssh-hostkey-algos\) can be used here"):
        host(OWN, "unheard-of").key_types(LIBRARY)


def test_a_certificate_counts_alone() -> None:
    """A listed key does not make up for a certificate that cannot be read."""
    key = parse_known_hosts(OWN).keys[0].blob
    certified = host(AUTHORITY + OWN)
    certified.check(key, None)
    with pytest.raises(AuthenticationFailed, match="cannot read the host's certificate"):
        certified.check(key, b"\0\0\0\x20ssh-ed25519-cert-v01@openssh.com")
