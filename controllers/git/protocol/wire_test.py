"""The protocol as text: what Git servers of different ages say, and what we answer."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.git.errors import ProtocolError, PushRejected, RepositoryTooLarge
from controllers.git.objects.hashing import SHA1, SHA256, ObjectFormat
from controllers.git.protocol import wire
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
from controllers.git.protocol.wire import (
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

A, B, C = (letter * 40 for letter in "abc")
CAPABILITIES = frozenset(
    {"side-band-64k", "thin-pack", "ofs-delta", "shallow", "report-status", "push-options", "atomic"}
)
V0, V2, MUTE = Advertisement(0, CAPABILITIES), Advertisement(2), Advertisement(0)
LONG = "d" * 64


def stream(*parts: bytes) -> Stream:
    return from_chunks(parts)


@given(st.lists(st.binary(max_size=300)), st.integers(1, 50))
def test_packets_survive_any_cut(contents: list[bytes], size: int) -> None:
    whole = packets(*(b"x" + c for c in contents)) + FLUSH
    cut = stream(*(whole[at : at + size] for at in range(0, len(whole), size)))
    assert [cut.packet() for _ in contents] == [b"x" + c for c in contents]
    assert cut.packet() is SpecialPacket.FLUSH


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    with suppress(ProtocolError):
        read_advertisement(stream(noise))


@pytest.mark.parametrize(
    "noise",
    [b"", b"00", b"0003", b"ffff" + b"x" * 70_000, b"zzzz", b"-001", b"0x1f", b"0009ab"],
    ids=["nothing", "half-a-length", "no-length", "too-long", "no-number", "negative", "prefixed", "cut"],
)
def test_broken_packets(noise: bytes) -> None:
    with pytest.raises(ProtocolError):
        stream(noise).packet()


def test_bytes_put_back_come_first() -> None:
    s = stream(b"abcdef")
    assert s.read(2) == b"ab"
    s.unread(b"xy")
    assert s.read(4) == b"xycd"


def test_side_bands_are_separated() -> None:
    progress: list[bytes] = []
    content = read_side_band(stream(packets(b"\x01one", b"\x02hear", b"\x01two"), FLUSH), progress.append)
    assert b"".join(content) == b"onetwo"
    assert progress == [b"hear"]
    with pytest.raises(ProtocolError, match="remote error: it broke"):
        list(read_side_band(stream(packets(b"\x03it broke\n")), progress.append))


def test_advertisement_of_protocol_0_with_tags_and_a_symbolic_head() -> None:
    got = read_advertisement(
        stream(
            packets(b"# service=git-upload-pack\n"), FLUSH,
            packets(
                f"{A} HEAD\0shallow symref=HEAD:refs/heads/main agent=git/2\n".encode(),
                f"{A} refs/heads/main\n".encode(),
                f"{B} refs/tags/v1\n".encode(), f"{C} refs/tags/v1^{{}}\n".encode(), f"shallow {C}".encode(),
            ), FLUSH,
        )
    )  # fmt: skip
    assert got.version == 0
    assert got.values == {"HEAD": A, "refs/heads/main": A, "refs/tags/v1": B}
    assert got.peeled == {"refs/tags/v1": C}
    assert got.symrefs == {"HEAD": "refs/heads/main"}
    assert "shallow" in got.capabilities


def test_advertisement_of_an_empty_repository() -> None:
    line = b"0" * 40 + b" capabilities^{}\0report-status push-options"
    got = read_advertisement(stream(packets(line), FLUSH))
    assert (got.values, got.peeled) == ({}, {})
    assert got.capabilities == {"report-status", "push-options"}
    assert read_advertisement(stream(FLUSH)).values == {}


@pytest.mark.parametrize("service_line", [b"", packets(b"# service=git-upload-pack\n") + FLUSH], ids=["git", "github"])
def test_advertisement_of_protocol_2(service_line: bytes) -> None:
    got = read_advertisement(stream(service_line, packets(b"version 2\n", b"agent=x\n", b"fetch=shallow\n"), FLUSH))
    assert got.version == 2
    assert got.capabilities == {"agent=x", "fetch=shallow"}


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([f"{LONG} HEAD\0shallow object-format=sha256".encode(), LONG.encode() + b" refs/x"], id="v0"),
        pytest.param([b"0" * 64 + b" capabilities^{}\0object-format=sha256\n"], id="v0-empty"),
        pytest.param([f"{LONG} HEAD\0object-format=sha256 object-format=sha1".encode()], id="the-first-counts"),
        pytest.param([b"version 2\n", b"agent=x\n", b"object-format=sha256\n"], id="v2"),
    ],
)
def test_sha256_is_recognised(lines: list[bytes]) -> None:
    got = read_advertisement(stream(packets(*lines), FLUSH))
    assert got.object_format is SHA256
    assert set(got.values.values()) <= {LONG}


@pytest.mark.parametrize("version", [[b"version 2\n"], []], ids=["v2", "v0"])
def test_sha1_is_the_default(version: list[bytes]) -> None:
    assert (
        read_advertisement(stream(packets(*(version or [f"{A} HEAD\0shallow".encode()])), FLUSH)).object_format is SHA1
    )


@pytest.mark.parametrize(
    "lines",
    [[b"version 2\n", b"object-format=sha3\n"], [f"{LONG} HEAD\0object-format=sha3".encode()]],
    ids=["v2", "v0"],
)
def test_other_object_formats_are_refused(lines: list[bytes]) -> None:
    with pytest.raises(ProtocolError, match="names objects by 'sha3', which is not supported; sha1 and sha256 are"):
        read_advertisement(stream(packets(*lines), FLUSH))


@pytest.mark.parametrize(
    ("sha", "caps"), [(LONG, ""), (A, "object-format=sha256"), (LONG[:-1], "object-format=sha256")]
)
def test_references_with_ids_of_the_wrong_length(sha: str, caps: str) -> None:
    with pytest.raises(ProtocolError, match="not a reference"):
        read_advertisement(stream(packets(f"{sha} HEAD\0{caps}".encode()), FLUSH))
    with pytest.raises(ProtocolError, match="not a reference"):
        read_ls_refs(
            stream(packets(f"{sha} HEAD\n".encode()), FLUSH), Advertisement(2, object_format=SHA256 if caps else SHA1)
        )


@pytest.mark.parametrize("named", [SHA1, SHA256], ids=str)
def test_requests_name_sha256_and_not_sha1(named: ObjectFormat) -> None:
    v0, v2 = (Advertisement(v, CAPABILITIES | {f"object-format={named.name}"}, named) for v in (0, 2))
    want = Want([LONG], [], depth=1)
    for request in (ls_refs_request([], v2), fetch_request(want, v2), fetch_request(want, v0)):
        assert (b"object-format=sha256" in request) == (named is SHA256)
        assert b"sha1" not in request


@pytest.mark.parametrize(("named", "new"), [(SHA1, A), (SHA256, LONG)], ids=str)
def test_a_push_names_its_format_and_uses_a_null_id_of_that_length(named: ObjectFormat, new: str) -> None:
    advertisement = Advertisement(0, CAPABILITIES | {f"object-format={named.name}"}, named)
    request = push_request([PushCommand("refs/heads/x", None, new)], [], advertisement)
    assert request[4:].startswith(f"{'0' * len(new)} {new} refs/heads/x\0".encode())
    assert f" object-format={named.name} agent=".encode() in request


def test_references_of_protocol_2() -> None:
    assert b"ref-prefix refs/heads/gr\xc3\xbcn\n" in ls_refs_request(["HEAD", "refs/heads/grün"], V2)
    got = read_ls_refs(
        stream(
            packets(
                f"{A} HEAD symref-target:refs/heads/main\n".encode(),
                f"{A} refs/heads/grün\n".encode(),
                f"{B} refs/tags/v1 peeled:{C}\n".encode(),
            ),
            FLUSH,
        ),
        V2,
    )
    assert got.values == {"HEAD": A, "refs/heads/grün": A, "refs/tags/v1": B}
    assert (got.peeled, got.symrefs) == ({"refs/tags/v1": C}, {"HEAD": "refs/heads/main"})


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(A.encode(), id="no-blank"),
        pytest.param(b"", id="empty"),
        pytest.param(b" refs/heads/main", id="no-id"),
        pytest.param(b"unborn HEAD symref-target:refs/heads/main", id="unborn"),
        pytest.param(f"{A} refs/tags/v1 peeled:".encode(), id="peeled-to-nothing"),
        pytest.param(f"{A} refs/tags/v1 peeled:{A[1:]}".encode(), id="peeled-to-a-short-id"),
        pytest.param(f"{A} refs/tags/v1 peeled:shallow".encode(), id="peeled-to-a-word"),
        pytest.param(b"\xff" * 40 + b" refs/heads/main", id="no-text"),
    ],
)
def test_lines_that_are_no_references(line: bytes) -> None:
    with pytest.raises(ProtocolError, match="not a reference"):
        read_ls_refs(stream(packets(line + b"\n"), FLUSH), V2)


@given(
    st.lists(st.binary(max_size=80) | st.sampled_from([f"{A} x peeled:{B}".encode(), b"unpack ok", b"ok x", b"NAK"]))
)
def test_any_packets_are_read_or_refused(lines: list[bytes]) -> None:
    answer = packets(*lines) + FLUSH
    for read in (
        lambda: read_advertisement(stream(answer)),
        lambda: read_ls_refs(stream(answer), V2),
        lambda: read_report(stream(answer), frozenset({"report-status"}), print),
        lambda: read_report(stream(answer), CAPABILITIES, print),
        lambda: list(read_fetch(stream(answer), Want([A], [], depth=1), 0, print)),
        lambda: list(read_fetch(stream(answer), Want([A], [], depth=1), 2, print)),
    ):
        with suppress(ProtocolError, PushRejected):
            read()


def test_a_fetch_offers_complete_commits_as_shallow() -> None:
    request = fetch_request(Want([A], [B], depth=1), V2)
    for line in (f"want {A}", f"have {B}", f"shallow {B}", "deepen 1", "thin-pack", "done"):
        assert packet(line.encode() + b"\n") in request
    request = fetch_request(Want([A], [B], depth=1), V0)
    assert f"want {A} side-band-64k thin-pack ofs-delta agent=".encode() in request
    assert request.endswith(packets(f"have {B}\n".encode(), b"done\n"))
    with pytest.raises(ProtocolError):
        fetch_request(Want([A], [], depth=1), Advertisement(0, frozenset({"side-band-64k"})))


@pytest.mark.parametrize(
    ("version", "answer"),
    [
        pytest.param(2, packets(b"packfile\n", b"\x01PACK") + FLUSH, id="v2"),
        pytest.param(
            2,
            packets(b"shallow-info\n", b"shallow x") + DELIMITER + packets(b"packfile\n", b"\x01PACK") + FLUSH,
            id="v2-shallow",
        ),
        pytest.param(0, packets(b"shallow " + b"a" * 40) + FLUSH + packets(b"NAK\n", b"\x01PACK") + FLUSH, id="v0-nak"),
        pytest.param(0, FLUSH + packets(b"ACK " + b"a" * 40 + b"\n", b"\x01PA", b"\x01CK") + FLUSH, id="v0-ack"),
    ],
)  # fmt: skip
def test_the_pack_in_an_answer(version: int, answer: bytes) -> None:
    assert b"".join(read_fetch(stream(answer), Want([A], [], depth=1), version, print)) == b"PACK"


@pytest.mark.parametrize(("version", "answer"), [(2, FLUSH), (0, FLUSH + packets(b"NAK\n") + FLUSH)], ids=["v2", "v0"])
def test_an_answer_without_a_pack(version: int, answer: bytes) -> None:
    with pytest.raises(ProtocolError, match="no pack"):
        list(read_fetch(stream(answer), Want([A], [], depth=1), version, print))


def test_a_push_sends_old_and_new_ids_and_options() -> None:
    request = push_request([PushCommand("refs/heads/grün", A, B), PushCommand("refs/heads/b", C, A)], ["k=v"], V0)
    first = f"{A} {B} refs/heads/grün\0report-status side-band-64k push-options atomic agent=".encode()
    assert request[4:].startswith(first)
    assert request.endswith(packets(f"{C} {A} refs/heads/b".encode()) + FLUSH + packets(b"k=v") + FLUSH)
    with pytest.raises(PushRejected, match="does not support push options"):
        push_request([PushCommand("refs/heads/b", A, B)], ["k=v"], MUTE)


def test_a_report_within_a_band_and_a_message_after_it() -> None:
    progress: list[bytes] = []
    report = packets(b"unpack ok\n", b"ok refs/heads/a\n", b"ng refs/heads/b hook declined\n") + FLUSH
    answer = packets(b"\x01" + report[:13], b"\x01" + report[13:], b"\x02see you\n") + FLUSH
    got = read_report(stream(answer), CAPABILITIES, progress.append)
    assert got == {"refs/heads/a": None, "refs/heads/b": "hook declined"}
    assert progress == [b"see you\n"]


def test_a_report_without_bands() -> None:
    answer = packets(b"unpack ok\n", b"ok refs/heads/a\n") + FLUSH
    assert read_report(stream(answer), frozenset({"report-status"}), print) == {"refs/heads/a": None}


@pytest.mark.parametrize(
    ("line", "error"), [(b"unpack disk full\n", PushRejected), (b"unpack ok\n", None), (b"what?\n", PushRejected)]
)
def test_a_pack_that_could_not_be_unpacked(line: bytes, error: type[Exception] | None) -> None:
    answer = stream(packets(line) + FLUSH)
    if error is None:
        assert read_report(answer, frozenset({"report-status"}), print) == {}
        return
    with pytest.raises(error, match="could not unpack"):
        read_report(answer, frozenset({"report-status"}), print)


def lines_of(count: int, *, peeled: bool) -> bytes:
    attribute = f" peeled:{B}" if peeled else ""
    return packets(*(f"{A} refs/tags/{number}{attribute}\n".encode() for number in range(count)))


@pytest.mark.parametrize(("count", "peeled"), [(51, False), (26, True)], ids=["references", "commits-behind-tags"])
def test_more_references_than_are_held_are_refused(
    count: int, monkeypatch: pytest.MonkeyPatch, *, peeled: bool
) -> None:
    monkeypatch.setattr(wire, "MAX_REFS", 50)
    assert len(read_ls_refs(stream(lines_of(count - 1, peeled=peeled) + FLUSH), V2).values) == count - 1
    with pytest.raises(RepositoryTooLarge, match="more than 50 branches, tags"):
        read_ls_refs(stream(lines_of(count, peeled=peeled) + FLUSH), V2)
    first = packets(f"{A} HEAD\0side-band-64k\n".encode())
    tags = packets(*(f"{B} refs/tags/{number // 2}{'^{}' * (number % 2)}\n".encode() for number in range(50)))
    with pytest.raises(RepositoryTooLarge, match="more than 50 branches, tags"):
        read_advertisement(stream(first + tags + FLUSH))


def test_more_capabilities_than_there_are_are_refused() -> None:
    lines = packets(b"version 2\n", *(b"c%d\n" % number for number in range(1001)))
    with pytest.raises(ProtocolError, match="more than 1000 capabilities"):
        read_advertisement(stream(lines + FLUSH))
