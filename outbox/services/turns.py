"""One relay at a time: a second one would only cost the processor, and hold a worker's slot that payments wait for.

Tasks leave while another task or a `relay_outbox` has the turn. It is a courtesy, correctness rests on the leases: a
turn lost by mistake costs a second, because whoever holds it goes on while there is work, and the beat asks again.
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
"""How long a `relay_outbox` that hangs or was killed keeps tasks from stepping in."""


@contextlib.contextmanager
def turn() -> Iterator[bool]:
    """Whether it is this task's turn; also when the cache cannot say so. It ends with the block, or after its time.

    A killed worker keeps it for one run and a second, which is less than it keeps its leases.
    """
    ticket = uuid.uuid4().hex
    is_ours = _take(ticket)
    try:
        yield is_ours
    finally:
        if is_ours:
            _give_back(ticket)


def take_for_process() -> None:
    """Called by `relay_outbox` after each pass that got through, whoever has the turn: tasks leave while it does."""
    try:
        cache.set(TURN_KEY, "process", timeout=PROCESS_TURN_SECONDS)
    except Exception as error:
        logger.debug("relaying beside the tasks: %s", error)


def _take(ticket: str) -> bool:
    timeout = settings.OUTBOX_TASK_SECONDS + 1
    try:
        return bool(cache.add(TURN_KEY, ticket, timeout=timeout))
    except Exception as error:
        logger.warning("relaying without a turn: %s", error)
        return True


def _give_back(ticket: str) -> None:
    """Unless a process has taken it meanwhile: to end its turn too would let the next task in beside it."""
    try:
        if cache.get(TURN_KEY) == ticket:
            cache.delete(TURN_KEY)
    except Exception as error:
        logger.warning("the relay's turn stays taken until its time is up: %s", error)
