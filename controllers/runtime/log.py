"""Log lines in Flux's form: one JSON object a line on stderr, or a console form for people.

Fields that belong to a whole run (controller, object, reconcile id) are bound once with `bind_fields` and follow the
task through contextvars, so that registry and Git code logs them without knowing them.
Nothing is redacted here: secrets are kept out by never being passed.
"""

import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final, TextIO

import msgspec

from controllers.runtime import logkey

TRACE: Final = 5
LEVELS: Final = {"trace": TRACE, "debug": logging.DEBUG, "info": logging.INFO, "error": logging.ERROR}

_PREFIX = "controllers."
_RECORD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_bound: ContextVar[Mapping[str, object]] = ContextVar("log_fields", default=MappingProxyType({}))


@contextmanager
def bind_fields(**fields: object) -> Iterator[None]:
    """Add `fields` to every line logged inside, in this task and in tasks it starts."""
    token = _bound.set({**_bound.get(), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


def level_name(number: int) -> str:
    """Return Flux's name of a level; what Python calls a warning is `info` there."""
    if number >= logging.ERROR:
        return "error"
    if number >= logging.INFO:
        return "info"
    return "debug" if number >= logging.DEBUG else "trace"


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Return the bound fields and those of the line itself, which win.

    `controllerKind`, `namespace` and `name` together also make Flux's `"<Kind>": {"name", "namespace"}`.
    """
    own = {name: value for name, value in vars(record).items() if name not in _RECORD_FIELDS}
    fields = {**_bound.get(), **own}
    kind, name = fields.get(logkey.CONTROLLER_KIND), fields.get(logkey.NAME)
    if isinstance(kind, str) and name is not None:
        fields[kind] = {logkey.NAME: name, logkey.NAMESPACE: fields.get(logkey.NAMESPACE, "")}
    if record.exc_info and record.exc_info[1] is not None and logkey.ERROR not in fields:
        fields[logkey.ERROR] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
    return fields


def _timestamp(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"


class JsonFormatter(logging.Formatter):
    """One JSON object: level, ts, logger, msg, then the fields, `stacktrace` last."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {"level": level_name(record.levelno), "ts": _timestamp(record)}
        if record.name != "root":
            line["logger"] = record.name.removeprefix(_PREFIX)
        line["msg"] = record.getMessage()
        line |= fields_of(record)
        if record.exc_info:
            line["stacktrace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class ConsoleFormatter(logging.Formatter):
    """Tab-separated: time, LEVEL, logger, message, fields as JSON; then the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        parts = [_timestamp(record), level_name(record.levelno).upper(), record.name.removeprefix(_PREFIX)]
        parts.append(record.getMessage())
        if fields := fields_of(record):
            parts.append(msgspec.json.encode(fields, enc_hook=str).decode())
        text = "\t".join(parts)
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def configure(level: str, encoding: str, *, stream: TextIO | None = None) -> None:
    """Send all logging to `stream` (stderr); level: trace, debug, info or error; encoding: json or console.

    Libraries speak only at debug level and up from warnings, so that their chatter does not drown ours.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if encoding == "json" else ConsoleFormatter())
    logging.addLevelName(TRACE, "TRACE")
    root = logging.getLogger()
    for old in tuple(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(LEVELS[level], logging.WARNING))
    logging.getLogger("controllers").setLevel(LEVELS[level])
    logging.captureWarnings(capture=True)
