"""`controllers.gitaccess.forwarding`: what is not overridden reaches the other Git, and its answer comes back."""

from controllers.git.protocol.session import Check, anyone
from controllers.git.remote import Remote
from controllers.gitaccess.forwarding import ForwardingGit
from controllers.gitaccess.git import Git
from testing.automation_harness import MAIN, manifest
from testing.builders import GIT_URL
from testing.fake_git import FakeGit


class Renaming(ForwardingGit):
    """Overrides one method, and asks the other Git by `super()`."""

    async def delete_ref(self, remote: Remote, ref: str, expected: str, *, check: Check = anyone) -> None:
        await super().delete_ref(remote, f"refs/heads/{ref}", expected, check=check)


async def test_everything_reaches_the_other_git() -> None:
    fake = FakeGit()
    tip = fake.put(MAIN, {"web.yaml": manifest("1.0.0")})
    git: Git = Renaming(fake)
    remote = Remote(GIT_URL)
    assert (await git.list_refs(remote, extra=())).values[MAIN] == tip
    (file,) = await git.find_files(remote, tip, "", is_wanted=lambda _: True, has_marker=lambda _: True)
    assert file.data == manifest("1.0.0")
    async with git.lock_branch(remote, "main") as is_uncontended:
        assert is_uncontended
    await git.delete_ref(remote, "main", tip)
    assert fake.refs == {}


def test_every_method_is_forwarded() -> None:
    methods = {name for name in vars(Git) if not name.startswith("_")}
    assert methods == {name for name in vars(ForwardingGit) if not name.startswith("_")}
    assert all(getattr(ForwardingGit, name).__doc__ == getattr(Git, name).__doc__ for name in methods)
