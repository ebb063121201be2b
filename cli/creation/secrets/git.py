"""`create secret git`."""

from typing import Any, Final

from cli.creation.giturl import check_url, split_ssh
from cli.creation.secrets.command import Content, secret_command
from cli.creation.secrets.files import read_text
from cli.creation.secrets.sshflags import SSH_FLAGS
from cli.grammar.flags import text
from cli.grammar.session import Failed, Session

_FLAGS: Final = (
    text(
        "--url", help="address of the repository, e.g. https://github.com/org/fleet or ssh://git@github.com/org/fleet"
    ),
    text("-u", "--username", help="user of HTTP"),
    text("-p", "--password", help="password or token of HTTP, or the passphrase of the private key"),
    text("--bearer-token", help="token for HTTP, in place of user and password"),
    text("--ca-crt-file", help="file with the CA certificate of the Git host"),
    *SSH_FLAGS,
)

_EXAMPLES: Final = """
# a login over HTTPS
tagline create secret git fleet-auth --url=https://github.com/org/fleet --username=git --password="$GIT_TOKEN"

# a new SSH key; its public half is printed so that the Git host can be given it
tagline create secret git fleet-auth --url=ssh://git@github.com/org/fleet --ssh-key-algorithm=ed25519
"""


def _make(session: Session, flags: Any) -> Content:
    if not flags.url:
        raise Failed("url is required")
    if check_url(flags.url) == "ssh":
        return _ssh(session, flags)
    return _http(flags)


def _ssh(session: Session, flags: Any) -> Content:
    from cli.creation.secrets.sshkey import key_pair, scan_host_key  # noqa: PLC0415

    pair = key_pair(flags)
    host, port = split_ssh(flags.url)
    known_hosts = scan_host_key(host, port, timeout=session.timeout_seconds)
    data = {"identity": pair.private, "identity.pub": pair.public, "known_hosts": known_hosts}
    return Content(data | ({"password": flags.password} if flags.password else {}))


def _http(flags: Any) -> Content:
    if flags.bearer_token and flags.username and flags.password:
        raise Failed("user credentials and bearer token cannot be used together")
    if not flags.bearer_token and not (flags.username and flags.password):
        raise Failed("for Git over HTTP/S the username and password, or a bearer token is required")
    data = (
        {"bearerToken": flags.bearer_token}
        if flags.bearer_token
        else {"username": flags.username, "password": flags.password}
    )
    if flags.ca_crt_file:
        data["ca.crt"] = read_text(flags.ca_crt_file, "unable to read TLS CA file")
    return Content(data)


def _announce(session: Session, content: Content) -> None:
    if public := content.data.get("identity.pub"):
        session.report.generating(f"deploy key: {public}")


COMMAND: Final = secret_command(
    "git",
    flags=_FLAGS,
    make=_make,
    summary="create or change a Secret for a Git host",
    description="Makes a Secret with a login, or an SSH key and the host's key, for a Git host. With --export it is "
    "printed instead.",
    examples=_EXAMPLES,
    announce=_announce,
)
