"""The flags of `bootstrap` and of `bootstrap git`."""

from typing import Any, Final

from cli.creation.secrets.sshflags import SSH_FLAGS
from cli.grammar.flags import Text, Words, duration, switch, text, texts
from cli.grammar.tree import Flags
from cli.installing.build import CLUSTER_DOMAIN
from cli.installing.flags import LOG_LEVELS
from controllers.golang.duration import MINUTE

FLUX_REGISTRY: Final = "ghcr.io/fluxcd"
FLUX_COMPONENTS: Final = ("source-controller", "kustomize-controller", "helm-controller", "notification-controller")
FLUX_VERSION: Final = "v2.9.4"
"""The release of Flux whose recordings and CRDs this release of tagline is tested against."""
ENGINES: Final = ("flux", "argocd", "none")


class EngineName(Words):
    """Who syncs; none given: what is installed."""

    def __init__(self) -> None:
        super().__init__(("", *ENGINES), "unsupported engine '{value}', must be one of: flux, argocd, none")
        self.name = "|".join(ENGINES)


class SafePath(Text):
    """A path that is made to stay below the repository's root."""

    name = "safeRelativePath"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        return str(value)


SHARED: Final[Flags] = (
    text("-v", "--version", help="tag of tagline's image, with its v; default: that of this release"),
    texts("--components", default=FLUX_COMPONENTS, help="components to install"),
    texts(
        "--components-extra",
        help="components beside those; image-reflector-controller and image-automation-controller stand for tagline's",
    ),
    text("--registry", default=FLUX_REGISTRY, help="where the images of the controllers are"),
    text("--tagline-registry", help="where tagline's image is, if not in --registry"),
    text("--registry-creds", help="user:password for a Secret with which to pull images; needs --image-pull-secret"),
    text("--image-pull-secret", help="name of the Secret with which to pull images"),
    text("--branch", default="main", help="branch of the repository"),
    switch("--recurse-submodules", help="have the GitRepository include Git submodules"),
    texts("--sparse-checkout", help="folders that the GitRepository checks out; --path has to be one of them"),
    switch("--watch-all-namespaces", default=True, help="look after objects in all namespaces, not only --namespace"),
    switch("--network-policy", default=True, help="let nobody but metrics collectors reach the controllers"),
    switch("--token-auth", help="have the cluster log in with --password instead of an SSH key"),
    text("--log-level", type=LOG_LEVELS, default="info", help="how much the controllers log"),
    text("--cluster-domain", default=CLUSTER_DOMAIN, help="the cluster's internal domain"),
    texts("--toleration-keys", help="keys of taints that the pods may run in spite of"),
    text("--secret-name", default="flux-system", help="name of the Secret with which the cluster logs in"),
    *SSH_FLAGS,
    texts("--ssh-hostkey-algos", help="kinds of host keys to accept"),
    text("--ssh-hostname", help="host for SSH, where it is another than that of HTTPS"),
    text("--ca-file", help="file with the CA certificate of the Git host"),
    text("--author-name", default="Flux", help="author of the commits"),
    text("--author-email", help="the author's address"),
    text("--gpg-key-ring", help="file with the OpenPGP key to sign commits with"),
    text("--gpg-passphrase", help="passphrase of that key"),
    text("--gpg-key-id", help="which key of the file, by the end of its fingerprint"),
    text("--ssh-signing-key-file", help="file with the SSH key to sign commits with"),
    text("--ssh-signing-password", help="passphrase of that key"),
    switch("--ssh-signing-reuse-private-key", help="sign commits with the key of --private-key-file"),
    text("--commit-message-appendix", help="text behind the commit messages, e.g. '[ci skip]'"),
    switch("--force", help="go on in spite of Flux's image controllers, and over what other tools installed"),
    text(
        "--engine", type=EngineName(),
        help="who syncs the repository to the cluster: flux, argocd, or none for yourself; default: what is installed, "
        "flux where nothing is",
    ),
    text("--flux-version", help=f"release of Flux whose deploying controllers are installed; default: {FLUX_VERSION}"),
    text(
        "--flux-manifests",
        help="file with Flux's install manifest, or folder with an install.yaml, where there is no internet; the "
        "variable TAGLINE_FLUX_MANIFESTS does the same",
    ),
    text("--proxy", help="proxy for this command's way to the Git host; default: what the environment says"),
    switch("--export", help="print all files, and touch neither repository nor cluster"),
    switch("--dry-run", help="print how the repository would change, and change nothing"),
)  # fmt: skip

GIT: Final[Flags] = (
    text(
        "--url", help="address of the repository, e.g. https://github.com/org/fleet or ssh://git@github.com/org/fleet"
    ),
    text("--path", type=SafePath(), help="folder of the repository that is synced; default: all of it"),
    duration("--interval", default=MINUTE, help="how often the repository is looked at"),
    text("-u", "--username", default="git", help="user of HTTP, or of SSH"),
    text("-p", "--password", help="password or token, or the passphrase of --private-key-file; also GIT_PASSWORD"),
    switch("-s", "--silent", help="take it that the deploy key has access, and ask nothing"),
    switch("--yes", help="the same as --silent"),
    switch("--allow-insecure-http", help="allow http://, over which everybody on the way can read the password"),
    switch("--with-bearer-token", help="send --password as a bearer token; implies --token-auth"),
)
