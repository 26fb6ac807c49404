"""One record, one line: JSON for machines, words for people, from the same fields and without secrets.

Nothing here raises: a record that cannot be formatted or written is replaced by one that says so, or counted as lost.
"""

import datetime
import json
import logging
import re
from typing import Any

from config.kernel import correlation
from config.observability import counters, masking

MAX_TEXT = 16_000
"""Longer texts keep their beginning and their end, where a traceback has its error."""
MAX_DEPTH = 6
MAX_NUMBER = 10**12
"""Greater ones could be a card's."""

_REPEATING = {"request", "server_time", "data"}
"""Extras of Django and Celery that repeat the request with its query, or the task with its arguments."""
_IGNORED = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", *_REPEATING}
_TEXTS = {str, bool, type(None)}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

Event = dict[str, Any]
_PLAIN = re.compile(r"""[^\s"=]+""")
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=True, default=str).encode


def fields_of(record: logging.LogRecord) -> Event:
    """What a line tells, secrets and card numbers masked: time, level, logger, event, correlation_id, the rest."""
    event: Event = {
        "time": _timestamp(record.created),
        "level": record.levelname.lower(),
        "logger": record.name,
    }
    told = {"event": record.getMessage(), "correlation_id": correlation.current(), **correlation.fields()}
    for name, value in record.__dict__.items():
        if name not in _IGNORED and name not in told and name not in event:
            told[name] = value
    if trace := _traceback(record):
        told["exception"] = trace
    event |= told if _is_harmless(told) else _safe("", told)
    return event


def _is_harmless(told: Event) -> bool:
    """One look at all texts together says of most records that nothing in them needs a closer one."""
    for name, value in told.items():
        if not (type(value) in _TEXTS or _is_small(value)) or not masking.is_clean_name(name):
            return False
    together = "\n".join([value for value in told.values() if type(value) is str])
    return len(together) <= MAX_TEXT and masking.is_clean(together)


def _timestamp(created: float) -> str:
    moment = datetime.datetime.fromtimestamp(created, datetime.UTC)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _traceback(record: logging.LogRecord) -> str:
    parts = [record.exc_text or "", record.stack_info or ""]
    if record.exc_info and not record.exc_text:
        parts[0] = _plain.formatException(record.exc_info)
    return "\n".join(filter(None, parts))


_plain = logging.Formatter()


def _safe(name: str, value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, bool) or _is_small(value):
        return value
    if masking.is_secret(name):
        return masking.HIDDEN
    if isinstance(value, dict) and depth < MAX_DEPTH:
        return {_clean(str(key)): _safe(str(key), item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < MAX_DEPTH:
        return [_safe(name, item, depth + 1) for item in value]
    return _clean(str(value))


def _is_small(value: object) -> bool:
    return isinstance(value, int | float) and not abs(value) > MAX_NUMBER


def _clean(text: str) -> str:
    text = masking.mask_text(text)
    if len(text) > MAX_TEXT:
        text = f"{text[: MAX_TEXT // 2]} … {text[-MAX_TEXT // 2 :]}"
    return text


class Formatter(logging.Formatter):
    """Turns fields into a line."""

    def format(self, record: logging.LogRecord) -> str:
        try:
            return self.render(fields_of(record))
        except Exception as error:
            return self.render(_unformattable(record, error))

    def render(self, event: Event) -> str:
        """One record as text; it may only fail for what `_safe` did not make."""
        raise NotImplementedError


def _unformattable(record: logging.LogRecord, error: Exception) -> Event:
    """Says where the record came from and nothing that it holds."""
    return {
        "time": _timestamp(record.created),
        "level": "error",
        "logger": str(record.name),
        "event": f"a log record could not be formatted: {type(error).__name__}",
        "correlation_id": correlation.current(),
        "place": f"{record.filename}:{record.lineno}",
    }


class JsonFormatter(Formatter):
    """One JSON object per line, in ASCII: control characters and line breaks cannot leave their string."""

    def render(self, event: Event) -> str:
        return _encode(event)


class LineFormatter(Formatter):
    """`time LEVEL logger [correlation id] event name=value …`; a traceback follows, its lines marked with "|".

    What could be taken for further fields stands in quotes, as in JSON: `name="a b=c"`, and an event with "=" in it.
    """

    def render(self, event: Event) -> str:
        shown = dict(event)
        time, level, logger, text, correlation_id = (
            shown.pop(name) for name in ("time", "level", "logger", "event", "correlation_id")
        )
        trace = shown.pop("exception", "")
        rest = "".join(f" {_word(name)}={_word(value)}" for name, value in shown.items())
        text = _quoted(text) if "=" in text or text.startswith('"') else text
        line = _visible(f"{time} {level.upper()} {logger} [{correlation_id or '-'}] {text}{rest}")
        return "\n".join([line, *(f"  | {_visible(each)}" for each in trace.split("\n") if trace)])


def _word(value: object) -> str:
    """As it is, if nobody can take it for more than one value."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _visible(text: str) -> str:
    """Control characters, line breaks and what turns the reading direction around are written out."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


class Handler(logging.StreamHandler[Any]):
    """One write per line. A stream that fails loses lines, never requests."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.stream.write(self.format(record) + self.terminator)
            self.flush()
        except Exception as error:
            counters.LOG_LINES_LOST.count(type(error).__name__)


class EventHandler(Handler):
    """For the log publisher, to whom a line that was not written is an event that was not delivered: it hears of it."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream.write(self.format(record) + self.terminator)
        self.flush()
