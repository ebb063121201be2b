"""What a run changes elsewhere: whether it still may, and what its status says of it."""

from msgspec.structs import replace

from controllers.imageupdateautomation.policies import AutomationRun
from controllers.update.work import Published


def act(run: AutomationRun) -> None:
    """Note that the run changes something elsewhere; call it right before that. Raises unless it still may."""
    run.check()
    run.has_acted = True


def record(run: AutomationRun, published: Published) -> None:
    """Take down a commit that the remote has."""
    run.status = replace(run.status, last_push_commit=published.commit, last_push_time=published.time)
