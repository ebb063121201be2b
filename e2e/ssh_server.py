"""OpenSSH's server, run as the user who runs the tests, without a change of the machine.

As root, sshd needs a user `sshd` and the folder /run/sshd. Where the machine lacks them, it gets them in a mount
namespace of its own. As anybody else it needs neither and lets in that user alone.
"""

import os
import pwd
import signal
import subprocess
from pathlib import Path

from controllers.git.remote import Remote, SshKey
from e2e.cluster import eventually
from e2e.git_fixtures import SshIdentity, ssh_identity
from hack.env import openssh
from hack.env.process import free_ports
from testing.address import HOST

ACCOUNTS_SCRIPT = """
mount -t tmpfs -o mode=755 none /run && mkdir /run/sshd &&
mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/shadow || exit 1
shift 2; exec "$@"
"""


class SshServer:
    """One sshd that can be killed and started again. settings: further lines of its configuration."""

    def __init__(self, programs: openssh.OpenSsh, folder: Path, *, settings: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.settings = settings
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.port = free_ports(1, HOST)[0]
        self.host, self.identity = ssh_identity(), ssh_identity()
        self.keygen = programs.ssh_keygen
        self._programs = programs
        self._log = folder / "log"
        self._listener: subprocess.Popen[bytes] | None = None
        (folder / "authorized_keys").touch()
        self.authorize_key(self.identity)

    @property
    def known_hosts(self) -> str:
        """The line for the server's host key."""
        return f"[{HOST}]:{self.port} {self.host.public}\n"

    def hashed_known_hosts(self) -> str:
        """Return the same line as `ssh-keygen -H` writes it."""
        path = self.folder / "known_hosts"
        path.write_text(self.known_hosts)
        subprocess.run([self.keygen, "-H", "-f", path], check=True, capture_output=True)
        return path.read_text()

    def certify(self, *options: str, name: str = HOST) -> str:
        """Present a certificate from now on; return the line of `known_hosts` for the authority that signed it.

        options: of ssh-keygen, like `-V +1h`. Restarts the server.
        """
        self.stop()
        authority = self.folder / "authority"
        if not authority.exists():
            subprocess.run([self.keygen, "-q", "-t", "ed25519", "-N", "", "-f", authority], check=True)
        (self.folder / "host_key.pub").write_text(self.host.public + "\n")
        signing = ["-q", "-s", "authority", "-I", "git", "-h", "-n", name, *options, "host_key.pub"]
        subprocess.run([self.keygen, *signing], check=True, cwd=self.folder)
        self.settings = (*self.settings, f"HostCertificate {self.folder}/host_key-cert.pub")
        self.start()
        return f"@cert-authority * {authority.with_suffix('.pub').read_text()}"

    @property
    def log(self) -> str:
        """What the server has logged since it was first started."""
        return self._log.read_text()

    @property
    def logins(self) -> int:
        """How many connections were let in."""
        return self.log.count("Accepted publickey for")

    def url(self, path: Path, host: str = HOST) -> str:
        return f"ssh://{self.user}@{host}:{self.port}{path}"

    def secret(self) -> dict[str, str]:
        """Return the data of a Secret that gets in."""
        return {"identity": self.identity.private, "known_hosts": self.known_hosts}

    def remote(
        self, path: Path, *, identity: SshIdentity | None = None, known_hosts: str = "", passphrase: str = ""
    ) -> Remote:
        """Return a repository of this server as its key, or another, reaches it."""
        key = SshKey((identity or self.identity).private, known_hosts or self.known_hosts, passphrase)
        return Remote(self.url(path), credentials=key)

    def authorize_key(self, identity: SshIdentity) -> None:
        with (self.folder / "authorized_keys").open("a") as keys:
            keys.write(identity.public + "\n")

    def start(self) -> None:
        """Start it and wait until it listens."""
        _write_private(self.folder / "host_key", self.host.private)
        config = self.folder / "config"
        config.write_text("\n".join(self._settings()) + "\n")
        command = [str(self._programs.sshd), "-D", "-e", "-f", str(config)]
        with self._log.open("a") as log:
            heard = self.log.count("Server listening on")
            self._listener = subprocess.Popen([*self._with_accounts(), *command], stderr=log)
        eventually(lambda: self._is_up(heard), what=f"sshd to listen: {self.log}")

    def stop(self) -> None:
        """End the sessions, then the server."""
        if self._listener is None:
            return
        for session in _children(self._listener.pid):
            _end(session)
        listener, self._listener = self._listener, None
        eventually(lambda: listener.poll() is not None or not _children(listener.pid), what="sessions to end")
        listener.terminate()
        listener.wait(10)

    def _is_up(self, heard: int) -> bool:
        assert self._listener is not None
        assert self._listener.poll() is None, f"sshd has ended: {self.log}"
        return self.log.count("Server listening on") > heard

    def _settings(self) -> tuple[str, ...]:
        return (
            f"Port {self.port}",
            f"ListenAddress {HOST}",
            f"HostKey {self.folder}/host_key",
            f"AuthorizedKeysFile {self.folder}/authorized_keys",
            "PidFile none",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "PermitRootLogin yes",
            *(f"{''.join(w.capitalize() for w in name.split('-'))}Path {p}" for name, p in self._programs.helpers),
            *self.settings,
        )

    def _with_accounts(self) -> list[str]:
        if os.getuid() != 0 or (Path("/run/sshd").is_dir() and _has_user("sshd")):
            return []
        passwd, shadow = self.folder / "passwd", self.folder / "shadow"
        others = [line for line in Path("/etc/passwd").read_text().splitlines() if not line.startswith("sshd:")]
        passwd.write_text("\n".join([*others, "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin", ""]))
        _write_private(shadow, f"{self.user}:*:19000:0:99999:7:::\n")  # no password, but not locked
        return ["unshare", "--mount", "sh", "-c", ACCOUNTS_SCRIPT, "sh", str(passwd), str(shadow)]


def _has_user(name: str) -> bool:
    return any(user.pw_name == name for user in pwd.getpwall())


def _write_private(path: Path, text: str) -> None:
    path.touch(0o600)
    path.write_text(text)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _end(pid: int) -> None:
    """End a process of ours and those that it started."""
    for child in _children(pid):
        _end(child)
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
