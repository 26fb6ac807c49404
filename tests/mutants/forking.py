"""A function run in a copy of this process."""

import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from tests.servers import die_with_parent


class TimedOut(Exception):
    """The copy, and what it had started, was killed."""


def in_a_copy(function: Callable[[], Any], *, timeout_seconds: float) -> Any:
    """What `function` answers (as JSON knows it), or None when it ended otherwise. Raises TimedOut."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run(function, writing)
    os.close(writing)
    try:
        return _answer(reading, time.monotonic() + timeout_seconds)
    finally:
        os.close(reading)
        _end(child)


def _run(function: Callable[[], Any], writing: int) -> None:
    """Never returns: nothing that the process it was copied from would do at its end is done here."""
    os.setpgrp()
    die_with_parent()
    try:
        answer = json.dumps(function()).encode()
        while answer:
            answer = answer[os.write(writing, answer) :]
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(0)


def _answer(reading: int, deadline: float) -> Any:
    answer = b""
    while True:
        ready, _, _ = select.select([reading], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise TimedOut()
        part = os.read(reading, 1 << 16)
        if not part:
            return json.loads(answer) if answer else None
        answer += part


def _end(child: int) -> None:
    """With what it started: it leads a group of its own."""
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
