"""The host that an SSH connection is for: which algorithms to offer it, and whether it is the right one. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from controllers.git.errors import BadCredentials
from controllers.git.remote import SshAlgorithms
from controllers.git.transport.host_certificates import KEY_TYPES, check_certificate
from controllers.git.transport.knownhosts import KnownHosts


@dataclass(frozen=True, slots=True)
class SshHost:
    """The host of a URL. known_hosts: which keys it may have. now: the time by which certificates are checked."""

    name: str
    port: int
    known_hosts: KnownHosts
    algorithms: SshAlgorithms
    now: Callable[[], datetime]

    def key_types(self, supported: Sequence[str]) -> list[str]:
        """Return the host key algorithms to offer, best first. supported: for plain keys. Raises BadCredentials."""
        if self.algorithms.host_keys:
            return _intersect(self.algorithms.host_keys, (*supported, *KEY_TYPES), "--ssh-hostkey-algos")
        listed = self.known_hosts.algorithms(self.name, self.port)
        plain = [name for name in listed if name in supported] or list(supported)
        # Plain keys are offered beside certificates, so that a host without one is reported as unknown.
        return [*(KEY_TYPES if self.known_hosts.has_authority(self.name, self.port) else ()), *plain]

    def key_exchanges(self, supported: Sequence[str]) -> list[str]:
        """Return the key exchange algorithms to offer. Raises BadCredentials."""
        wanted = self.algorithms.key_exchanges
        return _intersect(wanted, supported, "--ssh-kex-algos") if wanted else list(supported)

    def check(self, key: bytes, certificate: bytes | None) -> None:
        """Raise AuthenticationFailed unless a host with this public key is the right one.

        certificate: what it presented instead of the plain key, if anything.
        """
        if certificate is None:
            self.known_hosts.check(self.name, self.port, key)
        else:
            check_certificate(certificate, self.known_hosts, self.name, self.port, now=self.now())


def _intersect(wanted: Sequence[str], supported: Sequence[str], flag: str) -> list[str]:
    """Return those of `wanted` that are supported, in that order. Raises BadCredentials when none is."""
    both = [name for name in wanted if name in supported]
    if not both:
        raise BadCredentials(
            f"ssh: none of {', '.join(wanted)} ({flag}) can be used here; known are {', '.join(supported)}"
        )
    return both
