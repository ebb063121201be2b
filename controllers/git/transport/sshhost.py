"""Which host an SSH connection is to be made to, what is offered to it, and whether it is the one. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from controllers.git.errors import BadCredentials
from controllers.git.remote import SshAlgorithms
from controllers.git.transport.host_certificates import KEY_TYPES, check_certificate
from controllers.git.transport.knownhosts import KnownHosts


@dataclass(frozen=True, slots=True)
class SshHost:
    """name, port: as in the URL. known: who may be found there. now: the time by which certificates are judged."""

    name: str
    port: int
    known: KnownHosts
    algorithms: SshAlgorithms
    now: Callable[[], datetime]

    def key_types(self, supported: Sequence[str]) -> list[str]:
        """The host key algorithms to offer, best first; supported: those for plain keys. Raises BadCredentials."""
        if self.algorithms.host_keys:
            return _intersect(self.algorithms.host_keys, (*supported, *KEY_TYPES), "--ssh-hostkey-algos")
        plain = [name for name in self.known.algorithms(self.name, self.port) if name in supported] or list(supported)
        # Plain keys are offered beside certificates, so that a host without one is told to be unknown.
        return [*(KEY_TYPES if self.known.has_authority(self.name, self.port) else ()), *plain]

    def key_exchanges(self, supported: Sequence[str]) -> list[str]:
        """The key exchange algorithms to offer. Raises BadCredentials."""
        wanted = self.algorithms.key_exchanges
        return _intersect(wanted, supported, "--ssh-kex-algos") if wanted else list(supported)

    def check(self, key: bytes, certificate: bytes | None) -> None:
        """Returns when the host that has this public key is the one. Raises AuthenticationFailed.

        certificate: what it presented instead of the plain key, if it did.
        """
        if certificate is None:
            self.known.check(self.name, self.port, key)
        else:
            check_certificate(certificate, self.known, self.name, self.port, now=self.now())


def _intersect(wanted: Sequence[str], known: Sequence[str], flag: str) -> list[str]:
    """Those that are wanted and known, in the order wanted. Raises BadCredentials when there is none."""
    both = [name for name in wanted if name in known]
    if not both:
        raise BadCredentials(
            f"ssh: none of {', '.join(wanted)} ({flag}) can be used here; known are {', '.join(known)}"
        )
    return both
