"""The Secret with which a new GitRepository logs in: `create source git` makes it of the flags."""

from typing import Any

from cli.asking import confirm
from cli.creation.command import Order, without_unset
from cli.creation.giturl import check_url, split_ssh
from cli.creation.secrets.command import Content, secret_object
from cli.creation.secrets.files import read_text


def make_source_secret(order: Order) -> bool:
    """Make the Secret, named like the GitRepository, and apply it. Return whether there was anything to put into it."""
    flags, report = order.flags, order.session.report
    scheme = check_url(flags.url)
    content = _ssh(order) if scheme == "ssh" else _http(flags)
    if not content.data:
        return False
    if scheme == "http":
        report.plain("⚠️ insecure configuration: credentials configured for an HTTP URL")
    if scheme == "ssh":
        _show_keys(order, content)
    report.action("applying secret with repository credentials")
    from cli.applying import apply_secret  # noqa: PLC0415
    from cli.creation.names import parse_labels  # noqa: PLC0415

    apply_secret(order.session, secret_object(order.name, order.namespace, content, parse_labels(flags.label)))
    report.success("authentication configured")
    return True


def _http(flags: Any) -> Content:
    authority = read_text(flags.ca_file, "unable to read TLS CA file") if flags.ca_file else ""
    login = {"username": flags.username, "password": flags.password} if flags.username and flags.password else {}
    return Content(without_unset({**login, "ca.crt": authority}))


def _ssh(order: Order) -> Content:
    from cli.creation.secrets.sshkey import key_pair, scan_host_key  # noqa: PLC0415

    flags = order.flags
    pair = key_pair(flags)
    host, port = split_ssh(flags.url)
    known_hosts = scan_host_key(host, port, timeout=order.session.timeout_seconds)
    return Content(
        without_unset(
            {
                "identity": pair.private,
                "identity.pub": pair.public,
                "known_hosts": known_hosts,
                "password": flags.password,
            }
        )
    )


def _show_keys(order: Order, content: Content) -> None:
    report, flags = order.session.report, order.flags
    report.success(f"collected public key from SSH server:\n{content.data['known_hosts']}")
    report.generating(f"deploy key: {content.data['identity.pub']}")
    if flags.silent or flags.private_key_file:
        return
    confirm("Have you added the deploy key to your repository", unless="--silent")
