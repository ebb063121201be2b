"""Pull requests of an ImageUpdateAutomation: what the spec asks for, and what the status says. Ours, not Flux's."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Final

import msgspec

from api.meta import LocalObjectReference
from api.schema import Required, Rule, Schema

AUTO: Final = "auto"
FORGES: Final = (AUTO, "github", "gitlab", "gitea", "bitbucket", "bitbucket-server", "azuredevops")

BY_AUTOMATION: Final = "automation"
BY_POLICY: Final = "policy"
BY_FOLDER: Final = "folder"
BY_IMAGE: Final = "image"

CONFLICTED: Final = "conflicted"

OPEN: Final = "Open"
MERGED: Final = "Merged"
CLOSED: Final = "Closed"
MAX_LISTED: Final = 100
"""How many pull requests a status lists."""


class AutoMerge(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Has the forge merge a pull request by itself, once its own rules are met."""

    # A default factory, since a plain default would not be written.
    method: Annotated[str, Schema(default="merge", enum=("merge", "squash", "rebase"))] = msgspec.field(
        default_factory=lambda: "merge"
    )
    """merge, squash or rebase."""


class PullRequestSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How changes are offered as pull requests in place of pushes to the branch that is checked out."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!(has(self.draft) && self.draft && has(self.autoMerge))",
            "pullRequest.draft and pullRequest.autoMerge cannot be combined: a draft is not merged",
        ),
    )

    # Default factories, since plain defaults would not be written.
    forge: Annotated[str, Schema(default=AUTO, enum=FORGES)] = msgspec.field(default_factory=lambda: AUTO)
    """Software of the Git host; auto: as its name or the GitRepository's provider says."""
    api: Annotated[str, Schema(pattern=r"^https?://[^\s]+$", max_length=512)] = ""
    """Address of the forge's API; unset means its usual place at the repository's host."""
    secret_ref: LocalObjectReference | None = None
    """Secret with a token for the forge's API (token, or username and password); unset means the repository's login."""
    branch: Annotated[str, Schema(max_length=512)] = ""
    """Go template of the head branch; unset means tagline/NAMESPACE-AUTOMATION, and behind it what groupBy names."""
    group_by: Annotated[str, Schema(default=BY_AUTOMATION, enum=(BY_AUTOMATION, BY_POLICY, BY_FOLDER, BY_IMAGE))] = (
        msgspec.field(default_factory=lambda: BY_AUTOMATION)
    )
    """What gets a pull request of its own: automation (one for all), policy, folder (of the file) or image."""
    title_template: Annotated[str, Schema(max_length=4096)] = ""
    """Go template of the title; unset means the first line of the commit message where that has a template."""
    body_template: str = ""
    """Go template of the description, in Markdown; unset means a table of what changes, and why."""
    labels: Annotated[tuple[str, ...], Schema(max_items=25)] = ()
    """Labels to add when it is opened."""
    reviewers: Annotated[tuple[str, ...], Schema(max_items=25)] = ()
    """Whom to ask for a review when it is opened, by login name; team/NAME asks a team (GitHub, Gitea)."""
    assignees: Annotated[tuple[str, ...], Schema(max_items=25)] = ()
    """Whom to assign it to when it is opened, by login name."""
    draft: bool = False
    """True opens it as a draft."""
    auto_merge: AutoMerge | None = None
    """Has the forge merge it by its own rules; unset leaves that to people."""
    close_superseded: Annotated[bool, Schema(default=True)] = msgspec.field(default_factory=lambda: True)
    """True closes pull requests that the spec no longer leads to, such as those of another groupBy."""
    rebase: Annotated[str, Schema(default=CONFLICTED, enum=(CONFLICTED, "always", "never"))] = msgspec.field(
        default_factory=lambda: CONFLICTED
    )
    """When to make the branch anew on a base that has moved: conflicted (it changed the same files), always, never."""
    limit: Annotated[int, Schema(minimum=0, maximum=MAX_LISTED)] = 0
    """How many may be open at once; 0 means any number."""
    verified_commits: bool = False
    """True has the forge make and sign commits, where it can (GitHub); what it refuses is pushed, with a warning."""
    recreate_closed: bool = False
    """True offers again what a person has closed without merging; otherwise only a newer image is offered."""


class PullRequestStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A pull request of an automation."""

    number: Annotated[int, Required]
    """Its number at the forge."""
    url: Annotated[str, Required]
    """Its page."""
    branch: Annotated[str, Required]
    """Its head branch."""
    base: str = ""
    """The branch that it is for."""
    head: str = ""
    """Full hash of the commit that its branch was left at."""
    policies: Annotated[tuple[str, ...], Schema(list_type="atomic")] = ()
    """Policies whose choices it offers: name, or namespace/name for those of other namespaces."""
    content: str = ""
    """Digest of what it offers: what was closed by a person is not offered again."""
    # A default factory, since a plain default would not be written.
    state: Annotated[str, Required, Schema(enum=(OPEN, MERGED, CLOSED))] = msgspec.field(default_factory=lambda: OPEN)
    """Open, Merged, or Closed without being merged."""
    since: datetime | None = None
    """When it was first seen in this state."""
    opened: datetime | None = None
    """When it was opened or adopted."""
    message: str = ""
    """What a person should know of it; unset where nothing is out of the ordinary."""
    reason: str = ""
    """Why it is left as it is, in one word, e.g. ForeignCommit; unset where it is not."""
    first_seen: datetime | None = None
    """When a scan found the oldest of the tags that it offers; unset where that is not known."""
    trace_parent: str = ""
    """Trace context (W3C traceparent) of the run that wrote it last; unset unless the controller makes traces."""
    retry: bool = False
    """True while something beside it, such as auto-merge, is tried again in each run."""
