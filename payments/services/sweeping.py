"""What every sweep does with what is due: one after the other, each by itself, and not for too long."""

import logging
import time
from collections.abc import Callable, Iterable

logger = logging.getLogger(__name__)


def take_up_each(
    ids: Iterable[str], *, take_up: Callable[[str], object], put_off: Callable[[str], None], budget_seconds: float
) -> int:
    """Take up what is due and return how many it came to; what cannot be taken up is put off, the others go on.

    Stops after `budget_seconds` of real time so that a hanging provider does not pile sweeps up.
    """
    deadline = time.monotonic() + budget_seconds
    taken = 0
    for row_id in ids:
        if time.monotonic() > deadline:
            break
        try:
            take_up(row_id)
        except Exception:
            logger.exception("%s could not be taken up and is put off", row_id)
            put_off(row_id)
        taken += 1
    return taken
