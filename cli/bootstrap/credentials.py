"""How this command and the cluster log in to the repository: credentials, and the Secret that the cluster reads."""

import base64
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from api.names import NAMESPACES, SECRETS
from cli.bootstrap.wishes import Wishes
from cli.grammar.session import Failed, Session

if TYPE_CHECKING:
    from controllers.git.remote import Credentials, Remote

PROMPT: Final = "Please enter your Git repository password: "
MANAGER: Final = "tagline"
_MAX_TRIES: Final = 5
_LOGIN: Final = frozenset(("username", "password", "bearerToken", "identity", "known_hosts", "ca.crt", "caFile"))
"""Keys of Secrets of GitRepositories: https://fluxcd.io/flux/components/source/gitrepositories/#secret-reference."""


@dataclass(frozen=True, slots=True)
class SourceSecret:
    """The Secret with which the cluster logs in. is_new: it is not in the cluster yet, or not like this."""

    data: Mapping[str, str] = field(repr=False)
    is_new: bool
    is_generated: bool = False
    """Whether its key was made by this run, so that nobody can have given it access yet."""

    @property
    def public_key(self) -> str:
        """The public half of its key, on one line; "" for none."""
        return self.data.get("identity.pub", "").strip()


def ask_password(session: Session, flags: Mapping[str, Any]) -> str:
    """Return the password of the flag, the environment, or whoever is asked. Raises Failed."""
    password: str = flags["password"] or session.environ.get("GIT_PASSWORD", "")
    if password or flags["export"] or not (flags["token_auth"] or flags["with_bearer_token"]):
        return password
    return read_password()


def read_password() -> str:
    """Return a line of standard input, which a terminal does not show. Raises Failed."""
    if sys.stdin.isatty():
        import getpass  # noqa: PLC0415

        try:
            return getpass.getpass(PROMPT)
        except EOFError:
            raise Failed("could not read token: could not read from stdin: EOF") from None
    sys.stdout.write(PROMPT)
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        raise Failed("could not read token: could not read from stdin: EOF")
    return line.rstrip("\r\n")


def read_secret(session: Session, wishes: Wishes) -> dict[str, str] | None:
    """Return the data of the cluster's Secret, None where there is none. Raises ApiError."""
    from controllers.runtime.kube.errors import NotFound  # noqa: PLC0415

    try:
        found = session.cluster.get(SECRETS, wishes.namespace, wishes.secret_name)
    except NotFound:
        return None
    data = found.get("data") or {}
    return {key: base64.b64decode(value).decode("utf-8", "replace") for key, value in data.items()}


def for_token(wishes: Wishes) -> dict[str, str]:
    """Return the data of a Secret for HTTP. Raises Failed for a CA file that cannot be read."""
    data = {"bearerToken": wishes.password} if wishes.bearer else {
        "username": wishes.username, "password": wishes.password
    }  # fmt: skip
    if authority := read_ca(wishes):
        data["ca.crt"] = authority
    return data


def for_ssh(wishes: Wishes, existing: Mapping[str, str] | None, *, timeout: float) -> SourceSecret:
    """Return the Secret for SSH: the given key, the one that is there, or a new one. Raises Failed.

    timeout: seconds for asking the host for its key
    """
    from cli.creation.giturl import split_ssh  # noqa: PLC0415
    from cli.creation.secrets.sshkey import key_pair, scan_host_key  # noqa: PLC0415

    host, port = split_ssh(wishes.sync_url)
    if existing and existing.get("identity") and not wishes.key_was_given:
        if _knows(existing.get("known_hosts", ""), host):
            return SourceSecret(dict(existing), is_new=False)
        return SourceSecret({**existing, "known_hosts": scan_host_key(host, port, timeout=timeout)}, is_new=True)
    pair = key_pair(wishes.key)
    known_hosts = scan_host_key(host, port, timeout=timeout)
    data = {"identity": pair.private, "identity.pub": pair.public, "known_hosts": known_hosts}
    passphrase = wishes.key.password if wishes.key_was_given else ""
    if passphrase:
        data["password"] = passphrase
    is_new = any((existing or {}).get(key) != value for key, value in data.items())
    return SourceSecret(data, is_new=is_new, is_generated=not wishes.key_was_given)


def refuse_login_of_others(wishes: Wishes, existing: Mapping[str, str] | None) -> None:
    """Raise Failed where the Secret that is there is no login to Git, or one that a new key would take the place of."""
    if existing is None:
        return
    place = f"Secret {wishes.namespace}/{wishes.secret_name}"
    if existing and not any(key in _LOGIN or key.startswith("githubApp") for key in existing):
        raise Failed(f"{place} is there and holds something else: name a Secret of its own with --secret-name")
    if wishes.syncs_by_ssh and not wishes.key_was_given and not existing.get("identity"):
        token = ", have the cluster log in with --token-auth" if wishes.scheme != "ssh" else ""
        raise Failed(
            f"{place} is there and has no SSH key: it may be the login of somebody else; give a key with "
            f"--private-key-file{token}, or name a Secret of its own with --secret-name"
        )


def _knows(known_hosts: str, host: str) -> bool:
    """Return whether known hosts may have the key of a host; names that are hashed are taken for it."""
    return any(host in line or line.startswith("|") for line in known_hosts.splitlines())


def read_ca(wishes: Wishes) -> str:
    """Return the text of --ca-file, "" for none. Raises Failed."""
    from cli.creation.secrets.files import read_text  # noqa: PLC0415

    return read_text(wishes.ca_file, "unable to read TLS CA file") if wishes.ca_file else ""


def remote_of(wishes: Wishes, source: SourceSecret | None, *, seconds: float) -> "Remote":
    """Return the repository as this command reaches it. source: whose SSH key it uses. Raises Failed."""
    from datetime import timedelta  # noqa: PLC0415

    from controllers.git.errors import GitError  # noqa: PLC0415
    from controllers.git.remote import Remote  # noqa: PLC0415
    from controllers.net.proxy.address import BadProxy, Proxy  # noqa: PLC0415
    from controllers.net.tls import TlsMaterial  # noqa: PLC0415

    try:
        return Remote(
            _url(wishes),
            credentials=_credentials(wishes, source),
            tls=TlsMaterial(ca=read_ca(wishes).encode()),
            proxy=Proxy(wishes.proxy) if wishes.proxy else None,
            timeout=timedelta(seconds=seconds),
        )
    except BadProxy as error:
        raise Failed(f"--proxy: {error}") from None
    except GitError as error:
        raise Failed(f"failed to create authentication options for {wishes.shown_url}: {error}") from None


def _url(wishes: Wishes) -> str:
    # For SSH this command goes the same way as the cluster, by --ssh-hostname and the same user.
    return wishes.sync_url if wishes.scheme == "ssh" else wishes.url


def _credentials(wishes: Wishes, source: SourceSecret | None) -> "Credentials | None":
    """Return what the controllers would make of the Secret. Raises BadCredentials."""
    from controllers.gitaccess.credentials import credentials_from_secret  # noqa: PLC0415

    data = source.data if source else for_token(wishes)
    encoded = {key: value.encode("utf-8", "surrogateescape") for key, value in data.items()}
    return credentials_from_secret(_url(wishes), encoded, secret_name=f"{wishes.namespace}/{wishes.secret_name}")


def apply_secret(session: Session, namespace: str, name: str, data: Mapping[str, str]) -> None:
    """Make a Secret hold this and nothing else. Raises ApiError, Failed."""
    from controllers.runtime.kube.errors import AlreadyExists, Conflict, NotFound  # noqa: PLC0415

    cluster = session.cluster
    encoded = {key: base64.b64encode(value.encode("utf-8", "surrogateescape")).decode() for key, value in data.items()}
    for _ in range(_MAX_TRIES):
        try:
            found = cluster.get(SECRETS, namespace, name)
            changed = {**found, "data": encoded}
            changed["metadata"] = {key: value for key, value in found["metadata"].items() if key != "managedFields"}
            cluster.update(SECRETS, namespace, name, changed, manager=MANAGER)
            return
        except NotFound:
            body = {"metadata": {"name": name, "namespace": namespace}, "data": encoded}
            try:
                cluster.create(SECRETS, namespace, body, manager=MANAGER)
                return
            except AlreadyExists:
                continue
        except Conflict:
            continue
    raise Failed(f"Secret {namespace}/{name} is being changed by somebody else all the time; try again")


def ensure_namespace(session: Session, namespace: str) -> None:
    """Make a namespace if there is none. Raises ApiError."""
    from controllers.runtime.kube.errors import AlreadyExists, NotFound  # noqa: PLC0415

    try:
        session.cluster.get(NAMESPACES, "", namespace)
    except NotFound:
        try:
            session.cluster.create(NAMESPACES, "", {"metadata": {"name": namespace}}, manager=MANAGER)
        except AlreadyExists:
            return


def wait_for_access(wishes: Wishes, source: SourceSecret) -> None:
    """Return when somebody says that a new key, which was shown, has access. Raises Failed where nobody can."""
    if wishes.is_silent or not source.is_generated:
        return
    if not sys.stdin.isatty():
        raise Failed(
            f"the key above has no access yet: add it to the deploy keys of {wishes.shown_url}, with write access, and "
            f"run the same command again with --yes; the key is kept in Secret {wishes.namespace}/{wishes.secret_name}"
        )
    sys.stderr.write("Please give the key write access to your repository, and press Enter ")
    sys.stderr.flush()
    if not sys.stdin.readline():
        raise Failed(f"nobody answered: give the key access to {wishes.shown_url}, and repeat with --yes")
