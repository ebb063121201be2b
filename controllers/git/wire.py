"""What is said to a Git remote and how its answers read: pure functions, no connection.

Listing and fetching speak protocol 2 where the remote does (references are filtered on the server, any commit may be
asked for) and protocol 0 elsewhere; pushing is protocol 0 always. Follows Git's gitprotocol-pack, gitprotocol-v2 and
gitprotocol-capabilities. Left out: negotiation in several rounds (the few commits that we have are offered at once),
filters, pack URIs, SHA-256.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from .errors import ProtocolError, PushRejected, foreign
from .pktline import DELIMITER, FLUSH, Mark, Stream, bands, from_chunks, packet, packets

AGENT = "git/tagline"
ZERO = "0" * 40
UPLOAD_PACK, RECEIVE_PACK = "git-upload-pack", "git-receive-pack"


@dataclass(frozen=True, slots=True)
class Advertisement:
    """What a remote says first. For protocol 2 only capabilities; references are asked for."""

    version: int
    capabilities: frozenset[str]
    values: dict[str, str]
    peeled: dict[str, str]
    symrefs: dict[str, str]


@dataclass(frozen=True, slots=True)
class Want:
    """A fetch. have: commits whose trees are complete here; each counts as shallow. depth 0: all history."""

    commits: Sequence[str]
    have: Sequence[str]
    depth: int


@dataclass(frozen=True, slots=True)
class Command:
    """One reference to move from old to new; ZERO stands for "does not exist"."""

    ref: str
    old: str
    new: str


def read_advertisement(stream: Stream) -> Advertisement:
    """The remote's greeting, in protocol 0 (with all references) or 2. Raises ProtocolError."""
    first = stream.packet()
    if isinstance(first, bytes) and first.startswith(b"# service="):
        if stream.packet() is not Mark.FLUSH:
            raise ProtocolError("not a Git server's greeting")
        first = stream.packet()
    if first == b"version 2\n":
        capabilities = frozenset(line.decode("utf-8", "replace") for line in stream.lines())
        return _checked(Advertisement(2, capabilities, {}, {}, {}))
    if first == b"version 1\n":
        first = stream.packet()
    if isinstance(first, Mark):
        return Advertisement(0, frozenset(), {}, {}, {})
    return _checked(_read_v0(first.rstrip(b"\n"), stream))


def _read_v0(first: bytes, stream: Stream) -> Advertisement:
    line, _, caps = first.partition(b"\0")
    capabilities = frozenset(caps.decode("utf-8", "replace").split())
    values, peeled = {}, {}
    for sha, name in map(_ref_line, _and_then(line, stream.lines())):
        if name.endswith("^{}"):
            peeled[name.removesuffix("^{}")] = sha
        elif sha != "shallow":
            values[name] = sha
    peeled.pop("capabilities", None)  # "capabilities^{}" stands in for the references of an empty repository
    symrefs = dict(c[7:].split(":", 1) for c in capabilities if c.startswith("symref=") and ":" in c)
    return Advertisement(0, capabilities, values, peeled, symrefs)


def _and_then(line: bytes, lines: Iterator[bytes]) -> Iterator[bytes]:
    yield line
    yield from lines


def _ref_line(line: bytes) -> tuple[str, str]:
    sha, space, name = line.partition(b" ")
    if not space or not (sha == b"shallow" or is_object_id(sha)):
        raise ProtocolError(f"not a reference: {foreign(line)}")
    return sha.decode(), name.decode("utf-8", "surrogateescape")


def _checked(advertisement: Advertisement) -> Advertisement:
    formats = [c for c in advertisement.capabilities if c.startswith("object-format=")]
    if formats and "object-format=sha1" not in formats:
        raise ProtocolError("the repository uses SHA-256 object names, which are not supported")
    return advertisement


def is_object_id(text: bytes) -> bool:
    return len(text) == 40 and not text.strip(b"0123456789abcdef")


def ls_refs_request(prefixes: Iterable[str]) -> bytes:
    """Protocol 2: list the references that begin with one of the prefixes."""
    arguments = [b"peel\n", b"symrefs\n", *(b"ref-prefix %s\n" % _bytes(p) for p in prefixes)]
    return packets(b"command=ls-refs\n", _agent()) + DELIMITER + packets(*arguments) + FLUSH


def read_ls_refs(stream: Stream, capabilities: frozenset[str]) -> Advertisement:
    """Protocol 2: the references listed. Raises ProtocolError."""
    values, peeled, symrefs = {}, {}, {}
    for line in stream.lines():
        sha, name, *attributes = line.decode("utf-8", "surrogateescape").split(" ")
        if not is_object_id(sha.encode("utf-8", "replace")):
            raise ProtocolError(f"not a reference: {foreign(line)}")
        values[name] = sha
        for attribute in attributes:
            key, _, value = attribute.partition(":")
            if key == "peeled":
                peeled[name] = value
            elif key == "symref-target":
                symrefs[name] = value
    return Advertisement(2, capabilities, values, peeled, symrefs)


def fetch_request(want: Want, version: int, capabilities: frozenset[str]) -> bytes:
    """What to ask upload-pack for. Thin packs: what we have is not sent again."""
    shallow = [b"shallow %s\n" % c.encode() for c in want.have]
    deepen = [b"deepen %d\n" % want.depth] if want.depth else []
    haves = [b"have %s\n" % c.encode() for c in want.have]
    if version == 2:
        wants = [b"want %s\n" % c.encode() for c in want.commits]
        options = [b"thin-pack\n", b"no-progress\n", b"ofs-delta\n"]
        arguments = packets(*options, *shallow, *deepen, *wants, *haves, b"done\n")
        return packets(b"command=fetch\n", _agent()) + DELIMITER + arguments + FLUSH
    if "side-band-64k" not in capabilities or (want.depth and "shallow" not in capabilities):
        raise ProtocolError("the remote lacks side-band-64k or shallow fetches")
    ours = ("side-band-64k", "thin-pack", "no-progress", "ofs-delta", "multi_ack_detailed")  # the last: Azure insists
    spoken = b" ".join([c.encode() for c in ours if c in capabilities] + [_agent().strip()])
    first, *more = want.commits
    wants = [b"want %s %s\n" % (first.encode(), spoken), *(b"want %s\n" % c.encode() for c in more)]
    return packets(*wants, *shallow, *deepen) + FLUSH + packets(*haves, b"done\n")


def read_fetch(stream: Stream, want: Want, version: int) -> Iterator[bytes]:
    """The chunks of the pack that answers a fetch. Raises ProtocolError, also for the remote's refusals."""
    if version == 2:
        while (section := stream.packet()) != b"packfile\n":
            if isinstance(section, Mark):
                raise ProtocolError("the remote sent no pack")
            for _ in stream.lines():  # shallow-info: what is cut off is known, it is what we asked for
                pass
        yield from bands(stream, _ignore)
        return
    if want.depth:
        for _ in stream.lines():
            pass
    line = stream.packet()
    while isinstance(line, bytes) and line.startswith((b"NAK", b"ACK ")):
        line = stream.packet()
    if isinstance(line, Mark):
        raise ProtocolError("the remote sent no pack")
    stream.unread(packet(line))
    yield from bands(stream, _ignore)


def _ignore(_words: bytes) -> None:
    pass


def push_request(commands: Sequence[Command], options: Sequence[str], capabilities: frozenset[str]) -> bytes:
    """What to tell receive-pack before the pack. Raises PushRejected where the remote takes no push options."""
    if options and "push-options" not in capabilities:
        raise PushRejected("the remote does not support push options; remove spec.git.push.options")
    ours = ["report-status", "side-band-64k", "object-format=sha1"]
    if options:
        ours.append("push-options")
    if len(commands) > 1:
        ours.append("atomic")
    spoken = b" ".join([c.encode() for c in ours if c in capabilities] + [_agent().strip()])
    lines = [b"%s %s %s" % (c.old.encode(), c.new.encode(), _bytes(c.ref)) for c in commands]
    lines[0] += b"\0" + spoken
    told = packets(*lines) + FLUSH
    return told + packets(*map(_bytes, options)) + FLUSH if options else told


def read_report(stream: Stream, capabilities: frozenset[str], words: Callable[[bytes], None]) -> dict[str, str | None]:
    """What became of each reference: None if it moved, else the remote's reason. Raises PushRejected, ProtocolError."""
    if "report-status" not in capabilities:
        return {}
    if "side-band-64k" in capabilities:  # read to the end: hooks may speak after the report
        stream = from_chunks([b"".join(bands(stream, words))])
    lines = stream.lines()
    unpacked = next(lines, b"")
    if unpacked != b"unpack ok":
        raise PushRejected(f"the remote could not unpack what was sent: {foreign(unpacked.removeprefix(b'unpack '))}")
    report: dict[str, str | None] = {}
    for line in lines:
        verdict, _, rest = line.decode("utf-8", "surrogateescape").partition(" ")
        ref, _, reason = rest.partition(" ")
        if verdict not in ("ok", "ng"):
            raise ProtocolError(f"not a push report: {foreign(line)}")
        report[ref] = None if verdict == "ok" else foreign(reason.encode("utf-8", "surrogateescape"))
    return report


def _agent() -> bytes:
    return b"agent=" + AGENT.encode()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
