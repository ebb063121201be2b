"""From a commit to its edit. Reads Git, writes nothing."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from threading import Event
from typing import TypeVar

from controllers import setters, template
from controllers.git.protocol.refs import Tip
from controllers.threads import FairThreads, Share
from controllers.update.edit import plan_edit
from controllers.update.message import render_message
from controllers.update.repository import Repository
from controllers.update.work import Edit, MarkedTree, Work

T = TypeVar("T")

THREADS, THREADS_PER_NAMESPACE = 8, 2
INLINE_BYTES = 4 << 10
"""Of marked files together: parsed on the event loop, in a few milliseconds, where a thread costs as much as a file."""
INLINE_FILES = 50
INLINE_CHANGES = 50
"""So many are told to a template on the event loop: a file may have thousands."""


class Editor:
    """Plans edits of commits, and remembers the files that need none. Safe to call from several tasks."""

    def __init__(self) -> None:
        self._cache = setters.FileCache()
        self._threads = FairThreads(THREADS, name="edit")

    async def edit(
        self, repository: Repository, work: Work, base: Tip, *, reverts: setters.Reverts = setters.NO_REVERTS
    ) -> Edit:
        """Return the edit of a commit. Raises UpdateFailed, and RefMoved when the remote no longer has the commit."""
        return await self.plan(await repository.read_tree(work, base), work, reverts=reverts)

    async def plan(
        self,
        tree: MarkedTree,
        work: Work,
        *,
        reverts: setters.Reverts = setters.NO_REVERTS,
        is_partial: bool = False,
    ) -> Edit:
        """Return the edit of a tree that was read.

        is_partial: the work is a part of an automation's, which is not worth to be remembered
        """
        # In a thread: a repository with many marked files would hold the event loop for longer than its 50 ms. Whoever
        # commits files that take long to parse uses up the threads of their own namespace.
        abandoned = Event()

        def plan() -> Edit:
            cache = None if is_partial else self._cache
            return plan_edit(tree, work, reverts=reverts, cache=cache, abandoned=abandoned)

        if _is_small(tree) and not work.targets:
            return plan()
        try:
            return await self._threads.run(plan, _share(work))
        except asyncio.CancelledError:
            abandoned.set()
            raise

    async def check(self, work: Work, templates: Iterable[str]) -> None:
        """Raise TemplateFailure for a template that cannot be read, whatever it will be used for."""

        def check() -> None:
            for text in templates:
                template.check(text)

        await self.run(work, check)

    async def render(self, work: Work, edit: Edit, text: str, *, now: datetime) -> str:
        """Return the commit message of an edit. text: its template. Raises TemplateFailure."""

        def render() -> str:
            return render_message(work, edit.update, text, now=now)

        if "{{" not in text and sum(len(file.changes) for file in edit.update.result) <= INLINE_CHANGES:
            return render()
        return await self.run(work, render)

    async def run(self, work: Work, render: Callable[[], T]) -> T:
        """Return what a function makes that renders templates, with its errors.

        In a thread, as what users write may take a second and many files make much data, and in one of those of their
        own namespace.
        """
        return await self._threads.run(render, _share(work))


def _is_small(tree: MarkedTree) -> bool:
    return len(tree.files) <= INLINE_FILES and sum(len(file.data) for file in tree.files) <= INLINE_BYTES


def _share(work: Work) -> Share:
    return Share(work.automation.metadata.namespace, THREADS_PER_NAMESPACE)
