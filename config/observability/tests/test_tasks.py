"""Celery tasks: the id they carry, their line, their measurement."""

import logging
from typing import Any

import pytest
from celery import shared_task

from config.kernel import correlation, ids
from config.observability import tasks
from config.observability.tests.numbers import Change


@shared_task(name="outbox.observed_in_tests")
def observed(found: int, fails: bool = False) -> int:
    """Says under which id it runs."""
    logging.getLogger(__name__).warning("running as %s", correlation.current())
    if fails:
        raise RuntimeError("no")
    return found


def run(caplog: pytest.LogCaptureFixture, headers: dict[str, Any], *args: Any) -> tuple[str, list[Any]]:
    """The id it ran under, and its line."""
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    observed.apply(args=args, headers=headers)
    (said,) = [record.getMessage() for record in caplog.records if record.name == __name__]
    return said.removeprefix("running as "), [
        record for record in caplog.records if record.name == "config.observability.tasks"
    ]


def test_a_task_runs_under_the_id_of_its_message(caplog: pytest.LogCaptureFixture) -> None:
    """And leaves none behind."""
    with_id, _ = run(caplog, {tasks.HEADER: "req_1"}, 1)
    assert (with_id, correlation.current(), correlation.fields()) == ("req_1", "", {})


@pytest.mark.parametrize("sent", [{}, {tasks.HEADER: "two words\n"}, {tasks.HEADER: 7}])
def test_a_task_without_a_usable_id_gets_one(caplog: pytest.LogCaptureFixture, sent: dict[str, Any]) -> None:
    """Its lines belong together."""
    made, _ = run(caplog, sent, 1)
    assert ids.decode("req", made).version == 7


@pytest.mark.parametrize(
    ("args", "level", "state"), [((3,), "INFO", "SUCCESS"), ((0,), "DEBUG", "SUCCESS"), ((1, True), "ERROR", "FAILURE")]
)
def test_a_task_has_one_line(caplog: pytest.LogCaptureFixture, args: Any, level: str, state: str) -> None:
    """A sweep that found nothing is not worth reading."""
    change = Change("quittance_task_seconds_count")
    _, (line,) = run(caplog, {}, *args)
    assert (line.levelname, line.state) == (level, state)
    assert change.seen() == {(state, "outbox.observed_in_tests"): 1}
