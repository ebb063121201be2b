"""Log lines in Flux's form: one JSON object a line on stderr, or a console form for people.

Fields that belong to a whole run (controller, object, reconcile id) are bound once with `bind_fields` and follow the
task through contextvars, so that registry and Git code logs them without knowing them.

Of exceptions only texts that are known to be safe are written, in tracebacks as well (see `net.library_errors`), and of
what libraries log only who spoke and where in its code: their words may quote what they were given. Foreign text cannot
forge a line or move a terminal's cursor. Fields are not redacted: secrets are kept out by never being passed.
"""

import logging
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import MappingProxyType, TracebackType
from typing import Final, TextIO

import msgspec

from controllers.net.foreign_text import escape_lines
from controllers.net.library_errors import OURS, format_traceback, name_and_text
from controllers.runtime import logkey

TRACE: Final = 5
LEVELS: Final = {"trace": TRACE, "debug": logging.DEBUG, "info": logging.INFO, "error": logging.ERROR}

LIBRARY_MESSAGE: Final = "a library reports a problem"

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
        fields[logkey.ERROR] = name_and_text(record.exc_info[1])
    if not _is_ours(record):
        fields[logkey.LIBRARY] = f"{record.name} ({record.filename}:{record.lineno})"
    return fields


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name == "root" or record.name.partition(".")[0] in OURS


def _message(record: logging.LogRecord) -> str:
    """Return the text of a line; of a library's, none of its own words."""
    return escape_lines(record.getMessage()) if _is_ours(record) else LIBRARY_MESSAGE


def _encode_fields(fields: Mapping[str, object]) -> str:
    return msgspec.json.encode(_escape_values(fields), enc_hook=lambda value: escape_lines(str(value))).decode()


def _escape_values(value: object) -> object:
    """Return a value with what JSON cannot hold in escapes; exceptions as their safe text."""
    match value:
        case str():
            return escape_lines(value)
        case BaseException():
            return name_and_text(value)
        case Mapping():
            return {escape_lines(str(key)): _escape_values(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_escape_values(item) for item in value]
        case _:
            return value


def _timestamp(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"


class JsonFormatter(logging.Formatter):
    """One JSON object: level, ts, logger, msg, then the fields, `stacktrace` last."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {"level": level_name(record.levelno), "ts": _timestamp(record)}
        if record.name != "root":
            line["logger"] = record.name.removeprefix(_PREFIX)
        line["msg"] = _message(record)
        line |= fields_of(record)
        if record.exc_info and record.exc_info[1] is not None:
            line["stacktrace"] = format_traceback(record.exc_info[1])
        return _encode_fields(line)


class ConsoleFormatter(logging.Formatter):
    """Tab-separated: time, LEVEL, logger, message, fields as JSON; then the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        parts = [_timestamp(record), level_name(record.levelno).upper(), record.name.removeprefix(_PREFIX)]
        parts.append(_message(record))
        if fields := fields_of(record):
            parts.append(_encode_fields(fields))
        text = "\t".join(parts)
        error = record.exc_info[1] if record.exc_info else None
        return f"{text}\n{format_traceback(error)}" if error is not None else text


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines; a line that cannot be made is replaced by one that says so, and not by its arguments."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging calls it so
        with suppress(OSError, ValueError):
            self.stream.write(f"a log line of {record.name} ({record.filename}:{record.lineno}) cannot be written\n")


def log_uncaught_errors() -> None:
    """Log what ends a thread, what cannot be raised, and what ends the process, in place of Python's own printing."""
    log = logging.getLogger("controllers.runtime")

    def uncaught(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
        if not isinstance(error, KeyboardInterrupt):
            log.error("uncaught error", exc_info=error)

    def uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
            log.error("uncaught error in a thread", exc_info=arguments.exc_value)

    def unraisable(arguments: "sys.UnraisableHookArgs") -> None:
        log.error("an error was ignored", exc_info=arguments.exc_value)

    sys.excepthook = uncaught
    threading.excepthook = uncaught_in_thread
    sys.unraisablehook = unraisable


def configure(level: str, encoding: str, *, stream: TextIO | None = None) -> None:
    """Send all logging to `stream` (stderr); level: trace, debug, info or error; encoding: json or console.

    Libraries speak only at debug level and up from warnings, so that their chatter does not drown ours.
    """
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if encoding == "json" else ConsoleFormatter())
    logging.addLevelName(TRACE, "TRACE")
    root = logging.getLogger()
    for old in tuple(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    set_level(level)
    logging.captureWarnings(capture=True)


def set_level(level: str) -> None:
    """Log from a level up: trace, debug, info or error; libraries as `configure` says. At any time, from any thread."""
    logging.getLogger().setLevel(max(LEVELS[level], logging.WARNING))
    logging.getLogger("controllers").setLevel(LEVELS[level])
