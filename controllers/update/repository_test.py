"""What a run reads of a repository, and how much of it."""

import asyncio

import pytest

from api.imageupdateautomation import GitSpec
from controllers.git.errors import RepositoryTooLarge
from controllers.git.objects.scan import File
from controllers.git.protocol.refs import Checkout
from controllers.git.remote import Remote
from controllers.gitaccess.branches import BranchPlan
from controllers.gitaccess.source import AutomationSource
from controllers.update import repository
from testing.fake_git import FakeGit

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


async def test_of_thousands_of_tags_one_is_chosen_while_others_have_their_turn() -> None:
    git = FakeGit()
    git.refs = {f"refs/tags/1.{number % 977}.{number}": f"{number:040x}" for number in range(30_000)}
    plan = BranchPlan(Checkout(semver=">=1.0.0"), "main", switch=True)
    source = AutomationSource(Remote("https://git.example.com/o/r"), plan, GitSpec(), None)
    asked = asyncio.create_task(repository.Repository(git, source).list_refs())
    turns = 0
    while not asked.done():
        turns += 1
        await asyncio.sleep(0)
    assert asked.result()[1].revision.startswith("1.976.")
    assert turns > 10
