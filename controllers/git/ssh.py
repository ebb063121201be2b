"""SSH: not written yet; the remote's error says so."""

from .errors import ProtocolError
from .remote import Remote, SshKey
from .transport import Transport


def ssh_transport(remote: Remote, key: SshKey) -> Transport:
    raise ProtocolError(f"ssh is not supported yet: {remote.url}")
