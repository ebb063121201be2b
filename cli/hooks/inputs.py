"""From flags and files to the values that `controllers.webhooks` works on."""

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from cli.grammar.session import Failed
from cli.grammar.spelling import nearest
from controllers.image.reference import BadReference, parse_image
from controllers.webhooks.limits import MAX_BODY_BYTES
from controllers.webhooks.matching import Subject
from controllers.webhooks.payload import moment
from controllers.webhooks.senders.sender import Sender
from controllers.webhooks.senders.table import SENDERS, find_sender
from controllers.webhooks.settings import SecretData

_MAX_FILE_BYTES = 1 << 20


def sender_of(arguments: Sequence[str], *, usage: str) -> Sender:
    """Return the sender that the first argument names. Raises Failed."""
    if not arguments:
        raise Failed(f"a type is required: {usage}; types: {', '.join(sender.type for sender in SENDERS)}")
    sender = find_sender(arguments[0])
    if sender is None:
        known = [name for sender in SENDERS for name in (sender.type, *sender.aliases)]
        close = nearest(arguments[0], known)
        hint = f'; did you mean "{close}"?' if close else ""
        raise Failed(f"the type {arguments[0]} is not known{hint}; types: {', '.join(known)}")
    return sender


def read_body(path: str) -> bytes:
    """Return what a file or, with `-`, standard input holds; one octet too much of what is too large. Raises Failed."""
    try:
        if path == "-":
            return sys.stdin.buffer.read(MAX_BODY_BYTES + 1)
        with Path(path).open("rb") as file:
            return file.read(MAX_BODY_BYTES + 1)
    except (OSError, ValueError) as error:
        raise Failed(f"cannot read {path or 'a file without a name'}: {_why(error)}") from None


def headers_of(values: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return headers that were given as `Name: value`. Raises Failed."""
    pairs = [value.partition(":") for value in values]
    if any(not name.strip() or not colon for name, colon, _ in pairs):
        raise Failed("--header is `Name: value`, such as --header 'X-GitHub-Event: package'")
    return tuple((name.strip(), text.strip()) for name, _, text in pairs)


def secret_of(path: str, variable: str, environ: Mapping[str, str]) -> SecretData:
    """Return the data of a Secret: of a file its text as `token`, of a folder each file, as a pod mounts it.

    Line ends behind a value are left out: editors write them, and no sender knows them. Raises Failed.
    """
    if path and variable:
        raise Failed("--secret-file and --token-env exclude each other")
    if variable:
        if not environ.get(variable):
            raise Failed(f"the environment variable {variable} of --token-env is not set, or empty")
        return {"token": os.fsencode(environ[variable])}
    if not path:
        return {}
    place = Path(path)
    try:
        files = sorted(file for file in place.iterdir() if file.is_file()) if place.is_dir() else [place]
        data = {file.name if place.is_dir() else "token": _read_small(file) for file in files}
    except (OSError, ValueError) as error:
        raise Failed(f"cannot read {path} of --secret-file: {_why(error)}") from None
    if not any(data.values()):
        raise Failed(f"{path} of --secret-file is empty")
    return data


def _read_small(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(_MAX_FILE_BYTES).rstrip(b"\r\n")


def keys_of(path: str) -> Any:
    """Return the JSON Web Key Set in a file. Raises Failed."""
    if not path:
        return None
    try:
        keys = msgspec.json.decode(_read_small(Path(path)))
    except OSError as error:
        raise Failed(f"cannot read {path} of --jwks: {_why(error)}") from None
    except (ValueError, RecursionError, msgspec.DecodeError):
        raise Failed(f"{path} of --jwks is not JSON") from None
    if not isinstance(keys, dict) or not isinstance(keys.get("keys"), list):
        raise Failed(f"{path} of --jwks is not a JSON Web Key Set: it has no list `keys`")
    return keys


def moment_of(text: str) -> datetime:
    """Return the time of `--now`, the present one where it is not given. Raises Failed."""
    if not text:
        return datetime.now(UTC)
    found = moment({"now": text}, "now")
    if found is None:
        raise Failed(f"--now must be a time such as 2026-11-30T07:00:00Z, not {text}")
    return found


def subjects_of(images: Sequence[str]) -> list[Subject]:
    """Return an ImageRepository for each image. Raises Failed for what `spec.image` could not be."""
    for image in images:
        try:
            parse_image(image)
        except BadReference as error:
            raise Failed(f"--image: {error}") from None
    return [Subject("", image, image) for image in dict.fromkeys(images)]


def _why(error: Exception) -> str:
    return os.strerror(error.errno).lower() if isinstance(error, OSError) and error.errno else "it cannot be read"
