"""A remote and its engine in a few dicts: commits are folders of bytes, references name them. No Git, no threads."""

import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from controllers.cloud.aws import AwsCredentials
from controllers.cloud.errors import LoginFailed
from controllers.cloud.identity import Identity, Login, SubjectToken
from controllers.cloud.logins import CloudLogins
from controllers.cloudaccess.access import CloudAccess
from controllers.git.errors import PathMissing, PushFailed, RefMoved
from controllers.git.login.clouds import CloudCredentials
from controllers.git.login.githubapp import GithubApp
from controllers.git.objects.commits import Author, CommitInfo, NewCommit, Signer
from controllers.git.objects.scan import File
from controllers.git.protocol.refs import Refs, Tip
from controllers.git.protocol.refspec import ANY, RefUpdate
from controllers.git.protocol.session import Check, anyone
from controllers.git.remote import Basic, Bearer, Remote
from controllers.git.signing.signers import SigningKey, unlock
from testing.builders import GIT_URL
from testing.clock import START, VirtualClock
from testing.kube import FakeKube

Files = dict[str, bytes]
SOMEONE = b"Someone <s@example.com>"
SOME_TIME = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class FakeCommit:
    """What a commit was made with."""

    parent: str
    author: Author
    message: str
    when: datetime
    signer: Signer | None


@dataclass(frozen=True)
class PushRecord:
    """What a push was made with."""

    updates: tuple[RefUpdate, ...]
    options: Mapping[str, str]
    force: bool


class FakeCloud:
    """A cloud that numbers its logins: keys of AWS, or a token."""

    def __init__(self, host: str, *, keys: bool) -> None:
        self.host = host
        self.logins: list[tuple[SubjectToken | None, str]] = []
        """Whose, and by which proxy."""
        self._keys = keys

    def credential_scope(self, url: str) -> str:
        if self.host not in url:
            raise LoginFailed(f"'{url}' is not at {self.host}")
        return self.host

    def audience(self, identity: Identity) -> str:
        return f"audience of {self.host}"

    def login(self, credential_scope: str, subject: SubjectToken | None, *, proxy: str) -> Login[CloudCredentials]:
        self.logins.append((subject, proxy))
        secret = f"HUSH-{len(self.logins)}"
        return Login(
            AwsCredentials("ASIA", secret, "HUSH") if self._keys else Bearer(secret), START + timedelta(hours=1)
        )


class FakeClouds:
    """Both clouds, and the way into them."""

    def __init__(self, kube: FakeKube, *, gate: bool = False, default: str = "") -> None:
        self.aws, self.azure = FakeCloud("amazonaws.com", keys=True), FakeCloud("dev.azure.com", keys=False)
        self.clock = VirtualClock()
        providers = {"aws": self.aws, "azure": self.azure}
        self.logins: CloudLogins[CloudCredentials] = CloudLogins(
            self.clock, providers, pin_proxy=str, max_size=10, max_age=timedelta(hours=1)
        )
        self.access = CloudAccess(kube, self.logins, object_level=gate, default_service_account=default)


class FakeGit:
    """A `Git` of one remote, and its `Identities`."""

    def __init__(self) -> None:
        self.refs: dict[str, str] = {}
        self.trees: dict[str, Files] = {}
        self.any_commit = True
        self.parents: dict[str, str] = {}
        """Of the commits of others."""
        self.links: dict[str, str] = {}
        """Path of a symbolic link → where its content is."""
        self.commits: dict[str, FakeCommit] = {}
        self.pushes: list[PushRecord] = []
        """Also those that were refused."""
        self.calls: list[str] = []
        """Names of the methods called, `read_commit` left out."""
        self.described: list[str] = []
        self.extra_refs: list[tuple[str, ...]] = []
        self.failures: dict[str, list[Exception]] = defaultdict(list)
        """Method → errors for its next calls."""
        self.before_push: list[Callable[[], object]] = []
        """What others do just before the next pushes, one each."""
        self.active_writers: list[str] = []
        """Branches that a writer is inside of."""
        self.has_other_writers = False
        """Writers have to wait for others."""
        self.signers: dict[str, Signer] = {}
        """Name of a Secret → what its key becomes; other keys have to be real."""

    def put(self, ref: str, files: Files) -> str:
        """Somebody else's push: the files are added to what the reference has; returns the commit."""
        before = self.refs.get(ref, "")
        return self._move(ref, before, {**self.trees.get(before, {}), **files})

    def replace_history(self, ref: str, files: Files) -> str:
        """Somebody else's new history: the reference has only these files now; returns the commit."""
        return self._move(ref, "", files)

    def files_of(self, ref: str) -> Files:
        return self.trees[self.refs[ref]]

    async def list_refs(self, remote: Remote, *, extra: Iterable[str] = ()) -> Refs:
        self._called("list_refs")
        self.extra_refs.append(tuple(extra))
        return Refs(GIT_URL, dict(self.refs), {}, {})

    async def fetch(self, remote: Remote, tip: Tip) -> None:
        self._called("fetch")

    async def find_files(
        self,
        remote: Remote,
        commit: str,
        path: str,
        *,
        is_wanted: Callable[[str], bool],
        has_marker: Callable[[bytes], bool],
    ) -> list[File]:
        self._called("find_files")
        files = self.trees[commit]
        found = {name: data for name, data in files.items() if not path or f"{name}/".startswith(f"{path}/")}
        if path and not found:
            raise PathMissing(path)
        return [
            File(name, self.links.get(name, name), data)
            for name, data in sorted(found.items())
            if is_wanted(name.rpartition("/")[2]) and has_marker(data)
        ]

    def can_fetch_any_commit(self, remote: Remote) -> bool:
        return self.any_commit

    async def read_commit(self, remote: Remote, commit: str) -> CommitInfo:
        self.described.append(commit)
        if self.failures["read_commit"]:
            raise self.failures["read_commit"].pop(0)
        made = self.commits.get(commit)
        if made is None:
            parents = tuple(filter(None, [self.parents.get(commit, "")]))
            return CommitInfo(self._tree(commit), parents, SOMEONE, SOMEONE, SOME_TIME, "Theirs")
        return CommitInfo(
            self._tree(commit), (made.parent,), made.author.line, made.author.line, made.when, made.message
        )

    async def commit(
        self,
        remote: Remote,
        parent: str,
        edits: Mapping[str, bytes],
        *,
        author: Author,
        message: str,
        when: datetime,
        signer: Signer | None = None,
    ) -> NewCommit | None:
        self._called("commit")
        files = {**self.trees[parent], **edits}
        if files == self.trees[parent]:
            return None
        new = self._commit(parent, files)
        self.commits[new] = FakeCommit(parent, author, message, when, signer)
        return NewCommit(new, parent, self._tree(new), ())

    async def push(
        self,
        remote: Remote,
        new: NewCommit,
        updates: Sequence[RefUpdate],
        *,
        options: Mapping[str, str] | None = None,
        force: bool = False,
        check: Check = anyone,
    ) -> tuple[str, ...]:
        if self.before_push:
            self.before_push.pop(0)()
        check()
        self.pushes.append(PushRecord(tuple(updates), dict(options or {}), force))
        try:
            self._called("push")
        except PushFailed as error:
            self.refs |= {update.ref: update.new for update in updates if update.ref in error.updated_refs}
            raise
        for update in updates:
            if update.expected is not ANY and update.expected != self.refs.get(update.ref):
                raise RefMoved(f"{update.ref} moved meanwhile")
        self.refs |= {update.ref: update.new for update in updates}
        return tuple(update.ref for update in updates)

    async def delete_ref(self, remote: Remote, ref: str, expected: str, *, check: Check = anyone) -> None:
        self._called("delete_ref")
        check()
        if self.refs.get(ref, expected) != expected:
            raise RefMoved(f"{ref} moved meanwhile")
        self.refs.pop(ref, None)

    async def signer(self, key: SigningKey) -> Signer:
        return self.signers.get(key.secret_name) or unlock(key)

    async def github_login(self, app: GithubApp, via: Remote) -> Basic:
        return Basic("x-access-token", f"token of {app.principal}")

    @asynccontextmanager
    async def lock_branch(self, remote: Remote, branch: str) -> AsyncIterator[bool]:
        self.active_writers.append(branch)
        try:
            yield not self.has_other_writers
        finally:
            self.active_writers.remove(branch)

    def _called(self, method: str) -> None:
        self.calls.append(method)
        if self.failures[method]:
            raise self.failures[method].pop(0)

    def _move(self, ref: str, parent: str, files: Files) -> str:
        self.refs[ref] = new = self._commit(parent, files)
        self.commits.pop(new, None)
        self.parents[new] = parent
        return new

    def _tree(self, commit: str) -> str:
        return hashlib.sha256(repr(sorted(self.trees[commit].items())).encode()).hexdigest()[:40]

    def _commit(self, parent: str, files: Files) -> str:
        commit = hashlib.sha256(repr((parent, sorted(files.items()))).encode()).hexdigest()[:40]
        self.trees[commit] = files
        return commit
