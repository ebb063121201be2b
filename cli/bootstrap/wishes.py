"""What a bootstrap is asked for: values only."""

from dataclasses import dataclass, field
from types import SimpleNamespace

from cli.bootstrap.places import Places
from cli.installing.build import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Commits:
    """How commits are made. The names of files of keys are read when they are needed."""

    author_name: str
    author_email: str
    appendix: str
    gpg_key_ring: str = ""
    gpg_passphrase: str = field(default="", repr=False)
    gpg_key_id: str = ""
    ssh_key_file: str = ""
    ssh_passphrase: str = field(default="", repr=False)

    def message(self, text: str) -> str:
        """Return the message of a commit."""
        return f"{text}\n\n{self.appendix}" if self.appendix else text


@dataclass(frozen=True, slots=True, kw_only=True)
class FluxChoice:
    """Which deploying controllers of Flux, and how they are set up."""

    components: tuple[str, ...]
    version: str
    """Of the release to fetch, with its v; empty: that of the manifests, or FLUX_VERSION."""
    manifests: str
    """Path of a file or folder; empty: they are fetched."""
    registry: str
    namespace: str
    image_pull_secret: str
    watch_all_namespaces: bool
    log_level: str
    network_policy: bool
    cluster_domain: str
    toleration_keys: tuple[str, ...]
    stand_ins: tuple[str, ...] = ()
    """Flux's names of what is asked for and tagline stands in for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """All that was asked for."""

    url: str
    """Of the repository as this command reaches it, without password."""
    shown_url: str
    sync_url: str
    """As the cluster reaches it."""
    scheme: str
    branch: str
    places: Places
    interval: int
    """Nanoseconds."""
    username: str
    password: str = field(repr=False)
    bearer: bool
    token_auth: bool
    secret_name: str
    ca_file: str
    proxy: str = field(repr=False)
    host_key_algorithms: tuple[str, ...]
    recurse_submodules: bool
    sparse_checkout: tuple[str, ...]
    engine: str
    """Empty: what is installed."""
    flux: FluxChoice
    own: Options | None
    """Tagline's part; None where none of it was asked for."""
    own_was_named: bool
    """Whether flags named one of tagline's components, or of those that they stand in for."""
    commits: Commits
    registry_creds: str = field(repr=False)
    key: SimpleNamespace = field(repr=False)
    """The flags that say how an SSH key comes about, for `create secret git`'s functions."""
    key_was_given: bool
    login_was_given: bool
    is_silent: bool
    force: bool

    @property
    def namespace(self) -> str:
        """Where sync objects and credentials are."""
        return self.places.namespace

    @property
    def syncs_by_ssh(self) -> bool:
        """Whether the cluster logs in with an SSH key."""
        return not self.token_auth
