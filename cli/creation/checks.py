"""What flags say, checked by the code that the controllers run. Each refusal names the flag and what to do.

The packages that know are loaded by the check that needs them: most commands need none of them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cli.grammar.session import Failed
from controllers.golang.duration import HOUR, MINUTE, SECOND, format_nanoseconds

Warn = Callable[[str], None]

_REPOSITORY_CHARACTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789_-./"
_REPOSITORY: Final = re.compile(f"[{re.escape(_REPOSITORY_CHARACTERS)}]*")
_RUN: Final = "failed to run template"
_NO_FIELD: Final = "can't evaluate field"
_MAX_TIMEOUT: Final = 10 * MINUTE
_DIGEST: Final = "@sha256:"
_MAX_DIGITS: Final = 9


def check_image(flag: str, image: str) -> None:
    """Raise Failed unless an ImageRepository can scan this image."""
    from controllers.image.reference import BadReference, parse_image  # noqa: PLC0415

    try:
        parse_image(image)
        return
    except BadReference as error:
        problem = str(error)
    if _DIGEST in image:
        problem = f"image '{image}' should not include a digest; remove '@{image.partition('@')[2]}'"
    if problem.startswith("image "):  # it has a scheme, a tag or a digest, and the text says what to remove
        raise Failed(f"{flag}: {problem}")
    raise Failed(f"unable to parse image value: {_explain_reference(image)}")


def _explain_reference(image: str) -> str:
    """Return what is wrong with an image, in the words of the reference, without a login that is part of it."""
    from controllers.image.reference import USERINFO  # noqa: PLC0415

    first, slash, rest = image.partition("/")
    registry, repository = (first, rest) if slash and ("." in first or ":" in first) else ("", image)
    registry, shown = (USERINFO.sub(r"\1REDACTED@", text) for text in (registry, repository))
    if not 2 <= len(repository) <= 255:
        return f"repository must be between 2 and 255 characters in length: {shown}"
    if not _REPOSITORY.fullmatch(repository):
        return f"repository can only contain the characters `{_REPOSITORY_CHARACTERS}`: {shown}"
    return f"registries must be valid RFC 3986 URI authorities: {registry}"


def check_range(flag: str, text: str) -> None:
    """Raise Failed unless the text is a range of semantic versions."""
    from controllers.semver.constraint import BadConstraint, parse_constraint  # noqa: PLC0415

    try:
        parse_constraint(text)
    except BadConstraint as error:
        raise Failed(
            f"{flag} '{text}' is not a range of versions: {error}; write it as '1.x', '~1.2' or '>=1.0.0 <2.0.0'"
        ) from None


def check_pattern(flag: str, pattern: str) -> None:
    """Raise Failed unless the text is a regular expression that RE2 reads."""
    _compile(flag, pattern)


def check_filter(pattern: str, extract: str) -> None:
    """Raise Failed unless a tag filter can work: what `extract` refers to must be in the pattern."""
    if extract and not pattern:
        raise Failed("cannot specify --filter-extract without specifying --filter-regex")
    if not pattern:
        return
    names = _compile("--filter-regex", pattern)
    for name in _references("--filter-extract", extract):
        _require_group("--filter-extract", name, names)


def check_key_template(flag: str, template: str, pattern: str) -> None:
    """Raise Failed unless the template of a sort key refers to groups of the pattern."""
    names = _compile("--filter-regex", pattern)
    for name in _references(flag, template):
        _require_group(flag, name, names)


def _compile(flag: str, pattern: str) -> Sequence[str]:
    """Return the names of the groups by number. Raises Failed."""
    from controllers.golang import regexp  # noqa: PLC0415

    try:
        return regexp.compile(pattern).group_names
    except regexp.BadPattern as error:
        known = flag == "--filter-regex"  # the reference says no more of it
        raise Failed(f"{flag} is an invalid regex pattern" + ("" if known else f": {error}")) from None


def _references(flag: str, template: str) -> list[str]:
    """Return the names that follow a dollar. Raises Failed for a dollar that begins no reference."""
    names = []
    rest = template
    while rest:
        _, dollar, rest = rest.partition("$")
        if not dollar:
            break
        if rest.startswith("$"):
            rest = rest[1:]
            continue
        name, rest = _reference(rest)
        if not name:
            raise Failed(f"{flag} is malformed")
        names.append(name)
    return names


def _reference(text: str) -> tuple[str, str]:
    """Return the name at the beginning of a text and what follows; "" where none is there."""
    braced = text.startswith("{")
    end = start = int(braced)
    while end < len(text) and (text[end].isalpha() or text[end].isdecimal() or text[end] == "_"):
        end += 1
    if end == start or (braced and text[end : end + 1] != "}"):
        return "", text
    return text[start:end], text[end + braced :]


def _require_group(flag: str, name: str, names: Sequence[str]) -> None:
    if name in names[1:]:
        return
    is_number = name.isdecimal() and name.isascii() and (name == "0" or not name.startswith("0"))
    if is_number and len(name) <= _MAX_DIGITS and int(name) < len(names):
        return
    raise Failed(f"capture group ${name} used in {flag} not found in --filter-regex")


def check_interval(flag: str, nanoseconds: int, warn: Warn) -> None:
    """Raise Failed for an interval that the API server refuses; warn of one that counts as a longer one."""
    _check_written(flag, nanoseconds, "1m")
    if nanoseconds < SECOND:
        warn(f"{flag} {format_nanoseconds(nanoseconds)} counts as 1s, the shortest interval")


def check_timeout(flag: str, nanoseconds: int, warn: Warn) -> None:
    """Raise Failed for a timeout that the API server refuses; warn of one that counts as a shorter one."""
    if nanoseconds >= HOUR:
        raise Failed(f"{flag} {format_nanoseconds(nanoseconds)} is too long: at most 10m")
    _check_written(flag, nanoseconds, "30s")
    if nanoseconds > _MAX_TIMEOUT:
        warn(f"{flag} {format_nanoseconds(nanoseconds)} counts as 10m0s, the longest timeout")


def check_age(flag: str, nanoseconds: int) -> None:
    """Raise Failed for an age that the API server refuses."""
    _check_written(flag, nanoseconds, "72h")


def _check_written(flag: str, nanoseconds: int, example: str) -> None:
    """Raise Failed for what the pattern of the schemas has no room for: a sign, and units below the millisecond."""
    if nanoseconds < 0:
        raise Failed(f"{flag} {format_nanoseconds(nanoseconds)} is negative; write it as {example}")
    if 0 < nanoseconds < SECOND // 1000:
        raise Failed(f"{flag} {format_nanoseconds(nanoseconds)} is under a millisecond; write it as {example}")


def check_template(
    flag: str, template: str, *, namespace: str, name: str, values: Mapping[str, str], warn: Warn
) -> bool:
    """Try a template on an update of one image. Return whether it needs fields that are gone from today's Flux.

    Raises Failed for one that no commit message can be made by; warns of one that fails on this update.
    """
    if "{{" not in template:
        return False
    from datetime import UTC, datetime  # noqa: PLC0415

    from controllers import template as engine  # noqa: PLC0415

    change = engine.TemplateChange("1.0.0", "1.0.1", f"{namespace}:app:tag", "ghcr.io/org/app:1.0.1")
    changed = engine.FileChange("app.yaml", engine.ObjectRef("apps/v1", "Deployment", namespace, "app"), [change])
    data = engine.TemplateData(namespace, name, [changed], values or None)
    now, is_old = datetime.now(UTC), False
    try:
        try:
            engine.render(template, data, now=now, model=engine.DataModel.CURRENT)
        except engine.RemovedField:
            is_old = True
            engine.render(template, data, now=now)
    except engine.TemplateFailure as error:
        # What runs may depend on what is updated; what does not parse, or names no field, never will.
        if not str(error).startswith(_RUN) or _NO_FIELD in str(error):
            raise Failed(f"{flag} cannot make a commit message: {error}") from None
        warn(f"{flag} makes no commit message of an update of one image: {error}")
    return is_old
