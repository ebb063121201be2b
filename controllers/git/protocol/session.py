"""Whole operations with a remote — list, fetch, push — in the fewest round trips. Blocking.

A remote that was once heard to speak protocol 2 is asked at once the next time, without its greeting: one round trip to
list, one to fetch. What was learnt is forgotten at the first error.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from controllers.git.errors import GitError, ProtocolError, PushRejected, RefMoved, Unreachable, sanitize_text
from controllers.git.objects.names import ObjectFormat
from controllers.git.protocol.refs import HEADS, TAGS, Refs
from controllers.git.protocol.refspec import ANY, RefUpdate
from controllers.git.protocol.transport import Deadline, GitTransport
from controllers.git.protocol.wire import (
    RECEIVE_PACK,
    UPLOAD_PACK,
    Advertisement,
    PushCommand,
    Want,
    fetch_request,
    ls_refs_request,
    push_request,
    read_advertisement,
    read_fetch,
    read_ls_refs,
    read_report,
)

MAX_REFS_BYTES = 64 << 20
MAX_REPORT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class PushResult:
    """refs: the references that moved. message: what the server told people, in one bounded line."""

    refs: tuple[str, ...]
    message: str


class RemoteSession:
    """Talks to one repository as one identity. Safe to use from several threads."""

    def __init__(self, url: str, transport: GitTransport) -> None:
        self.url = url
        self._transport = transport
        self._advertisement: Advertisement | None = None  # version and capabilities of upload-pack

    def close(self) -> None:
        self._transport.close()

    def list_refs(self, extra: Iterable[str], deadline: Deadline) -> Refs:
        """HEAD, branches, tags and `extra` names. One round trip (two the first time with protocol 2)."""
        names = ["HEAD", HEADS, TAGS, *extra]
        with self._forget_on_error():
            known = self._advertisement
            if known is None or known.version != 2:
                return self._list_refs(self._discover(deadline), names, deadline)
            try:
                return self._list_refs(known, names, deadline)
            except ProtocolError:
                heard = self._discover(deadline)
                if heard.object_format is known.object_format:
                    raise
                return self._list_refs(heard, names, deadline)  # of a repository that took the place of the known one

    def _list_refs(self, heard: Advertisement, names: Sequence[str], deadline: Deadline) -> Refs:
        if heard.version == 2:
            request = ls_refs_request(names, heard)
            with self._transport.send_request(
                UPLOAD_PACK, request, deadline, version=2, max_bytes=MAX_REFS_BYTES
            ) as answer:
                heard = read_ls_refs(answer, heard)
        return Refs(self.url, heard.values, heard.peeled, heard.symrefs)

    def object_format(self, deadline: Deadline) -> ObjectFormat:
        """How the remote names objects. No request once refs were listed."""
        with self._forget_on_error():
            return self._discovered(deadline).object_format

    @contextmanager
    def fetch(self, want: Want, deadline: Deadline, *, max_bytes: int) -> Iterator[Iterator[bytes]]:
        """The chunks of a pack with what is missing of the wanted commits. One round trip once refs were listed."""
        with self._forget_on_error():
            heard = self._discovered(deadline)
            version, request = heard.version, fetch_request(want, heard)
            with self._transport.send_request(
                UPLOAD_PACK, request, deadline, version=version, max_bytes=max_bytes
            ) as answer:
                yield read_fetch(answer, want, version)

    def can_fetch_any_commit(self) -> bool:
        """True when a commit may be asked for that is no tip of a reference."""
        heard = self._advertisement
        return heard is not None and (
            heard.version == 2
            or not heard.capabilities.isdisjoint({"allow-reachable-sha1-in-want", "allow-any-sha1-in-want"})
        )

    def push(
        self,
        updates: Sequence[RefUpdate],
        pack: Callable[[frozenset[str]], bytes],
        *,
        options: Sequence[str],
        may_update: Callable[[str, str], bool],
        deadline: Deadline,
    ) -> PushResult:
        """Moves references. Two round trips, one when they are there already.

        pack: the pack to send to a remote that has the given commits.
        may_update: (old, new) → whether a reference may go from old to new.
        Raises RefMoved when a reference is not where it was expected, PushRejected when it may not move or the
        remote refuses.
        """
        advertised = self._request_advertisement(RECEIVE_PACK, deadline)
        commands = plan_push(updates, advertised.values, may_update=may_update)
        if not commands:
            return PushResult((), "")
        has = frozenset(advertised.values.values())
        body = push_request(commands, options, advertised) + pack(has)
        said: list[bytes] = []
        try:
            with self._transport.send_request(
                RECEIVE_PACK, body, deadline, version=0, max_bytes=MAX_REPORT_BYTES
            ) as answer:
                report = read_report(answer, advertised.capabilities, said.append)
        except Unreachable:  # perhaps only the answer was lost
            if not self._has_arrived(commands, deadline):
                raise
            return PushResult(tuple(c.ref for c in commands), "")
        message = sanitize_text(b"".join(said))
        report = self._complete(report, commands, deadline)
        moved = tuple(c.ref for c in commands if report[c.ref] is None)
        refused = [(reason, c) for c in commands if (reason := report[c.ref]) is not None]
        if refused:
            # Of an atomic push, one reference tells the reason and the others that they had to stay, too.
            reason, command = min(refused, key=lambda pair: "atomic" in pair[0])
            self._raise_refusal(command, reason, message, deadline, moved=moved)
        return PushResult(tuple(c.ref for c in commands), message)

    def _discovered(self, deadline: Deadline) -> Advertisement:
        return self._advertisement or self._discover(deadline)

    def _discover(self, deadline: Deadline) -> Advertisement:
        self._advertisement = heard = self._request_advertisement(UPLOAD_PACK, deadline)
        return heard

    def _request_advertisement(self, service: str, deadline: Deadline) -> Advertisement:
        with self._transport.advertise(service, deadline) as answer:
            return read_advertisement(answer)

    def _complete(
        self, report: Mapping[str, str | None], commands: Sequence[PushCommand], deadline: Deadline
    ) -> dict[str, str | None]:
        """Return a verdict on every command; where the remote reported none, its references are listed to find one.

        A remote may answer "unpack ok" and nothing else, or not know report-status at all. Silence is no success.
        """
        if all(c.ref in report for c in commands):
            return dict(report)
        now = self._request_advertisement(RECEIVE_PACK, deadline).values
        silence = "the remote reported nothing about it and it did not move"
        return {c.ref: report.get(c.ref, None if now.get(c.ref) == c.new else silence) for c in commands}

    def _has_arrived(self, commands: Sequence[PushCommand], deadline: Deadline) -> bool:
        try:
            now = self._request_advertisement(RECEIVE_PACK, deadline).values
        except GitError:
            return False
        return all(now.get(c.ref) == c.new for c in commands)

    def _raise_refusal(
        self, command: PushCommand, reason: str, message: str, deadline: Deadline, *, moved: tuple[str, ...]
    ) -> None:
        """Tells a lost race from a refusal: only a race leaves the reference elsewhere."""
        now = self._request_advertisement(RECEIVE_PACK, deadline).values.get(command.ref)
        text = f"command error on {command.ref}: {reason}"
        if now not in (command.old, command.new):
            raise RefMoved(text, moved=moved)
        raise PushRejected(f"{text}: {message}" if message else text, moved=moved)

    @contextmanager
    def _forget_on_error(self) -> Iterator[None]:
        try:
            yield
        except GitError:
            self._advertisement = None
            raise


def plan_push(
    updates: Sequence[RefUpdate], advertised: Mapping[str, str], *, may_update: Callable[[str, str], bool]
) -> list[PushCommand]:
    """The commands for what is not yet as wanted. Raises RefMoved, PushRejected. Pure."""
    commands = []
    for update in updates:
        now = advertised.get(update.ref)
        if update.expected is not ANY and now not in (update.expected, update.new):
            where = f"at {now[:7]}" if now else "gone"
            expected = f"at {update.expected[:7]}" if update.expected else "absent"
            raise RefMoved(f"{update.ref} was expected {expected} and is {where}")
        if now == update.new:
            continue
        if now is not None and not may_update(now, update.new):
            raise PushRejected(f"non-fast-forward update: {update.ref}")
        commands.append(PushCommand(update.ref, now, update.new))
    return commands
