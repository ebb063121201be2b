"""What ends the run of a policy besides the errors of `controllers.selection` and `acl.AccessDenied`.

CrossNamespaceBlocked   the repository is in another namespace, which this process does not allow
RepositoryMissing       the repository does not exist
NoStoredTags            the repository's last scan left no tags to choose from
NothingSelected         the policy chooses none of the tags
"""

from datetime import datetime

from controllers.policy.errors import NoTags, SelectionFailed
from controllers.runtime.key import Key


class CrossNamespaceBlocked(Exception):
    def __init__(self, repository: Key) -> None:
        super().__init__(f"cannot access 'ImageRepository/{repository}', cross-namespace references have been blocked")


class RepositoryMissing(Exception):
    def __init__(self, repository: Key) -> None:
        super().__init__(
            "referenced ImageRepository does not exist: "
            f'ImageRepository.image.toolkit.fluxcd.io "{repository.name}" not found'
        )


class NoStoredTags(Exception):
    def __init__(self, repository: Key, cause: NoTags) -> None:
        others = f" besides {cause.excluded_count} that its exclusionList leaves out" if cause.excluded_count else ""
        super().__init__(f"no tags in database: ImageRepository '{repository}' found none{others}")


class NothingSelected(Exception):
    def __init__(self, message: str, cause: SelectionFailed, *, now: datetime) -> None:
        super().__init__(message)
        self.retry_after = cause.next_eligible_at - now if cause.next_eligible_at else None
        """Until a tag is old enough; None when only another scan can help."""
