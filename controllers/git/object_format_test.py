"""`controllers.git.engine`: repositories that are recreated in the other object format are followed."""

import pytest

from controllers.git.conftest import GitRun, marked
from controllers.git.errors import RefNotFound
from controllers.git.protocol.refs import Tip
from testing.gitserver import BareRepository, GitServer


def replaced(server: GitServer, fleet: BareRepository, files: dict[str, str]) -> BareRepository:
    """Return another repository under the URL of the first, in the other object format."""
    fleet.path.rename(fleet.path.with_name("former"))
    other = server.repository("fleet", object_format="sha1" if len(fleet.null_id) == 64 else "sha256")
    other.commit(files)
    return other


@pytest.mark.parametrize("protocol", [0, 2])
async def test_a_repository_made_anew_in_the_other_format_is_followed_at_once(
    run: GitRun, server: GitServer, fleet: BareRepository, protocol: int
) -> None:
    server.protocol = protocol
    await run.push(await run.change(b"1.0.0", b"1.0.1"))
    other = replaced(server, fleet, {"app.yaml": marked("2.0.0"), "README.md": "# fleet\n"})
    new = await run.change(b"2.0.0", b"2.0.1")
    await run.push(new)
    assert other.head() == new.id
    assert other.read("app.yaml") == marked("2.0.1").encode()
    other.git("fsck", "--strict")
    (cached,) = run.engine._stores.stores.values()
    assert cached.store.complete_commits == [new.parent, new.id]


async def test_a_commit_of_the_former_repository_is_not_found(
    run: GitRun, server: GitServer, fleet: BareRepository
) -> None:
    former = fleet.head()
    await run.tip()
    replaced(server, fleet, {"app.yaml": marked("2.0.0")})
    tip = await run.tip()
    length = len(tip.commit)
    with pytest.raises(RefNotFound, match=f"couldn't find remote commit '{former}': .* in {length} characters"):
        await run.engine.fetch(run.remote, Tip("", former, ""))
    server.requests.clear()
    assert len(await run.files(tip.commit)) == 1
    assert server.take_requests() == []  # what is cached of the present one stays
