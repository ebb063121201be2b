"""The diff of a commit that is not made yet: byte for byte Git's own, where there is a Git to ask."""

import os
from collections.abc import Mapping

from controllers.documents.diff import file_header, unified_diff
from controllers.worktree.diff import git_hunks


def diff_of(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> bytes:
    """Return the diff of the files of `after`, in the order of Git. Without object names and headings of hunks.

    Without Git a diff that means the same; which of several equal lines it calls changed can differ. Raises
    WorkTreeError.
    """
    paths = sorted((path for path in after if before[path] != after[path]), key=os.fsencode)
    hunks = git_hunks([(before[path], after[path]) for path in paths]) if paths else []
    if hunks is None:
        return b"".join(line for path in paths for line in unified_diff(path, before[path], after[path]))
    return b"".join(part for path, hunk in zip(paths, hunks, strict=True) for part in (*file_header(path), hunk))
