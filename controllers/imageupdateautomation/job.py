"""What the steps of one run hand to each other, and how the end of a run is told. Values only."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from api.imagepolicy import ImageRef
from api.imageupdateautomation import Finding, ImageUpdateAutomation, ImageUpdateAutomationStatus
from controllers import setters
from controllers.git.errors import GitError, RefMoved, Unreachable
from controllers.git.objects.commits import Author
from controllers.imageupdateautomation.comparison import Sources
from controllers.imageupdateautomation.selection import Pause
from controllers.imageupdateautomation.source import AutomationSource
from controllers.runtime.reconcile.run import NotReady, Run

GIT_OPERATION_FAILED = "GitOperationFailed"

AutomationRun = Run[ImageUpdateAutomation, ImageUpdateAutomationStatus]


@dataclass(frozen=True, slots=True)
class Job:
    """What one run is to do, decided before the remote is asked."""

    source: AutomationSource
    images: Mapping[str, ImageRef]
    """Every policy that takes part, by name."""
    paused: Mapping[str, Pause]
    """Those of the automation's that do not now, as markers name them."""
    last: Mapping[str, setters.ImageRef]
    """What each of both chose last, as markers name them."""
    usable: Mapping[str, ImageRef]
    """Those of them whose image can be written."""
    findings: tuple[Finding, ...]
    """Why the others cannot."""
    path: str
    refs: Mapping[str, setters.ImageRef]
    """The usable images as markers name them."""
    globs: tuple[str, ...] = ()
    """Further files to look at."""
    hold_reverted: bool = False
    """What somebody put back is left alone."""
    sources: Sources = field(default_factory=dict)
    """Where recent images were built from; seen at the same time as `images`."""

    @property
    def author(self) -> Author:
        """Author and committer of this automation's commits."""
        author = self.source.git.commit.author
        return Author(email=author.email, name=author.name)


@dataclass(frozen=True, slots=True)
class Published:
    """A commit of this automation that the remote has. time: when it was made. update: what is in it, if known."""

    commit: str
    message: str
    time: datetime
    update: setters.Update | None


@contextmanager
def translate_git_errors(attempted: str) -> Iterator[None]:
    """Turns what goes wrong with Git into the end of the run; RefMoved passes, since the run can go on from it."""
    try:
        yield
    except RefMoved:
        raise
    except GitError as error:
        retry_after = error.retry_after if isinstance(error, Unreachable) else None
        raise NotReady(GIT_OPERATION_FAILED, f"{attempted}: {error}", retry_after=retry_after) from error
