"""What the registry holds: blobs, manifests and tags by repository."""

import hashlib
import re
import secrets
import threading
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
"""Names of repositories (OCI distribution spec 1.1, "Pulling manifests")."""
TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class RegistryError(Exception):
    """A refusal: `status` of HTTP, `code` of the spec's table of error codes, and a message for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or index as it was pushed."""

    media_type: str
    content: bytes
    digest: str


@dataclass(slots=True)
class _Repository:
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)


class Store:
    """Repositories by name; all methods may be called from several threads.

    Every method raises RegistryError for what is not there or not allowed.
    """

    def __init__(self) -> None:
        self._repositories: dict[str, _Repository] = {}
        self._lock = threading.Lock()

    def begin_upload(self, name: str) -> str:
        """Return the identifier of a new upload."""
        if not NAME.fullmatch(name):
            raise RegistryError(400, "NAME_INVALID", f"{name} is no name of a repository")
        with self._lock:
            upload = secrets.token_hex(16)
            self._repositories.setdefault(name, _Repository()).uploads[upload] = b""
            return upload

    def append(self, name: str, upload: str, content: bytes, *, start: int | None = None) -> int:
        """Add bytes to an upload; return its size. start: the first byte's position, where the client named it."""
        with self._lock:
            uploads = self._repository(name).uploads
            if upload not in uploads:
                raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "there is no such upload")
            if start is not None and start != len(uploads[upload]):
                raise RegistryError(416, "BLOB_UPLOAD_INVALID", f"the next byte is {len(uploads[upload])}")
            uploads[upload] += content
            return len(uploads[upload])

    def finish_upload(self, name: str, upload: str, digest: str) -> None:
        """Make a blob of an upload whose content has the digest."""
        with self._lock:
            repository = self._repository(name)
            if upload not in repository.uploads:
                raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "there is no such upload")
            if digest_of(repository.uploads[upload]) != digest:
                raise RegistryError(400, "DIGEST_INVALID", f"the content does not have the digest {digest}")
            repository.blobs[digest] = repository.uploads.pop(upload)

    def blob(self, name: str, digest: str) -> bytes:
        """Return a blob's content."""
        with self._lock:
            if (content := self._repository(name).blobs.get(digest)) is None:
                raise RegistryError(404, "BLOB_UNKNOWN", f"{name} has no blob {digest}")
            return content

    def put_manifest(self, name: str, reference: str, manifest: Manifest) -> None:
        """Store a manifest under its digest and, when `reference` is a tag, let the tag name it."""
        if DIGEST.fullmatch(reference):
            if reference != manifest.digest:
                raise RegistryError(400, "DIGEST_INVALID", f"the manifest's digest is {manifest.digest}")
        elif not TAG.fullmatch(reference):
            raise RegistryError(400, "MANIFEST_INVALID", f"{reference} is neither a tag nor a digest")
        if not NAME.fullmatch(name):
            raise RegistryError(400, "NAME_INVALID", f"{name} is no name of a repository")
        with self._lock:
            repository = self._repositories.setdefault(name, _Repository())
            repository.manifests[manifest.digest] = manifest
            if reference != manifest.digest:
                repository.tags[reference] = manifest.digest

    def manifest(self, name: str, reference: str) -> Manifest:
        """Return the manifest of a tag or digest."""
        with self._lock:
            repository = self._repository(name)
            digest = repository.tags.get(reference, reference)
            if digest not in repository.manifests:
                raise RegistryError(404, "MANIFEST_UNKNOWN", f"{name} has no manifest {reference}")
            return repository.manifests[digest]

    def delete_manifest(self, name: str, reference: str) -> None:
        """Remove a tag, or a manifest with all its tags."""
        with self._lock:
            repository = self._repository(name)
            if reference in repository.tags:
                del repository.tags[reference]
            elif repository.manifests.pop(reference, None) is not None:
                repository.tags = {tag: digest for tag, digest in repository.tags.items() if digest != reference}
            else:
                raise RegistryError(404, "MANIFEST_UNKNOWN", f"{name} has no manifest {reference}")

    def tags(self, name: str, *, last: str = "", count: int | None = None) -> tuple[Sequence[str], bool]:
        """Return the tags after `last` in ASCII order, at most `count`, and whether more follow."""
        with self._lock:
            tags = sorted(self._repository(name).tags)
        rest = tags[bisect_right(tags, last) :] if last else tags
        page = rest if count is None else rest[:count]
        return page, len(page) < len(rest)

    def _repository(self, name: str) -> _Repository:
        if (found := self._repositories.get(name)) is None:
            raise RegistryError(404, "NAME_UNKNOWN", f"there is no repository {name}")
        return found


def digest_of(content: bytes) -> str:
    """Return the SHA-256 digest as the spec writes it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
