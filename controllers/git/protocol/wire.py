"""Write requests to a Git remote and read its answers. Pure: no connection.

Listing and fetching speak protocol 2 where the remote does (references are filtered on the server, any commit may be
asked for) and protocol 0 elsewhere; pushing always speaks protocol 0. Follows Git's gitprotocol-pack, gitprotocol-v2
and gitprotocol-capabilities. Left out: negotiation in several rounds (we offer the few commits that we have at once),
filters, pack URIs.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from controllers.git.errors import ProtocolError, PushRejected, RepositoryTooLarge
from controllers.git.objects.hashing import FORMATS, SHA1, ObjectFormat
from controllers.git.protocol.pktline import (
    DELIMITER,
    FLUSH,
    SpecialPacket,
    Stream,
    from_chunks,
    packet,
    packets,
    read_side_band,
)

AGENT = "git/tagline"
OBJECT_FORMAT = "object-format="
MAX_REFS = 250_000
"""And commits behind tags. Each takes some 200 bytes here, and a namespace lists eight remotes at a time."""
MAX_CAPABILITIES = 1_000
UPLOAD_PACK, RECEIVE_PACK = "git-upload-pack", "git-receive-pack"


@dataclass(frozen=True, slots=True)
class Advertisement:
    """The first thing a remote sends. In protocol 2 only capabilities; references have to be asked for."""

    version: int
    capabilities: frozenset[str] = frozenset()
    object_format: ObjectFormat = SHA1
    values: dict[str, str] = field(default_factory=dict)
    peeled: dict[str, str] = field(default_factory=dict)
    symrefs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Want:
    """What to fetch. have: commits whose trees are complete here; each counts as shallow. depth 0: all history."""

    commits: Sequence[str]
    have: Sequence[str]
    depth: int


@dataclass(frozen=True, slots=True)
class PushCommand:
    """One reference to move from old to new; None stands for "does not exist"."""

    ref: str
    old: str | None
    new: str


def read_advertisement(stream: Stream) -> Advertisement:
    """Read the remote's advertisement, in protocol 0 (with all references) or 2. Raises ProtocolError."""
    first = stream.packet()
    if isinstance(first, bytes) and first.startswith(b"# service="):
        if stream.packet() is not SpecialPacket.FLUSH:
            raise ProtocolError("not a Git server's greeting")
        first = stream.packet()
    if first == b"version 2\n":
        capabilities = _read_capabilities(stream)
        return Advertisement(2, frozenset(capabilities), _object_format(capabilities, stream))
    if first == b"version 1\n":
        first = stream.packet()
    if isinstance(first, SpecialPacket):
        return Advertisement(0)
    return _read_v0(first.rstrip(b"\n"), stream)


def _read_capabilities(stream: Stream) -> list[str]:
    capabilities = []
    for line in stream.lines():
        capabilities.append(line.decode("utf-8", "replace"))
        if len(capabilities) > MAX_CAPABILITIES:
            raise ProtocolError(f"the remote names more than {MAX_CAPABILITIES} capabilities")
    return capabilities


def _read_v0(first: bytes, stream: Stream) -> Advertisement:
    line, _, caps = first.partition(b"\0")
    capabilities = caps.decode("utf-8", "replace").split()
    object_format = _object_format(capabilities, stream)
    values, peeled = {}, {}
    for one in chain([line], stream.lines()):
        if one.startswith(b"shallow "):
            continue
        sha, name = _ref_line(one, object_format, stream)
        if name.endswith("^{}"):
            peeled[name.removesuffix("^{}")] = sha
        else:
            values[name] = sha
        _check_count(values, peeled)
    peeled.pop("capabilities", None)  # "capabilities^{}" stands in for the references of an empty repository
    symrefs = dict(c[7:].split(":", 1) for c in capabilities if c.startswith("symref=") and ":" in c)
    return Advertisement(0, frozenset(capabilities), object_format, values, peeled, symrefs)


def _check_count(values: Mapping[str, str], peeled: Mapping[str, str]) -> None:
    """Raise RepositoryTooLarge for references that would take hundreds of megabytes, and seconds to choose from."""
    if len(values) + len(peeled) > MAX_REFS:
        raise RepositoryTooLarge(
            f"the remote names more than {MAX_REFS} branches, tags and commits behind tags; delete those that nobody "
            "needs, or name a mirror with fewer"
        )


def _ref_line(line: bytes, object_format: ObjectFormat, stream: Stream) -> tuple[str, str]:
    sha, space, name = line.partition(b" ")
    if not space or not is_object_id(sha, object_format):
        raise ProtocolError(f"not a reference: {stream.quote(line)}")
    return sha.decode(), name.decode("utf-8", "surrogateescape")


def _object_format(capabilities: Sequence[str], stream: Stream) -> ObjectFormat:
    """Return the remote's object format: the first one advertised is that of its references; SHA-1 without any."""
    named = [c.removeprefix(OBJECT_FORMAT) for c in capabilities if c.startswith(OBJECT_FORMAT)]
    if not named:
        return SHA1
    if named[0] not in FORMATS:
        raise ProtocolError(
            f"the repository names objects by '{stream.quote(_bytes(named[0]))}', which is not supported; "
            "sha1 and sha256 are"
        )
    return FORMATS[named[0]]


def is_object_id(text: bytes, object_format: ObjectFormat) -> bool:
    """Return True for a full object id, in lower case."""
    return len(text) == object_format.hex_length and not text.strip(b"0123456789abcdef")


def ls_refs_request(prefixes: Iterable[str], advertisement: Advertisement) -> bytes:
    """Write a request of protocol 2 for the references that begin with one of the prefixes."""
    arguments = [b"peel\n", b"symrefs\n", *(b"ref-prefix %s\n" % _bytes(p) for p in prefixes)]
    return (
        packets(b"command=ls-refs\n", _agent(), *_format_line(advertisement)) + DELIMITER + packets(*arguments) + FLUSH
    )


def read_ls_refs(stream: Stream, advertisement: Advertisement) -> Advertisement:
    """Return the advertisement with the references of an answer in protocol 2. Raises ProtocolError."""
    values, peeled, symrefs = {}, {}, {}
    for line in stream.lines():
        object_id, space, rest = line.partition(b" ")
        reference, *attributes = rest.split(b" ")
        sha, name = _ref_line(object_id + space + reference, advertisement.object_format, stream)
        values[name] = sha
        for attribute in attributes:
            key, _, value = attribute.partition(b":")
            if key == b"peeled":
                peeled[name], _ = _ref_line(value + b" " + reference, advertisement.object_format, stream)
            elif key == b"symref-target":
                symrefs[name] = value.decode("utf-8", "surrogateescape")
        _check_count(values, peeled)
    return replace(advertisement, values=values, peeled=peeled, symrefs=symrefs)


def fetch_request(want: Want, advertisement: Advertisement) -> bytes:
    """Write a request for a thin pack: objects that we have are not sent again. Raises ProtocolError."""
    shallow = [b"shallow %s\n" % c.encode() for c in want.have]
    deepen = [b"deepen %d\n" % want.depth] if want.depth else []
    haves = [b"have %s\n" % c.encode() for c in want.have]
    capabilities = advertisement.capabilities
    if advertisement.version == 2:
        wants = [b"want %s\n" % c.encode() for c in want.commits]
        options = [b"thin-pack\n", b"no-progress\n", b"ofs-delta\n"]
        arguments = packets(*options, *shallow, *deepen, *wants, *haves, b"done\n")
        return packets(b"command=fetch\n", _agent(), *_format_line(advertisement)) + DELIMITER + arguments + FLUSH
    if "side-band-64k" not in capabilities or (want.depth and "shallow" not in capabilities):
        raise ProtocolError("the remote lacks side-band-64k or shallow fetches")
    # Azure DevOps insists on the last, though we negotiate in one round.
    ours = ("side-band-64k", "thin-pack", "no-progress", "ofs-delta", "multi_ack_detailed")
    capability_list = b" ".join(
        [c.encode() for c in ours if c in capabilities] + [_agent().strip(), *_format_line(advertisement)]
    )
    first, *more = want.commits
    wants = [b"want %s %s\n" % (first.encode(), capability_list), *(b"want %s\n" % c.encode() for c in more)]
    return packets(*wants, *shallow, *deepen) + FLUSH + packets(*haves, b"done\n")


def read_fetch(stream: Stream, want: Want, version: int, on_progress: Callable[[bytes], None]) -> Iterator[bytes]:
    """Yield the chunks of the pack that answers a fetch. Raises ProtocolError, also when the remote refuses.

    `on_progress` gets what the remote says to people.
    """
    if version == 2:
        while (section := stream.packet()) != b"packfile\n":
            if isinstance(section, SpecialPacket):
                raise ProtocolError("the remote sent no pack")
            for _ in stream.lines():  # shallow-info: we know where history is cut off, we asked for it
                pass
        yield from read_side_band(stream, on_progress)
        return
    if want.depth:
        for _ in stream.lines():
            pass
    line = stream.packet()
    while isinstance(line, bytes) and line.startswith((b"NAK", b"ACK ")):
        line = stream.packet()
    if isinstance(line, SpecialPacket):
        raise ProtocolError("the remote sent no pack")
    stream.unread(packet(line))
    yield from read_side_band(stream, on_progress)


def push_request(commands: Sequence[PushCommand], options: Sequence[str], advertisement: Advertisement) -> bytes:
    """Write what goes to receive-pack before the pack. Raises PushRejected where the remote takes no push options."""
    capabilities = advertisement.capabilities
    if options and "push-options" not in capabilities:
        raise PushRejected("the remote does not support push options; remove spec.git.push.options")
    ours = ["report-status", "side-band-64k", OBJECT_FORMAT + advertisement.object_format.name]
    if options:
        ours.append("push-options")
    if len(commands) > 1:
        ours.append("atomic")
    capability_list = b" ".join([c.encode() for c in ours if c in capabilities] + [_agent().strip()])
    null_id = "0" * advertisement.object_format.hex_length
    lines = [b"%s %s %s" % ((c.old or null_id).encode(), c.new.encode(), _bytes(c.ref)) for c in commands]
    lines[0] += b"\0" + capability_list
    command_list = packets(*lines) + FLUSH
    return command_list + packets(*map(_bytes, options)) + FLUSH if options else command_list


def read_report(
    stream: Stream, capabilities: frozenset[str], on_progress: Callable[[bytes], None]
) -> dict[str, str | None]:
    """Return what became of each reference: None if it moved, else the remote's reason.

    Raises PushRejected when the remote could not use the pack, and ProtocolError.
    """
    if "report-status" not in capabilities:
        return {}
    if "side-band-64k" in capabilities:  # read to the end: hooks may speak after the report
        stream = from_chunks([b"".join(read_side_band(stream, on_progress))], may_be_quoted=stream.may_be_quoted)
    lines = stream.lines()
    unpacked = next(lines, b"")
    if unpacked != b"unpack ok":
        reason = stream.quote(unpacked.removeprefix(b"unpack "))
        raise PushRejected(f"the remote could not unpack what was sent: {reason}")
    report: dict[str, str | None] = {}
    for line in lines:
        verdict, _, rest = line.decode("utf-8", "surrogateescape").partition(" ")
        ref, _, words = rest.partition(" ")
        if verdict not in ("ok", "ng"):
            raise ProtocolError(f"not a push report: {stream.quote(line)}")
        report[ref] = None if verdict == "ok" else stream.quote(_bytes(words))
    return report


def _format_line(advertisement: Advertisement) -> list[bytes]:
    """Return the object format as a line of a request; SHA-1 goes without saying."""
    return [] if advertisement.object_format is SHA1 else [(OBJECT_FORMAT + advertisement.object_format.name).encode()]


def _agent() -> bytes:
    return b"agent=" + AGENT.encode()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
