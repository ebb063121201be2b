"""What users, or tools they come from, say about the policies of images.

An instruction is for the images that a glob matches, perhaps in one file only. The first that fits counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from api.imagepolicy import ALWAYS, ASCENDING, BUILD_DATE, DESCENDING, FIRST_SEEN, NEVER
from controllers.adoption.schemes import Level, Scheme
from controllers.golang import regexp
from controllers.image.reference import BadReference, parse_reference
from controllers.policy import Alphabetical, Newest, NewestBy, Numerical, Policy, Rules, Semver
from controllers.policy.errors import InvalidPolicy
from controllers.policy.rules import check

SKIP = "skip"


class BadInstruction(ValueError):
    """An instruction cannot be understood; the text says what is accepted."""


@dataclass(frozen=True, slots=True)
class Extras:
    """Fields of the objects beside the way to rank tags; each empty when unset."""

    denied_tags: tuple[str, ...] = ()
    denied_patterns: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    min_age: str = ""
    interval: str = ""
    secret: str = ""


NO_EXTRAS = Extras()


@dataclass(frozen=True, slots=True)
class Instruction:
    """How the tags of some images are to be chosen. Without a scheme or level the tag itself decides."""

    images: str
    """Glob; `*` crosses slashes. Compared with the image as written, and with its full name."""
    origin: str
    """Who says so, for people: `--policy`, `Keel, web.yaml:7`."""
    scheme: Scheme | None = None
    level: Level | None = None
    skip: bool = False
    file: str = ""
    """Only images of this file; empty for all."""
    form: str = ""
    """Only images of this object, as `occurrences.Occurrence.form` has it; empty for all."""
    extras: Extras = NO_EXTRAS
    must_accept: bool = False
    """Whether an image is left alone whose tag the scheme does not accept."""


def matches(glob: str, image: str) -> bool:
    """Return True when a glob or a `/pattern/` means an image; `nginx` also means `docker.io/library/nginx`."""
    names = {image, full_name(image), full_name(image).replace("index.docker.io/", "docker.io/")}
    if len(glob) > 1 and glob.startswith("/") and glob.endswith("/"):
        return any(_matches_pattern(glob[1:-1], name) for name in names)
    return any(fnmatchcase(name, glob) for name in names) or full_name(glob) == full_name(image)


@lru_cache(maxsize=65_536)
def full_name(image: str) -> str:
    """Return an image's canonical name, or the text itself where it is not a reference."""
    try:
        return parse_reference(image).image.name
    except BadReference:
        return image


def find_instruction(instructions: Iterable[Instruction], image: str, file: str, form: str) -> Instruction | None:
    """Return the first instruction for an image in an object of a file."""
    for one in instructions:
        if one.file in {"", file} and one.form in {"", form} and matches(one.images, image):
            return one
    return None


def _matches_pattern(pattern: str, name: str) -> bool:
    try:
        return regexp.compile(pattern).matches(name)
    except regexp.BadPattern:
        return False


def parse_instruction(text: str) -> Instruction:
    """Return what `IMAGE=POLICY` means. Raises BadInstruction.

    POLICY: a semver range, or semver:RANGE, numerical[:asc|desc], alphabetical[:asc|desc],
    newest[:FirstSeen|BuildDate], digest, skip.
    """
    images, equals, policy = text.partition("=")
    if not equals or not images or not policy:
        raise BadInstruction(f"{text!r} is not of the form IMAGE=POLICY, e.g. 'ghcr.io/org/app=^1'")
    if policy == SKIP:
        return Instruction(images, "--policy", skip=True)
    scheme = parse_scheme(policy)
    try:
        check(Rules(scheme.policy, scheme.tag_filter))
    except InvalidPolicy as error:
        raise BadInstruction(f"{text!r}: {error}") from None
    return Instruction(images, "--policy", scheme=scheme)


def parse_scheme(text: str) -> Scheme:
    """Return the scheme that a word and its argument name, unchecked. Raises BadInstruction."""
    word, _, argument = text.partition(":")
    if word == "digest":
        return Scheme(Alphabetical(ASCENDING), digest=ALWAYS)
    return Scheme(_policy(word, argument, text), digest=NEVER)


def _policy(word: str, argument: str, text: str) -> Policy:
    match word:
        case "semver":
            return Semver(argument)
        case "numerical" | "alphabetical":
            order = argument or ASCENDING
            if order not in {ASCENDING, DESCENDING}:
                raise BadInstruction(f"{text!r}: the order is {ASCENDING} or {DESCENDING}")
            return Numerical(order) if word == "numerical" else Alphabetical(order)
        case "newest":
            by = argument or FIRST_SEEN
            if by not in {FIRST_SEEN, BUILD_DATE}:
                raise BadInstruction(f"{text!r}: newest is by {FIRST_SEEN} or {BUILD_DATE}")
            return Newest(NewestBy(by))
    return Semver(text)
