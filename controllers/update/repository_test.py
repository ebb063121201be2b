"""What a run reads of a repository, and how much of it."""

import pytest

from controllers.git.errors import RepositoryTooLarge
from controllers.git.objects.scan import File
from controllers.update import repository

MARKED = b'a: b # {"$imagepolicy": "apps:web"}\n'


def test_a_file_with_too_many_markers_is_refused_by_name() -> None:
    enough = File("many.yaml", "many.yaml", MARKED * repository.MAX_FILE_MARKERS)
    repository.check_markers([enough])
    with pytest.raises(RepositoryTooLarge, match=r"'more.yaml': a file may have at most 5000 markers; split it"):
        repository.check_markers([File("more.yaml", "more.yaml", enough.data + MARKED)])


def test_all_files_together_are_bounded_as_well() -> None:
    count = repository.MAX_RUN_MARKERS // repository.MAX_FILE_MARKERS + 1
    files = [File(f"{n}.yaml", f"{n}.yaml", MARKED * repository.MAX_FILE_MARKERS) for n in range(count)]
    with pytest.raises(RepositoryTooLarge, match=r"files together may have at most 100000 markers"):
        repository.check_markers(files)
