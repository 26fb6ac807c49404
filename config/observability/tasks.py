"""Celery carries the correlation id of whoever sent a task, and each task has its line and its measurement."""

import contextlib
import logging
import time
from typing import Any

from celery import Task, signals

from config.kernel import correlation
from config.observability import counters

HEADER = "request_id"
"""Of the Celery message. Celery's own `correlation_id` is the task's id."""

logger = logging.getLogger(__name__)


def connect() -> None:
    """Hear of every task that this process runs; what it sends, `config.celery.nudge` gives the id."""
    signals.task_prerun.connect(_begin)
    signals.task_postrun.connect(_end)


def _begin(task_id: str, task: Task[Any, Any], **_: Any) -> None:
    sent = task.request.get(HEADER) or (task.request.headers or {}).get(HEADER)
    correlation_id = correlation.accept_or_new(sent if isinstance(sent, str) else None)
    block = contextlib.ExitStack()
    block.enter_context(correlation.bind(correlation_id, task=task.name, task_id=task_id))
    task.request.update(observed=(block, time.perf_counter()))


def _end(task: Task[Any, Any], state: str | None = None, retval: Any = None, **_: Any) -> None:
    block, started = task.request.get("observed")
    seconds = time.perf_counter() - started
    with block:
        counters.TASK_SECONDS.observe(seconds, task.name, str(state))
        counters.TASK_LATEST.touch(task.name)
        logger.log(_level(state, retval), "task", extra={"state": state, "duration_ms": round(seconds * 1000, 1)})


def _level(state: str | None, retval: Any) -> int:
    """A sweep that found nothing, three of them a second, is worth no line."""
    if state != "SUCCESS":
        return logging.ERROR
    return logging.INFO if retval else logging.DEBUG
