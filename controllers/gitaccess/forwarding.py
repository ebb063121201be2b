"""Git that hands everything to another one: what stands between the engine and a run changes a part of that."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from controllers.gitaccess.git import Git

P = ParamSpec("P")
T = TypeVar("T")


def _forward(method: Callable[Concatenate[Git, P], T]) -> Callable[Concatenate["ForwardingGit", P], T]:
    """Return a method of the same signature that calls the one of the other Git."""

    @wraps(method)
    def call(self: "ForwardingGit", /, *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = getattr(self.git, method.__name__)(*args, **kwargs)
        return result

    return call


@dataclass
class ForwardingGit:
    """A `Git` over another one, which says what each method does."""

    git: Git

    list_refs = _forward(Git.list_refs)
    fetch = _forward(Git.fetch)
    find_files = _forward(Git.find_files)
    read_commit = _forward(Git.read_commit)
    can_fetch_any_commit = _forward(Git.can_fetch_any_commit)
    commit = _forward(Git.commit)
    push = _forward(Git.push)
    delete_ref = _forward(Git.delete_ref)
    lock_branch = _forward(Git.lock_branch)
