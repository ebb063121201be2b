"""Whole operations with a remote — list, fetch, push — in the fewest round trips. Blocking.

Once a remote is known to speak protocol 2, requests go out without waiting for its advertisement: one round trip to
list, one to fetch. Once it has taken a push, the next one goes out at once, too: who pushes has just listed the
references, and the remote compares old values in any case. The session forgets what it has learnt at the first error.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from typing import NoReturn, Protocol, TypeAlias

from controllers.git.errors import GitError, ProtocolError, PushRejected, RefMoved, Unreachable, hide_secrets
from controllers.git.objects.hashing import ObjectFormat
from controllers.git.protocol.deadline import Deadline
from controllers.git.protocol.pktline import RemoteWords, Stream
from controllers.git.protocol.refs import HEADS, TAGS, Refs
from controllers.git.protocol.refspec import ANY, RefUpdate
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
"""Of a list of references, advertised or asked for."""
MAX_REPORT_BYTES = 1 << 20
Check: TypeAlias = Callable[[], None]
"""Raises where nothing may be written any more."""


def anyone() -> None:
    """Allow everything: the check of those who have no reason to refuse."""


class GitTransport(Protocol):
    """Requests to one repository as one identity, whatever carries them. Safe to use from several threads."""

    def advertise(self, service: str, deadline: Deadline) -> AbstractContextManager[Stream]:
        """Open a stream with the advertisement of `git-upload-pack` or `git-receive-pack`. One round trip."""

    def send_request(
        self,
        service: str,
        body: bytes,
        deadline: Deadline,
        *,
        version: int,
        max_bytes: int,
        check: Check = anyone,
    ) -> AbstractContextManager[Stream]:
        """Send a request and open a stream with its answer; reading beyond `max_bytes` raises RepositoryTooLarge.

        check: called once nothing is asked of the remote any more before the body is sent.
        """

    def close(self) -> None:
        """Close idle connections."""


class RemoteSession:
    """Talks to one repository as one identity. Safe to use from several threads."""

    def __init__(self, url: str, transport: GitTransport, secrets: Iterable[str] = ()) -> None:
        """secrets: what is sent to the remote, and taken out of its words."""
        self.url = url
        self._transport = transport
        self._secrets = tuple(secrets)
        self._advertisement: Advertisement | None = None  # version and capabilities of upload-pack
        self._receiver: Advertisement | None = None  # capabilities of receive-pack, since it has taken a push

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def list_refs(self, extra: Iterable[str], deadline: Deadline) -> Refs:
        """List HEAD, branches, tags and `extra` names. One round trip (two the first time with protocol 2)."""
        names = ["HEAD", HEADS, TAGS, *extra]
        with self._forget_on_error():
            cached = self._advertisement
            if cached is None or cached.version != 2:
                return self._list_refs(self._discover(deadline), names, deadline)
            try:
                return self._list_refs(cached, names, deadline)
            except ProtocolError:
                advertisement = self._discover(deadline)
                if advertisement.object_format is cached.object_format:
                    raise
                return self._list_refs(advertisement, names, deadline)  # another repository took its place

    def _list_refs(self, advertisement: Advertisement, names: Sequence[str], deadline: Deadline) -> Refs:
        if advertisement.version == 2:
            request = ls_refs_request(names, advertisement)
            with self._transport.send_request(
                UPLOAD_PACK, request, deadline, version=2, max_bytes=MAX_REFS_BYTES
            ) as answer:
                advertisement = read_ls_refs(answer, advertisement)
        return Refs(self.url, advertisement.values, advertisement.peeled, advertisement.symrefs)

    def object_format(self, deadline: Deadline) -> ObjectFormat:
        """Return the remote's object format. Sends no request once references were listed."""
        with self._forget_on_error():
            return self._discovered(deadline).object_format

    @contextmanager
    def fetch(self, want: Want, deadline: Deadline, *, max_bytes: int) -> Iterator[Iterator[bytes]]:
        """Open the chunks of a pack with the missing objects. One round trip once references were listed."""
        with self._forget_on_error():
            advertisement = self._discovered(deadline)
            version, request, words = advertisement.version, fetch_request(want, advertisement), RemoteWords()
            with (
                words.explaining(),
                self._transport.send_request(
                    UPLOAD_PACK, request, deadline, version=version, max_bytes=max_bytes
                ) as answer,
            ):
                yield read_fetch(answer, want, version, words.add)

    def can_fetch_any_commit(self) -> bool:
        """Return True when the remote also serves commits that are not the tip of a reference."""
        advertisement = self._advertisement
        return advertisement is not None and (
            advertisement.version == 2
            or not advertisement.capabilities.isdisjoint({"allow-reachable-sha1-in-want", "allow-any-sha1-in-want"})
        )

    def push(
        self,
        updates: Sequence[RefUpdate],
        pack: Callable[[frozenset[str]], bytes],
        *,
        options: Sequence[str],
        may_update: Callable[[str, str], bool],
        deadline: Deadline,
        check: Check = anyone,
    ) -> tuple[str, ...]:
        """Move references, and return those that moved.

        Two round trips, one when all are there already. One, too, after a push that succeeded, where each update says
        what it expects and there are no options: whether a remote takes those is asked each time.

        pack: makes the pack for a remote that has the given commits.
        may_update: (old, new) → whether a reference may go from old to new.
        check: called right before what moves references is sent; what it raises goes to the caller.
        Raises RefMoved when a reference is not where it was expected, PushRejected when it may not move or the
        remote refuses.
        """
        with hide_secrets(self._secrets):
            return self._push(updates, pack, options=options, may_update=may_update, deadline=deadline, check=check)

    def delete_ref(self, ref: str, expected: str, deadline: Deadline, *, check: Check = anyone) -> None:
        """Delete a reference that is at `expected`. Raises as `push`."""
        with hide_secrets(self._secrets):
            advertised = self._request_advertisement(RECEIVE_PACK, deadline)
            now = advertised.values.get(ref)
            if now is None:
                return
            if now != expected:
                raise RefMoved(f"{ref} was expected at {expected[:7]} and is at {now[:7]}")
            # Without a pack: none belongs to commands that delete (gitprotocol-pack, "Reference Update Request").
            command = PushCommand(ref, now, "0" * len(now))
            self._send([command], b"", options=(), advertised=advertised, deadline=deadline, check=check)

    def _push(
        self,
        updates: Sequence[RefUpdate],
        pack: Callable[[frozenset[str]], bytes],
        *,
        options: Sequence[str],
        may_update: Callable[[str, str], bool],
        deadline: Deadline,
        check: Check,
    ) -> tuple[str, ...]:
        sent: Sequence[PushCommand] = ()
        receiver, self._receiver = self._receiver, None
        if receiver is not None and not options and (expected := _expected_values(updates, receiver)) is not None:
            sent = plan_push(updates, expected, may_update=may_update)
            made = pack(frozenset(expected.values()))
            with suppress(ProtocolError):  # it may be another server by now, or at another place
                moved = self._send(sent, made, options=(), advertised=receiver, deadline=deadline, check=check)
                self._receiver = receiver
                return moved
        advertised = self._request_advertisement(RECEIVE_PACK, deadline)
        if sent and all(_is_done(command, advertised.values) for command in sent):
            return tuple(c.ref for c in sent)
        commands = plan_push(updates, advertised.values, may_update=may_update)
        if not commands:
            return ()
        made = pack(frozenset(advertised.values.values()))
        moved = self._send(commands, made, options=options, advertised=advertised, deadline=deadline, check=check)
        self._receiver = replace(advertised, values={}, peeled={}, symrefs={})
        return moved

    def _send(
        self,
        commands: Sequence[PushCommand],
        pack: bytes,
        *,
        options: Sequence[str],
        advertised: Advertisement,
        deadline: Deadline,
        check: Check,
    ) -> tuple[str, ...]:
        body = push_request(commands, options, advertised) + pack
        words = RemoteWords()
        try:
            with (
                words.explaining(),
                self._transport.send_request(
                    RECEIVE_PACK, body, deadline, version=0, max_bytes=MAX_REPORT_BYTES, check=check
                ) as answer,
            ):
                report = read_report(answer, advertised.capabilities, words.add)
        except Unreachable:  # perhaps only the answer was lost
            if not self._has_arrived(commands, deadline):
                raise
            return tuple(c.ref for c in commands)
        report = self._complete(report, commands, deadline)
        refused = [(reason, c) for c in commands if (reason := report[c.ref]) is not None]
        if refused:
            # In an atomic push one reference has the reason, and the others say only that they had to stay, too.
            reason, command = min(refused, key=lambda pair: "atomic" in pair[0])
            updated_refs = tuple(c.ref for c in commands if report[c.ref] is None)
            now = self._request_advertisement(RECEIVE_PACK, deadline).values
            if all(_is_done(c, now) for c in commands):  # refused because they were there already
                return updated_refs
            _raise_refusal(command, reason, str(words), now.get(command.ref), updated_refs=updated_refs)
        return tuple(c.ref for c in commands)

    def _discovered(self, deadline: Deadline) -> Advertisement:
        return self._advertisement or self._discover(deadline)

    def _discover(self, deadline: Deadline) -> Advertisement:
        self._advertisement = advertisement = self._request_advertisement(UPLOAD_PACK, deadline)
        return advertisement

    def _request_advertisement(self, service: str, deadline: Deadline) -> Advertisement:
        with self._transport.advertise(service, deadline) as answer:
            return read_advertisement(answer)

    def _complete(
        self, report: Mapping[str, str | None], commands: Sequence[PushCommand], deadline: Deadline
    ) -> dict[str, str | None]:
        """Return a result for every command; where the remote reported none, its references are listed to find out.

        A remote may answer "unpack ok" and nothing else, or not know report-status at all. Silence is no success.
        """
        if all(c.ref in report for c in commands):
            return dict(report)
        now = self._request_advertisement(RECEIVE_PACK, deadline).values
        silence = "the remote reported nothing about it and it did not move"
        return {c.ref: report.get(c.ref, None if _is_done(c, now) else silence) for c in commands}

    def _has_arrived(self, commands: Sequence[PushCommand], deadline: Deadline) -> bool:
        try:
            now = self._request_advertisement(RECEIVE_PACK, deadline).values
        except GitError:
            return False
        return all(_is_done(command, now) for command in commands)

    @contextmanager
    def _forget_on_error(self) -> Iterator[None]:
        is_done = False
        try:
            with hide_secrets(self._secrets):
                yield
            is_done = True
        finally:
            if not is_done:
                self._advertisement = self._receiver = None


def _raise_refusal(
    command: PushCommand, reason: str, message: str, now: str | None, *, updated_refs: tuple[str, ...]
) -> NoReturn:
    """Raise RefMoved for a lost race, else PushRejected: only a race leaves the reference elsewhere."""
    text = f"command error on {command.ref}: {reason}"
    if now not in (command.old, command.new):
        where = _describe_move(command.ref, command.old, now)
        raise RefMoved(f"{text}: {where}", updated_refs=updated_refs)
    raise PushRejected(f"{text}: {message}" if message else text, updated_refs=updated_refs)


def _expected_values(updates: Sequence[RefUpdate], receiver: Advertisement) -> dict[str, str] | None:
    """Return what references are expected to be at; None unless that is known of all, and all are to move.

    None, too, for commits of another object format: another repository has taken the place of the one that was.
    """
    expected: dict[str, str] = {}
    for update in updates:
        if update.expected in (ANY, update.new) or len(update.new) != receiver.object_format.hex_length:
            return None
        if isinstance(update.expected, str):
            expected[update.ref] = update.expected
    return expected if updates else None


def _is_done(command: PushCommand, now: Mapping[str, str]) -> bool:
    """Report whether a reference is where a command was to move it; one that is deleted has no value."""
    return now.get(command.ref, "0" * len(command.new)) == command.new


def _describe_move(ref: str, expected: str | None, now: str | None) -> str:
    before = f"at {expected[:7]}" if expected else "absent"
    return f"{ref} was expected {before} and is {f'at {now[:7]}' if now else 'gone'}"


def plan_push(
    updates: Sequence[RefUpdate], advertised: Mapping[str, str], *, may_update: Callable[[str, str], bool]
) -> list[PushCommand]:
    """Return the commands for references that are not there yet. Raises RefMoved, PushRejected. Pure."""
    commands = []
    for update in updates:
        now = advertised.get(update.ref)
        if update.expected is not ANY and now not in (update.expected, update.new):
            raise RefMoved(_describe_move(update.ref, update.expected, now))
        if now == update.new:
            continue
        if now is not None and not may_update(now, update.new):
            raise PushRejected(f"non-fast-forward update: {update.ref}")
        commands.append(PushCommand(update.ref, now, update.new))
    return commands
