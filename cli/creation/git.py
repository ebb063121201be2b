"""`create source git`."""

import re
from typing import Any, Final

from cli.creation import checks
from cli.creation.command import Order, Spec, create_command, reference, without_unset
from cli.creation.giturl import check_url
from cli.creation.secrets.sshflags import SSH_FLAGS, KnownWords
from cli.grammar.flags import Flag, duration, switch, text, texts
from cli.grammar.session import Failed
from cli.kinds.gitrepository import GIT
from cli.kinds.kind import Object, status
from controllers.golang.duration import format_nanoseconds

_PROVIDERS: Final = ("generic", "github", "aws", "azure")
_LOGIN: Final = re.compile(r"^https?://[^/@]+@", re.IGNORECASE)


def _provider() -> Flag:
    flag = text(
        "--provider",
        help="whose identity is used to log in",
        type=KnownWords(
            _PROVIDERS,
            f"source Git provider '{{value}}' is not supported, must be one of: {'|'.join(_PROVIDERS)}",
            empty="no source Git provider given, please specify the Git provider name",
        ),
    )
    flag.default = None  # not given is not the same as empty
    return flag


_FLAGS: Final = (
    text(
        "--url", help="address of the repository, e.g. https://github.com/org/fleet or ssh://git@github.com/org/fleet"
    ),
    text("--branch", help="branch to take"),
    text("--tag", help="tag to take; goes before --branch"),
    text("--tag-semver", help="range of versions: the greatest tag in it is taken; goes before --tag"),
    text("--ref-name", help="full name of the reference to take, e.g. refs/pull/1/head; goes before --tag-semver"),
    text("--commit", help="commit to take, of --branch if given; goes before all others"),
    text("-u", "--username", help="user of HTTP; a Secret is made of it"),
    text("-p", "--password", help="password of HTTP, or of the private key; a Secret is made of it"),
    text("--ca-file", help="file with the CA certificate of the Git host; a Secret is made of it"),
    *SSH_FLAGS,
    text("--secret-ref", help="existing Secret with the credentials"),
    text("--proxy-secret-ref", help="existing Secret with the proxy to use"),
    _provider(),
    switch("--recurse-submodules", help="take submodules as well"),
    texts("--ignore-paths", help="patterns, as in .gitignore, of files to leave out"),
    texts("--sparse-checkout-paths", help="directories to take, if not all"),
    duration("--fetch-timeout", help="longest time a fetch may take, up to 10m"),
    switch("-s", "--silent", help="do not ask whether the deploy key has access"),
    switch("--suspend", help="make no artifacts until `resume`"),
)

_EXAMPLES: Final = """
# a public repository
tagline create source git fleet --url=https://github.com/org/fleet --branch=main

# a private one: a Secret with the login is made as well
tagline create source git fleet --url=https://github.com/org/fleet --branch=main \\
  --username=git --password="$GIT_TOKEN"

# over SSH: a key is made, and printed so that the Git host can be given it
tagline create source git fleet --url=ssh://git@github.com/org/fleet --branch=main
"""


def _build(order: Order) -> Spec:
    flags = order.flags
    if not flags.url:
        raise Failed("url is required")
    check_url(flags.url)
    ref = _ref(flags)
    checks.check_interval("--interval", flags.interval, order.warn)
    checks.check_timeout("--fetch-timeout", flags.fetch_timeout, order.warn)
    if _LOGIN.match(flags.url):
        order.warn("--url carries a login that all who may read GitRepositories see; use --username and --password")
    return without_unset(
        {
            "url": flags.url,
            "interval": format_nanoseconds(flags.interval),
            "ref": ref,
            "secretRef": reference(flags.secret_ref),
            "proxySecretRef": reference(flags.proxy_secret_ref),
            "provider": flags.provider,
            "recurseSubmodules": flags.recurse_submodules,
            "ignore": "\n".join(flags.ignore_paths),
            "sparseCheckout": list(flags.sparse_checkout_paths),
            "timeout": format_nanoseconds(flags.fetch_timeout) if flags.fetch_timeout else "",
            "suspend": flags.suspend,
        }
    )


def _ref(flags: Any) -> Spec:
    """Return the reference that counts of those given."""
    if flags.commit:
        return without_unset({"commit": flags.commit, "branch": flags.branch})
    if flags.ref_name:
        return {"name": flags.ref_name}
    if flags.tag_semver:
        checks.check_range("--tag-semver", flags.tag_semver)
        return {"semver": flags.tag_semver}
    if flags.tag:
        return {"tag": flags.tag}
    if flags.branch:
        return {"branch": flags.branch}
    raise Failed(
        "a Git ref is required, use one of the following: --branch, --tag, --commit, --ref-name or --tag-semver"
    )


def _prepare(order: Order, spec: Spec) -> None:
    from cli.creation.secrets.source import make_source_secret  # noqa: PLC0415

    if not order.flags.secret_ref and make_source_secret(order):
        spec["secretRef"] = {"name": order.name}


def _describe(obj: Object) -> str:
    revision = (status(obj).get("artifact") or {}).get("revision", "")
    return f"fetched revision: {revision}" if revision else ""


COMMAND: Final = create_command(
    GIT,
    flags=_FLAGS,
    build=_build,
    examples=_EXAMPLES,
    versions=("v1", "v1beta2"),
    description="Creates a GitRepository, or changes it, and waits until it is ready. Credentials that are given go "
    "into a Secret of the same name. With --export the GitRepository is printed instead.",
    prepare=_prepare,
    describe=_describe,
)
