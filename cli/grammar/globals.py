"""The flags that every command has, and what they make: namespace, deadline, and how to reach a cluster."""

import re
from collections.abc import Mapping
from typing import Any, Final

from cli.grammar.flags import FLOAT, INT, Flag, duration, repeated, switch, text
from controllers.golang.duration import MINUTE

DEFAULT_NAMESPACE: Final = "flux-system"
NAMESPACE_VARIABLE: Final = "FLUX_SYSTEM_NAMESPACE"
FOLLOW_CONTEXT_VARIABLE: Final = "FLUX_NS_FOLLOWS_KUBE_CONTEXT"
_DNS_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

GLOBAL_FLAGS: Final = (
    repeated("--as-group", help="group to impersonate; may be repeated"),
    text("--as", help="user to impersonate: a person, or a ServiceAccount in a namespace"),
    text("--as-uid", help="UID to impersonate"),
    repeated("--as-user-extra", help="extra of the user to impersonate, key=value; may be repeated"),
    text("--cache-dir", help="without effect: tagline keeps no cache"),
    text("--certificate-authority", help="file with the certificate authority of the API server"),
    text("--client-certificate", help="file with a client certificate for the API server"),
    text("--client-key", help="file with the key of the client certificate"),
    text("--cluster", help="cluster of the kubeconfig to use"),
    text("--context", help="context of the kubeconfig to use"),
    switch("--disable-compression", help="ask the API server for answers that are not compressed"),
    switch("--insecure-skip-tls-verify", help="do not check the API server's certificate: anybody may read along"),
    Flag("--kube-api-burst", type=INT, default=300, help="without effect: the API server says when it is too much"),
    Flag("--kube-api-qps", type=FLOAT, default=50.0, help="without effect: the API server says when it is too much"),
    text("--kubeconfig", help="kubeconfig file"),
    text("-n", "--namespace", help="namespace of the objects", default=DEFAULT_NAMESPACE),
    switch(
        "--ns-follows-kube-context",
        help=f"take the namespace of the kubeconfig's context instead of {DEFAULT_NAMESPACE}; the variable "
        f"{FOLLOW_CONTEXT_VARIABLE} does the same, whatever it is set to",
    ),
    text("--server", help="address of the API server"),
    duration("--timeout", default=5 * MINUTE, help="how long the whole command may take"),
    text("--tls-server-name", help="name to expect in the API server's certificate, if not its host"),
    text("--token", help="bearer token for the API server"),
    text("--user", help="user of the kubeconfig to use"),
    switch("--verbose", help="say what bootstrap does to each object; other commands say all that they do anyway"),
)


class InvalidNamespace(ValueError):
    """A namespace that cannot exist."""


def choose_namespace(given: str | None, *, environ: Mapping[str, str], context_namespace: str) -> tuple[str, str]:
    """Return the namespace to work in, and a warning or "".

    given: by the flag, None where it was not; context_namespace: the context's where it is to be followed, or "".
    Raises InvalidNamespace.
    """
    if given is not None:  # an empty one is a variable of a script that is not set
        if not is_dns_label(given):
            raise InvalidNamespace(f'namespace must be a valid DNS label: "{given}"')
        return given, ""
    if context_namespace:
        return context_namespace, ""
    variable = environ.get(NAMESPACE_VARIABLE, "")
    if not variable:
        return DEFAULT_NAMESPACE, ""
    if is_dns_label(variable):
        return variable, ""
    return DEFAULT_NAMESPACE, f'ignoring invalid {NAMESPACE_VARIABLE}: "{variable}"'


def is_dns_label(text: str) -> bool:
    """Return whether a namespace can have that name (RFC 1123)."""
    return _DNS_LABEL.fullmatch(text) is not None


def connection_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `cli.kube.config.ConnectionOptions` takes, from the values of the flags."""
    names = (
        "kubeconfig", "context", "cluster", "user", "server", "token", "as_uid", "certificate_authority",
        "client_certificate", "client_key", "insecure_skip_tls_verify", "tls_server_name", "disable_compression",
        "cache_dir", "as_user_extra",
    )  # fmt: skip
    return {name: values[name] for name in names} | {"as_user": values["as"], "as_groups": values["as_group"]}
