"""One relay task at a time: a second one would only hold a worker's slot that payments and webhooks wait for.

Only tasks take turns; `relay_outbox` does not, and correctness rests on the leases alone. A turn that was not taken is
lost for a second at most: the run that holds it goes on while there is work, and the beat asks again.
"""

import contextlib
import logging
from collections.abc import Iterator

from django.conf import settings
from django.core.cache import cache

logger = logging.getLogger(__name__)

TURN_KEY = "outbox:relaying"


@contextlib.contextmanager
def turn() -> Iterator[bool]:
    """Whether it is this task's turn; also when the cache cannot say so. It ends with the block, or after its time.

    A killed worker keeps it as long as it keeps its leases.
    """
    is_ours = _take()
    try:
        yield is_ours
    finally:
        if is_ours:
            _give_back()


def _take() -> bool:
    timeout = settings.OUTBOX_TASK_SECONDS + settings.OUTBOX_LEASE_SECONDS
    try:
        return bool(cache.add(TURN_KEY, 1, timeout=timeout))
    except Exception as error:
        logger.warning("relaying without a turn: %s", error)
        return True


def _give_back() -> None:
    try:
        cache.delete(TURN_KEY)
    except Exception as error:
        logger.warning("the relay's turn stays taken until its time is up: %s", error)
