"""The list a scan stores: which tags stay, in which order, and the checksum that distinguishes one list from another.

Pure. Order, checksum and texts are those of Flux (image-reflector-controller internal/controller/scan.go and
internal/database), so that `status.lastScanResult` reads the same.
"""

import json
import zlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from operator import eq

import msgspec

from api.imagerepository import DEFAULT_EXCLUSION_LIST, LATEST_COUNT
from controllers.golang import regexp

INLINE_TAGS = 2_000
"""Up to this many tags a list takes less than 2 ms: not worth a thread, which waits for the interpreter's lock."""

INLINE_SCANNED_TAGS = 5_000
"""The same, for what a scan does with a list: it is filtered and sorted in 2 ms, and packed in 5."""

HTML_ESCAPES = {char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\\ufffd")
ESCAPES = str.maketrans(HTML_ESCAPES) | SURROGATES


class BadExclusionPattern(Exception):
    """A pattern of `spec.exclusionList` does not compile, or costs too much."""


@dataclass(frozen=True, slots=True)
class TagSet:
    """The tags that one scan of a registry keeps."""

    tags: tuple[str, ...]
    """Kept tags, bytewise descending, each once."""
    revision: str
    excluded_count: int = 0
    """How many tags were dropped for the exclusion patterns."""

    @property
    def latest(self) -> tuple[str, ...]:
        """The first ten, for `status.lastScanResult.latestTags`."""
        return self.tags[:LATEST_COUNT]


def effective_exclusions(patterns: Sequence[str] | None) -> tuple[str, ...]:
    """Return the list in force: an empty or absent one means signatures are left out."""
    return tuple(patterns or DEFAULT_EXCLUSION_LIST)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """The exclusion list in force."""

    patterns: tuple[str, ...]

    def keep(self, tags: Collection[str], budget: regexp.Budget) -> list[str]:
        """Return the tags that no pattern finds. Raises BadExclusionPattern, also once the budget is spent."""
        if (kept := regexp.drop_by_endings(_compile_all(self.patterns), tags)) is not None:
            return kept
        is_excluded = _matcher(self.patterns)
        try:
            return [tag for tag in budget.spend_on(tags) if not is_excluded(tag)]
        except regexp.TooCostly as error:
            raise BadExclusionPattern(f"failed to match the patterns of spec.exclusionList: {error}") from None


def build_tag_set(tags: Iterable[str], exclusion_patterns: Sequence[str] | None) -> TagSet:
    """Return the list to store.

    tags: in registry order, may repeat. exclusion_patterns: `spec.exclusionList`; a tag that one of them finds is
    dropped. Raises BadExclusionPattern, also for patterns that take too long. 100,000 tags cost 0.02 s of CPU with the
    default and in a registry's usual order, else up to 0.2 s: not for the event loop.
    """
    exclusion = Exclusion(effective_exclusions(exclusion_patterns))
    # Sorted first: registries list in order, of which a set would leave nothing. They seldom repeat a tag, and to
    # compare neighbours takes a fifth of the time of a set.
    ordered = sorted(tags, reverse=True)
    distinct = dict.fromkeys(ordered) if any(map(eq, ordered, islice(ordered, 1, None))) else ordered
    kept = tuple(exclusion.keep(distinct, regexp.Budget()))
    return TagSet(kept, compute_revision(kept), len(distinct) - len(kept))


def arrange(kept: Iterable[str], *, excluded_count: int) -> TagSet:
    """Return the list to store of tags that were filtered before: each once, in any order."""
    tags = tuple(sorted(kept, reverse=True))
    return TagSet(tags, compute_revision(tags), excluded_count)


def compute_revision(tags: Sequence[str]) -> str:
    """Return the decimal Adler-32 of the tags as the JSON array that Go writes, in the order given."""
    if encoded := _encode_plain(tags):
        return str(zlib.adler32(encoded))
    text = json.dumps(tags, ensure_ascii=False, separators=(",", ":"))
    if not text.isascii() or any(char in text for char in "<>&"):
        text = text.translate(ESCAPES)
    return str(zlib.adler32(text.encode()))


def _encode_plain(tags: Sequence[str]) -> bytes:
    """Return the JSON of tags without anything that encoders write in different ways; empty where there is some."""
    try:
        encoded = msgspec.json.encode(tags)
    except UnicodeEncodeError:  # half of a surrogate pair
        return b""
    return encoded if encoded.isascii() and not any(byte in encoded for byte in b"\\<>&\x7f") else b""


@lru_cache(maxsize=32)
def _compile_all(patterns: tuple[str, ...]) -> tuple[regexp.Pattern, ...]:
    return tuple(_compile(pattern) for pattern in patterns)


@lru_cache(maxsize=32)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    return regexp.any_of(_compile_all(patterns))


def _compile(pattern: str) -> regexp.Pattern:
    try:
        return regexp.compile(pattern)
    except regexp.BadPattern as error:
        raise BadExclusionPattern(f"failed to compile regex {regexp.abbreviate(pattern)}: {error}") from None
