"""What the flags of `bootstrap git` ask for, checked before anything is done. A refusal names the flag and the fix."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from api.version import VERSION
from cli.bootstrap.flags import FLUX_COMPONENTS, FLUX_REGISTRY, FLUX_VERSION
from cli.bootstrap.places import Places, safe_path
from cli.bootstrap.wishes import Commits, FluxChoice, Wishes
from cli.grammar.session import Failed, Session
from cli.installing import flags as installing
from cli.installing.build import NAMESPACE, REGISTRY, Options, check_version
from cli.installing.components import OF_FLUX, STANDS_FOR, choose, is_ours
from controllers.net.url import show_remote, strip_userinfo

REQUIRED_OF_FLUX: Final = ("source-controller", "kustomize-controller")
_SCP_FORM: Final = re.compile(r"(?P<login>[^@/:\s]+@[^/:@\s]+):(?P<path>.+)")
_BRANCH: Final = re.compile(r"(?!/|.*(?://|\.\.|@\{|\.lock(?:/|$)))[^\x00-\x20\x7f~^:?*\[\\]+(?<![/.])")


def check_components(flags: Mapping[str, Any]) -> None:
    """Raise Failed for components that there are not, or that Flux cannot sync without."""
    named = (*flags["components"], *flags["components_extra"])
    for name in REQUIRED_OF_FLUX if flags["engine"] in ("", "flux") else ():
        if name not in named:
            raise Failed(f"component {name} is required")
    choose((), named)
    installing.check_credentials(flags["registry_creds"], flags["image_pull_secret"])
    if flags["version"]:
        check_version(flags["version"])
    if flags["flux_version"]:
        check_version(flags["flux_version"])


def wishes_of(session: Session, flags: Mapping[str, Any], password: str) -> Wishes:
    """Return what the flags ask for. password: that of the flag, the environment or the prompt. Raises Failed."""
    check_components(flags)
    commits = _commits(flags)
    namespace = session.exported_namespace if flags["export"] else session.namespace
    token_auth = flags["token_auth"] or flags["with_bearer_token"]
    parts = _parse(flags["url"])
    _check_scheme(parts, flags, token_auth=token_auth)
    places = Places(safe_path(flags["path"]), namespace)
    _check_branch(flags["branch"])
    _check_sparse(flags["sparse_checkout"], places.path)
    if flags["interval"] <= 0:
        raise Failed("--interval has to be longer than 0, like 1m")
    own, was_named = _own(flags, namespace)
    in_url = unquote(parts.username or ""), unquote(parts.password or "")
    by_http = parts.scheme != "ssh"
    if by_http and not password and not in_url[1] and not flags["export"]:
        raise Failed(
            f"--password is needed for {parts.scheme}://: a password or token that may push, also as variable "
            "GIT_PASSWORD"
        )
    return Wishes(
        url=strip_userinfo(flags["url"]) if by_http else flags["url"],
        shown_url=show_remote(flags["url"]),
        sync_url=_sync_url(parts, flags, token_auth=token_auth),
        scheme=parts.scheme,
        branch=flags["branch"],
        places=places,
        interval=flags["interval"],
        username=in_url[0] if by_http and in_url[0] and not password else flags["username"],
        password=password or (in_url[1] if by_http else ""),
        bearer=flags["with_bearer_token"],
        token_auth=token_auth,
        secret_name=_secret_name(flags["secret_name"]),
        ca_file=flags["ca_file"],
        proxy=flags["proxy"],
        host_key_algorithms=tuple(flags["ssh_hostkey_algos"]),
        recurse_submodules=flags["recurse_submodules"],
        sparse_checkout=tuple(flags["sparse_checkout"]),
        engine=flags["engine"],
        flux=_flux(flags, namespace, session.environ),
        own=own,
        own_was_named=was_named,
        commits=commits,
        registry_creds=flags["registry_creds"],
        key=_key_flags(flags, password if not by_http else ""),
        key_was_given=bool(flags["private_key_file"]),
        login_was_given=bool(password or flags["private_key_file"] or flags["ca_file"]),
        is_silent=flags["silent"] or flags["yes"],
        force=flags["force"],
    )


def _parse(url: str) -> SplitResult:
    from cli.creation.giturl import check_url  # noqa: PLC0415

    if not url:
        raise Failed("--url is required: the address of the repository, like https://github.com/org/fleet")
    scp = _SCP_FORM.fullmatch(url)
    if scp:
        raise Failed(f"--url {url} has no scheme: write it as ssh://{scp['login']}/{scp['path'].lstrip('/')}")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Failed("--url is not a URL: its host begins with [ and is no IPv6 address") from None
    if "://" in url and parts.scheme not in ("ssh", "http", "https"):
        raise Failed(
            f"failed to create authentication options for {show_remote(url)}: scheme {_quoted(parts.scheme)} is not "
            "supported"
        )
    check_url(url)
    if parts.query or parts.fragment:
        raise Failed(
            f"--url {show_remote(url)} has more behind the path, which would be committed as it is: give the address "
            "alone, and what logs in with --password"
        )
    if not parts.hostname or not parts.path.strip("/"):
        raise Failed(f"--url {show_remote(url)} names no repository; write it like https://github.com/org/fleet")
    return parts


def _check_scheme(parts: SplitResult, flags: Mapping[str, Any], *, token_auth: bool) -> None:
    shown = show_remote(flags["url"])
    if parts.scheme == "http" and not flags["allow_insecure_http"]:
        raise Failed(
            f"failed to create authentication options for {shown}: scheme http is insecure, pass "
            "--allow-insecure-http=true to allow it"
        )
    if parts.scheme == "ssh" and token_auth:
        raise Failed(f"--token-auth needs --url with https://, and {shown} is for SSH; give the one or leave the other")
    if parts.scheme == "ssh" and flags["ca_file"]:
        raise Failed("--ca-file is for https://, and --url is for SSH; leave it out")


def _check_branch(branch: str) -> None:
    if not _BRANCH.fullmatch(branch) or branch.startswith(("-", "refs/")):
        raise Failed(f"--branch {_quoted(branch)} is not the name of a branch; write it like main")


def _check_sparse(folders: tuple[str, ...], path: str) -> None:
    if not folders:
        return
    kept = [safe_path(folder) for folder in folders]
    if not any(path == folder or path.startswith(f"{folder}/") for folder in kept):
        raise Failed(f"--path {path or '.'} has to be one of --sparse-checkout ({', '.join(folders)}) or below it")


def _secret_name(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", name):
        raise Failed(f"--secret-name {_quoted(name)} is not the name of a Secret; write it like flux-system")
    return name


def _sync_url(parts: SplitResult, flags: Mapping[str, Any], *, token_auth: bool) -> str:
    """Return the address for the cluster: https without a login, or ssh with the user in it."""
    host = parts.netloc.rpartition("@")[2]
    if token_auth:
        scheme = parts.scheme if flags["allow_insecure_http"] else "https"
        return urlunsplit(parts._replace(scheme=scheme, netloc=host))
    if parts.scheme != "ssh":
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
    host = flags["ssh_hostname"] or host
    user = parts.username if parts.username and flags["username"] == "git" else flags["username"]
    return urlunsplit(parts._replace(scheme="ssh", netloc=f"{user}@{host}"))


def _own(flags: Mapping[str, Any], namespace: str) -> tuple[Options | None, bool]:
    """Return tagline's part as `install` would make it, and whether flags named any of it."""
    named = [*flags["components"], *flags["components_extra"]]
    was_named = any(map(is_ours, named))
    choice = choose((), named)
    registry = flags["tagline_registry"]
    if not registry:
        registry = REGISTRY if flags["registry"] == FLUX_REGISTRY else flags["registry"]
    options = Options(
        # Controllers that look after one namespace alone look after the one they run in.
        namespace=NAMESPACE if flags["watch_all_namespaces"] else namespace,
        components=choice.own,
        version=flags["version"] or f"v{VERSION}",
        registry=registry,
        image_pull_secret=flags["image_pull_secret"],
        watch_all_namespaces=flags["watch_all_namespaces"],
        log_level=flags["log_level"],
        network_policy=flags["network_policy"],
        cluster_domain=flags["cluster_domain"],
        toleration_keys=tuple(flags["toleration_keys"]),
    )
    return options, was_named


def _flux(flags: Mapping[str, Any], namespace: str, environ: Mapping[str, str]) -> FluxChoice:
    named = dict.fromkeys((*flags["components"], *flags["components_extra"]))
    manifests = flags["flux_manifests"] or ("" if flags["flux_version"] else environ.get("TAGLINE_FLUX_MANIFESTS", ""))
    if manifests and not Path(manifests).exists():
        raise Failed(f"--flux-manifests: there is no {manifests}")
    return FluxChoice(
        components=tuple(name for name in named if name in OF_FLUX) or FLUX_COMPONENTS,
        stand_ins=tuple(name for name in named if name in STANDS_FOR),
        version=flags["flux_version"] or ("" if manifests else FLUX_VERSION),
        manifests=manifests,
        registry=flags["registry"],
        namespace=namespace,
        image_pull_secret=flags["image_pull_secret"],
        watch_all_namespaces=flags["watch_all_namespaces"],
        log_level=flags["log_level"],
        network_policy=flags["network_policy"],
        cluster_domain=flags["cluster_domain"],
        toleration_keys=tuple(flags["toleration_keys"]),
    )


def _commits(flags: Mapping[str, Any]) -> Commits:
    by_gpg = bool(flags["gpg_key_ring"])
    by_ssh = bool(flags["ssh_signing_key_file"] or flags["ssh_signing_reuse_private_key"])
    if by_gpg and by_ssh:
        raise Failed("--gpg-* and --ssh-signing-* are mutually exclusive; pick one signing format")
    if flags["ssh_signing_key_file"] and flags["ssh_signing_reuse_private_key"]:
        raise Failed("--ssh-signing-key-file and --ssh-signing-reuse-private-key are mutually exclusive")
    if flags["ssh_signing_reuse_private_key"] and not flags["private_key_file"]:
        raise Failed("--ssh-signing-reuse-private-key requires --private-key-file")
    if flags["ssh_signing_password"] and not flags["ssh_signing_key_file"]:
        raise Failed("--ssh-signing-password requires --ssh-signing-key-file")
    if (flags["gpg_key_id"] or flags["gpg_passphrase"]) and not by_gpg:
        raise Failed("--gpg-key-id and --gpg-passphrase need --gpg-key-ring, the file with the key")
    reused = flags["ssh_signing_reuse_private_key"]
    return Commits(
        author_name=flags["author_name"],
        author_email=flags["author_email"],
        appendix=flags["commit_message_appendix"],
        gpg_key_ring=flags["gpg_key_ring"],
        gpg_passphrase=flags["gpg_passphrase"],
        gpg_key_id=flags["gpg_key_id"],
        ssh_key_file=flags["private_key_file"] if reused else flags["ssh_signing_key_file"],
        ssh_passphrase=flags["ssh_signing_password"] or (flags["password"] if reused else ""),
    )


def _key_flags(flags: Mapping[str, Any], passphrase: str) -> SimpleNamespace:
    names = ("private_key_file", "ssh_key_algorithm", "ssh_rsa_bits", "ssh_ecdsa_curve")
    return SimpleNamespace(**{name: flags[name] for name in names}, password=passphrase)


def _quoted(text: str) -> str:
    from controllers.golang.quote import quote  # noqa: PLC0415

    return quote(text)
