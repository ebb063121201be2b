"""`controllers.forge`: how many requests a run costs at each forge, so that a change of that is seen."""

from controllers.forge.conftest import BASE, HEAD, TWO, World, desired
from controllers.forge.model import ForgeKind

COSTS = {
    # quiet, new, updated, closed
    ForgeKind.GITHUB: (1, 3, 2, 3),
    ForgeKind.GITLAB: (1, 3, 2, 3),
    ForgeKind.GITEA: (1, 3, 2, 3),
    ForgeKind.BITBUCKET: (1, 3, 3, 5),
    ForgeKind.BITBUCKET_SERVER: (1, 3, 3, 6),
    ForgeKind.AZURE_DEVOPS: (1, 3, 2, 5),
}
"""Each with the one listing that a run begins with; without labels, reviewers, assignees and auto-merge."""


async def test_requests_of_a_run(world: World) -> None:
    costs = []
    forge = world.connect()
    await forge.list_open("tagline/")
    costs.append(forge.requests)

    forge = world.connect()
    await forge.list_open("tagline/")
    await forge.find(HEAD, BASE)
    await forge.create(desired())
    costs.append(forge.requests)

    forge = world.connect()
    (found,) = await forge.list_open("tagline/")
    await forge.update(found, desired(content=TWO))
    costs.append(forge.requests)

    forge = world.connect()
    (found,) = await forge.list_open("tagline/")
    await forge.close(found, "The base has it all.")
    costs.append(forge.requests)
    assert tuple(costs) == COSTS[world.kind]
    assert forge.requests <= world.stand_in.count()


async def test_forty_groups_share_a_listing(world: World) -> None:
    for number in range(40):
        world.branches.push(f"tagline/{number}")
        world.stand_in.add(f"tagline/{number}")
    forge = world.connect()
    assert len(await forge.list_open("tagline/")) == 40
    assert forge.requests == 1
