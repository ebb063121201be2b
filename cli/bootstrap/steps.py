"""The steps of a bootstrap, in their order. Each may be interrupted, and does nothing when it is done already."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from api.names import GIT_REPOSITORIES, KUSTOMIZATIONS, REQUESTED_AT
from api.resource import Resource
from cli.bootstrap import credentials, fluxmanifest, kustomize, signing, survey
from cli.bootstrap.argocd import repository_secret
from cli.bootstrap.choosing import parts_of
from cli.bootstrap.files import OWN_FOLDER, Parts, Plan, identity, plan
from cli.bootstrap.health import Health, deployments_of
from cli.bootstrap.wishes import Wishes
from cli.grammar.session import Failed, Session
from cli.installing import flags as installing
from cli.installing import installation, inventory, preflight
from cli.installing.applying import apply_all, delete
from cli.installing.build import Options, rank
from cli.installing.resources import Ref

if TYPE_CHECKING:
    from cli.bootstrap.repository import Repository

GIT_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 5.0
"""Between looks at whether somebody else has moved the branch meanwhile."""
MANAGERS: Final = {"flux": "kustomize-controller", "argocd": "argocd-controller"}
"""As whom all is applied that somebody syncs from then on: only the one owner of a field can remove it."""
MANAGER: Final = "tagline"


def bootstrap(session: Session, wishes: Wishes) -> None:
    """Do all of it. Raises Failed, ApiError."""
    from cli.bootstrap.repository import Repository  # noqa: PLC0415

    signer = signing.signer_of(wishes.commits)
    found = survey.look(session, wishes)
    for namespace in dict.fromkeys([wishes.namespace, *([wishes.own.namespace] if wishes.own else [])]):
        preflight.wait_until_deleted(session.cluster, namespace, session.report)
    survey.check_path(found, wishes)
    survey.check_source(found, wishes)
    source = _prepare_ssh(session, wishes) if wishes.scheme == "ssh" else None
    remote = credentials.remote_of(wishes, source, seconds=git_seconds(session))
    pause = session.deadline.sleep
    with Repository(remote, wishes, session.report, signer=signer, sleep=pause) as repository:
        clone(session, wishes, repository)
        repository.check_push()
        _Bootstrap(session, wishes, found, repository).run()


def clone(session: Session, wishes: Wishes, repository: "Repository") -> None:
    """Look the repository up, and say so. Raises Failed."""
    session.report.action(f'cloning branch "{wishes.branch}" from Git repository "{wishes.shown_url}"')
    repository.clone()
    session.report.success("cloned repository")


def git_seconds(session: Session) -> float:
    """Return how long one operation on the repository may take."""
    left = session.deadline.remaining()
    return GIT_SECONDS if left is None else max(min(GIT_SECONDS, left), 0.1)


def _prepare_ssh(session: Session, wishes: Wishes) -> credentials.SourceSecret:
    """Return the key for a repository that is reached by SSH, kept in the cluster before anybody gives it access."""
    existing = credentials.read_secret(session, wishes)
    credentials.refuse_login_of_others(wishes, existing)
    source = credentials.for_ssh(wishes, existing, timeout=git_seconds(session))
    if source.is_generated and source.is_new:
        credentials.ensure_namespace(session, wishes.namespace)
        credentials.apply_secret(session, wishes.namespace, wishes.secret_name, source.data)
        session.report.success(f"public key: {source.public_key}")
        credentials.wait_for_access(wishes, source)
    return source


class _Bootstrap:
    """The steps from the cloned repository on."""

    def __init__(self, session: Session, wishes: Wishes, found: survey.Survey, repository: "Repository") -> None:
        self._session, self._wishes, self._found, self._repository = session, wishes, found, repository
        self._report, self._cluster = session.report, session.cluster
        self._looked_at = -LOOK_SECONDS

    def run(self) -> None:
        wishes, places = self._wishes, self._wishes.places
        self._report.action("generating component manifests")
        existing = self._repository.read(places.all)
        if not self._is_of_flux():
            credentials.refuse_login_of_others(wishes, credentials.read_secret(self._session, wishes))
        parts = parts_of(self._session, wishes, self._found, existing)
        planned = plan(wishes, parts, existing)
        self._report.success("generated component manifests")
        if parts.own:
            installation.check_crds(self._cluster)
        objects = self._to_apply(planned, parts)
        self._commit("component manifests", planned.title, parts, of_sync=False)
        if objects:
            self._install(objects, parts)
        elif parts.engine != "none":
            self._hand_over(parts)
        self._pull_secrets(parts)
        self._report.success("reconciled components")
        self._source_secret(parts)
        self._report.action("generating sync manifests")
        self._report.success("generated sync manifests")
        whose = "Flux" if parts.engine == "flux" else "tagline"
        self._commit("sync manifests", f"Add {whose} sync manifests", parts, of_sync=True)
        self._sync(planned, parts)
        self._confirm(planned, parts)

    def _commit(self, what: str, message: str, parts: Parts, *, of_sync: bool) -> None:
        def make(existing: Mapping[str, bytes]) -> Mapping[str, bytes]:
            made = plan(self._wishes, parts, existing)
            return made.sync if of_sync else made.components

        if not self._repository.commit(what, message, self._wishes.places.all, make):
            self._report.success(f"{what} are up to date")

    def _to_apply(self, planned: Plan, parts: Parts) -> list[dict[str, Any]]:
        """Return the components, in their order; none where who syncs has applied them and goes on doing so."""
        if self._found.was_ever_applied:
            return []
        objects = sorted(self._patched(planned), key=rank)
        if parts.engine == "none" and parts.own:
            objects, _, reasons = installation.adapt(self._cluster, objects, parts.own, force=self._wishes.force)
            for reason in reasons:
                self._report.warning(reason)
        return objects

    def _install(self, objects: list[dict[str, Any]], parts: Parts) -> None:
        self._report.action(f'installing components in "{self._wishes.namespace}" namespace')
        if parts.engine == "none" and parts.own:  # so that `uninstall` knows what to remove
            installation.install(self._cluster, objects, parts.own, inventory.read_all(self._cluster), self._say)
        else:
            self._apply(objects, parts)
            self._hand_over(parts)
        self._report.success("installed components")

    def _hand_over(self, parts: Parts) -> None:
        """Forget what an earlier `install` has noted: from now on, Git says what there is."""
        if parts.own:
            delete(self._cluster, Ref("v1", "ConfigMap", parts.own.namespace, inventory.NAME))

    def _patched(self, planned: Plan) -> list[dict[str, Any]]:
        """Return the components as the folder's kustomization makes them, where its owner has put patches into it."""
        places = self._wishes.places
        kustomization = self._repository.read([places.kustomization]).get(places.kustomization, b"")
        if not kustomize.changes_resources(kustomization):
            return list(planned.component_objects)
        command = kustomize.program()
        if command is None:
            self._report.warning(
                f"{places.kustomization} changes what is installed, and there is no kubectl or kustomize to build it: "
                "its changes count once the repository is synced"
            )
            return list(planned.component_objects)
        files = self._repository.read_all(places.path) | planned.all
        syncs = set(map(identity, planned.sync_objects))
        return [obj for obj in kustomize.build(command, files, places.folder) if identity(obj) not in syncs]

    def _apply(self, objects: list[dict[str, Any]], parts: Parts) -> None:
        manager = MANAGERS.get(parts.engine, MANAGER)
        apply_all(self._cluster, objects, self._say, manager=manager)

    def _say(self, line: str) -> None:
        """Say what was done to an object, to those who want to know."""
        if self._session.verbose:
            self._report.plain(line)

    def _pull_secrets(self, parts: Parts) -> None:
        given = self._wishes.registry_creds
        if not given:
            return
        flux, chosen = self._wishes.flux, [parts.own] if parts.own else []
        if parts.flux:
            chosen.append(
                Options(namespace=flux.namespace, registry=flux.registry, image_pull_secret=flux.image_pull_secret)
            )
        for one in chosen:
            credentials.ensure_namespace(self._session, one.namespace)
            self._apply([installing.pull_secret(one, given)], parts)
        self._report.success(f"reconciled image pull secret {self._wishes.flux.image_pull_secret}")

    def _source_secret(self, parts: Parts) -> None:
        """Make the Secret with which the cluster logs in, unless there is one and nothing was said of it."""
        wishes, session = self._wishes, self._session
        place = f'"{wishes.namespace}/{wishes.secret_name}"'
        self._report.action(f"determining if source secret {place} exists")
        existing = credentials.read_secret(session, wishes)
        data = self._login(existing)
        if data is None:
            self._report.success("source secret up to date")
        else:
            credentials.ensure_namespace(session, wishes.namespace)
            self._report.action("generating source secret")
            if data.public_key:
                self._report.success(f"public key: {data.public_key}")
            self._report.action(f"applying source secret {place}")
            credentials.apply_secret(session, wishes.namespace, wishes.secret_name, data.data)
            self._report.success("reconciled source secret")
            credentials.wait_for_access(wishes, data)
        if parts.argo:
            known = dict(data.data if data else existing or {})
            self._apply([repository_secret(wishes, parts.argo, known)], parts)
            self._report.success(f"reconciled Argo CD's repository secret in {parts.argo.namespace}")

    def _login(self, existing: dict[str, str] | None) -> credentials.SourceSecret | None:
        """Return what the Secret is to hold; None to keep the one that is there."""
        wishes = self._wishes
        if existing is not None and self._is_of_flux():
            return None
        if wishes.syncs_by_ssh:
            source = credentials.for_ssh(wishes, existing, timeout=git_seconds(self._session))
            return source if source.is_new else None
        if existing is not None and not wishes.login_was_given:
            return None
        return credentials.SourceSecret(credentials.for_token(wishes), is_new=True)

    def _is_of_flux(self) -> bool:
        path = self._wishes.places.components
        present = self._repository.read([path]).get(path, b"").decode("utf-8", "replace")
        return bool(present) and not fluxmanifest.is_ours(present)

    def _sync(self, planned: Plan, parts: Parts) -> None:
        self._report.action("applying sync manifests")
        if not planned.is_of_flux or self._found.kustomization is None:
            self._apply(sorted(planned.sync_objects, key=rank), parts)
        if parts.engine == "flux":
            for kind in (GIT_REPOSITORIES, KUSTOMIZATIONS):
                self._request(kind)
        self._report.success("reconciled sync configuration")

    def _request(self, kind: Resource) -> None:
        """Ask a controller to look now: after a failure it might wait for minutes."""
        now = datetime.now(UTC).isoformat()
        name = self._wishes.namespace
        change = {"metadata": {"annotations": {REQUESTED_AT: now}}}
        self._cluster.patch(kind, name, name, change, manager=MANAGER)

    def _confirm(self, planned: Plan, parts: Parts) -> None:
        """Wait until it works. Raises Failed with what does not."""
        health, namespace = Health(self._session), self._wishes.namespace
        if parts.engine == "flux":
            health.wait_for_source(namespace, self._is_newest)
            health.wait_for_kustomization(namespace, self._is_newest)
        elif parts.argo:
            health.wait_for_application(parts.argo, namespace, lambda commit: self._is_newest(f"@sha1:{commit}"))
        # Of what Flux's own bootstrap made, patches may have taken Deployments out.
        is_running = planned.is_of_flux and self._found.was_ever_applied
        health.confirm_components(deployments_of(planned.own_objects if is_running else planned.component_objects))
        health.conclude()
        if parts.engine == "none":
            self._report.plain(
                f"nothing syncs {self._wishes.places.shown} of the repository to the cluster but you: apply "
                f"{self._wishes.places.folder} whenever it changes"
            )
        if parts.own is None:
            self._hint()

    def _is_newest(self, revision: str) -> bool:
        """Return whether a revision is ours, or of the branch as others have moved it since."""
        if not revision:
            return False
        commit = revision.rpartition(":")[2]
        return commit == self._repository.head or commit == self._newest_head()

    def _newest_head(self) -> str:
        """Return where the branch is now, as of some seconds ago."""
        from controllers.git.errors import GitError  # noqa: PLC0415

        now = self._session.monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            with suppress(GitError):
                self._repository.refresh()
        return self._repository.head

    def _hint(self) -> None:
        import sys  # noqa: PLC0415

        if sys.stderr.isatty():
            self._report.warning(
                f"no controller of {OWN_FOLDER}'s was asked for: add "
                "--components-extra=image-reflector-controller,image-automation-controller"
            )


def refuse_arguments(arguments: tuple[str, ...]) -> None:
    """Raise Failed for arguments, which no bootstrap takes."""
    if arguments:
        raise Failed(f'unknown argument "{arguments[0]}": all is said by flags')
