"""Records on their way to a real stream, in both formats."""

import io
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from config.kernel import correlation
from config.observability import logs
from config.observability.tests.numbers import counted

KEY = "qt_test_" + "a2b3" * 13
CARD = "4242424242424242"
FORMATS = {"json": logs.JsonFormatter, "line": logs.LineFormatter}


@pytest.fixture(params=["json", "line"])
def stream(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What the logger `observed` has written."""
    yield from _attached(FORMATS[request.param]())


@pytest.fixture
def json_stream() -> Iterator[io.StringIO]:
    """The same, in JSON only."""
    yield from _attached(logs.JsonFormatter())


def _attached(formatter: logging.Formatter) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logs.Handler(stream)
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


logger = logging.Logger("observed")
"""Outside the tree of loggers: pytest's own handlers raise for a record that cannot be formatted."""


def written(stream: io.StringIO) -> dict[str, Any]:
    """The one JSON line."""
    (line,) = stream.getvalue().splitlines()
    document: dict[str, Any] = json.loads(line)
    return document


def test_a_line_has_its_time_its_place_its_id_and_its_fields(json_stream: io.StringIO) -> None:
    """What the block bound, what was noted since, and what the record itself brings."""
    with correlation.bind("req_1", task="payments.submit"):
        correlation.note(payment_id="pay_1")
        logger.warning("%s of %d", "one", 2, extra={"status": 201, "duration_ms": 1.5})
    line = written(json_stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "observed",
        "event": "one of 2",
        "correlation_id": "req_1",
        "task": "payments.submit",
        "payment_id": "pay_1",
        "status": 201,
        "duration_ms": 1.5,
    }


def test_people_read_the_same_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, in words."""
    record = logging.LogRecord("observed", logging.INFO, "x.py", 1, "hello %s", ("you",), None)
    with correlation.bind("req_1", payment_id="pay_1"):
        line = logs.LineFormatter().format(record)
    assert line.partition(" ")[2] == "INFO observed [req_1] hello you payment_id=pay_1"


class Poisoned:
    def __str__(self) -> str:
        raise RuntimeError(KEY)


def deep(levels: int) -> list[Any]:
    nested: list[Any] = [CARD]
    for _ in range(levels):
        nested = [nested]
    return nested


SECRETS: list[Callable[[], object]] = [
    lambda: logger.info("key %s", KEY),
    lambda: logger.info(f"key {KEY} card {CARD}"),
    lambda: logger.info("x", extra={"payload": {"card": CARD, "nested": [KEY, {"password": "hunter2hunter2"}]}}),
    lambda: logger.info("x", extra={"authorization": "hunter2hunter2"}),
    lambda: logger.info("x", extra={"number": int(CARD)}),
    lambda: logger.info("x", extra={CARD: 1, "items": (CARD, {KEY})}),
    lambda: logger.info("x", extra={"bytes": CARD.encode(), "error": ValueError(KEY)}),
    lambda: logger.info("%(card)s", {"card": CARD}),
    lambda: logger.info("x", stack_info=True, extra={"cookie": {"sessionid": "hunter2hunter2"}}),
    lambda: logger.info("x", extra={"deep": deep(5000)}),
    lambda: logger.info("x", extra={"float": float(CARD)}),
    lambda: logger.info("%d", KEY),
    lambda: logger.info("%s", Poisoned()),
    lambda: logger.info("x", extra={"poisoned": Poisoned()}),
    lambda: logger.info("x %s %s", KEY),
]


@pytest.mark.parametrize("log", SECRETS)
def test_no_secret_reaches_the_stream(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str], log: Callable[[], object]
) -> None:
    """In messages, arguments, extras, keys, objects, and records that cannot even be formatted."""
    log()
    text = stream.getvalue() + "".join(capsys.readouterr())
    assert len(stream.getvalue().splitlines()) >= 1
    for secret in (KEY, "a2b3a2b3", CARD, "hunter2"):
        assert secret not in text


def test_a_traceback_is_there_without_its_secrets(stream: io.StringIO) -> None:
    """The error's message and the chain of its causes are masked; where it happened is not."""
    try:
        try:
            raise KeyError(f"mysql://shop:hunter2hunter2@db/x {CARD}")
        except KeyError as cause:
            raise ValueError(f"Authorization: Bearer {KEY}") from cause
    except ValueError:
        logger.exception("failed")
    text = stream.getvalue()
    assert "test_logs.py" in text
    assert "ValueError" in text
    assert "KeyError" in text
    for secret in (CARD, "a2b3a2b3", "hunter2"):
        assert secret not in text


INJECTED = 'x\n2026-01-01 ERROR forged [req_2] paid\r\x1b[31m\x00\u2028\u202e\x85{"level":"error"}'


def test_user_input_cannot_forge_a_line_or_move_the_cursor(stream: io.StringIO) -> None:
    """In the message, in a field's value and in its name."""
    logger.info("path %s", INJECTED, extra={"path": INJECTED, INJECTED: 1})
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert not any(character in text for character in "\r\x1b\x00\u2028\u202e\x85")


@pytest.mark.parametrize("stream", ["line"], indirect=True)
def test_a_quoted_value_reads_back_as_what_it_was(stream: io.StringIO) -> None:
    """Also one with characters that JSON would let stand and a terminal would not."""
    logger.info("said", extra={"path": "a b\x7fc\x85\u202e"})
    quoted = stream.getvalue().strip().partition("path=")[2]
    assert json.loads(quoted) == "a b\x7fc\x85\u202e"


def test_a_traceback_cannot_forge_a_line_either(stream: io.StringIO) -> None:
    """Its lines are marked, or stay inside their JSON string."""
    try:
        raise ValueError(INJECTED)
    except ValueError:
        logger.exception("failed")
    for line in stream.getvalue().splitlines():
        assert line.startswith(("  | ", "{")) or " ERROR observed [-] failed" in line
    assert "\x1b" not in stream.getvalue()


def test_a_text_without_end_is_cut_in_the_middle(json_stream: io.StringIO) -> None:
    """Its beginning and its end stay."""
    logger.info("begin %s end", "x" * 1_000_000)
    line = json_stream.getvalue()
    assert len(line) < 2 * logs.MAX_TEXT
    assert written(json_stream)["event"].endswith(" end")


def test_a_record_that_cannot_be_formatted_says_so(json_stream: io.StringIO) -> None:
    """With the place that logged it, and nothing of what it held."""
    logger.info("%d", "seven")
    line = written(json_stream)
    assert line["event"] == "a log record could not be formatted: TypeError"
    assert line["place"].startswith("test_logs.py:")


class Broken(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_stream_that_fails_loses_lines_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever logs does not notice, nothing is printed, and the loss is counted."""
    handler = logs.Handler(Broken())
    handler.setFormatter(logs.JsonFormatter())
    logger.addHandler(handler)
    before = _lost()
    try:
        logger.error(KEY)
    finally:
        logger.removeHandler(handler)
    assert _lost() == before + 1
    assert "".join(capsys.readouterr()) == ""


def _lost() -> float:
    return sum(counted("quittance_log_lines_lost_total").values())


def test_json_is_ascii_whatever_is_logged(json_stream: io.StringIO) -> None:
    """Also half a surrogate pair, which no encoding takes."""
    logger.info("é\ud800")
    assert json_stream.getvalue().isascii()
    assert written(json_stream)["event"] == "é\ud800"


def test_words_survive_any_encoding() -> None:
    """A lone surrogate is written out, so the line reaches a UTF-8 stream."""
    record = logging.LogRecord("observed", logging.INFO, "x.py", 1, "é\ud800", None, sys.exc_info())
    assert "é\\ud800".encode() in logs.LineFormatter().format(record).encode("utf-8")


@pytest.mark.parametrize(
    "value", ["x paid=true", "x\npaid=true", "x=1", 'x" paid="true', "", "x\u00a0paid=true", "\\", 'x\\" paid=1']
)
def test_a_value_cannot_pass_for_further_fields(value: str) -> None:
    """In quotes it stays one value, and reads back as what it was; so do a name and an event that look like fields."""
    record = logging.LogRecord("observed", logging.INFO, "x.py", 1, "hello", (), None)
    record.__dict__ |= {"path": value, "a b=c": 1}
    fields = re.findall(
        r' ("(?:[^"\\]|\\.)*"|[^\s="]+)=("(?:[^"\\]|\\.)*"|[^\s="]+)', logs.LineFormatter().format(record)
    )
    assert [(_read(name), _read(shown)) for name, shown in fields] == [("path", value), ("a b=c", "1")]


def _read(word: str) -> str:
    return str(json.loads(word)) if word.startswith('"') else word


def test_an_event_cannot_pass_for_fields() -> None:
    """What libraries say of users' input is quoted when it looks like one."""
    record = logging.LogRecord("observed", logging.INFO, "x.py", 1, "hello %s", ("you payment_id=pay_2",), None)
    line = logs.LineFormatter().format(record)
    assert line.endswith('observed [-] "hello you payment_id=pay_2"')
