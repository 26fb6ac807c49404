"""One relay at a time: a second one would only cost the processor, and hold a worker's slot that payments wait for.

The same holds of those who send webhooks, with a turn of their own. Tasks leave while another task or a process such
as `relay_outbox` has the turn. It is a courtesy, correctness rests on the leases: a turn lost by mistake costs a
second, because whoever holds it goes on while there is work, and the beat asks again.
"""

import contextlib
import logging
import uuid
from collections.abc import Iterator

from django.conf import settings
from django.core.cache import cache

logger = logging.getLogger(__name__)

TURN_KEY = "outbox:relaying"
PROCESS_TURN_SECONDS = 3
"""How long a process that hangs or was killed keeps tasks from stepping in."""


@contextlib.contextmanager
def turn(key: str = TURN_KEY, *, seconds: float | None = None) -> Iterator[bool]:
    """Whether it is this task's turn; also when the cache cannot say so. It ends with the block, or after its time.

    `seconds` is what a run takes (default: OUTBOX_TASK_SECONDS).

    A killed worker keeps it for one run and a second, which is less than it keeps its leases.
    """
    ticket = uuid.uuid4().hex
    is_ours = _take(key, ticket, settings.OUTBOX_TASK_SECONDS if seconds is None else seconds)
    try:
        yield is_ours
    finally:
        if is_ours:
            _give_back(key, ticket)


def take_for_process(key: str = TURN_KEY) -> None:
    """Called by a process after each pass that got through, whoever has the turn: tasks leave while it does."""
    try:
        cache.set(key, "process", timeout=PROCESS_TURN_SECONDS)
    except Exception as error:
        logger.debug("working beside the tasks: %s", error)


def _take(key: str, ticket: str, seconds: float) -> bool:
    try:
        return bool(cache.add(key, ticket, timeout=seconds + 1))
    except Exception as error:
        logger.warning("working without a turn: %s", error)
        return True


def _give_back(key: str, ticket: str) -> None:
    """Unless a process has taken it meanwhile: to end its turn too would let the next task in beside it."""
    try:
        if cache.get(key) == ticket:
            cache.delete(key)
    except Exception as error:
        logger.warning("the turn stays taken until its time is up: %s", error)
