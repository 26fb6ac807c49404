"""Between two measurements: nothing of the one before may go on in the next. Needs Django set up."""

import contextlib
import time
from collections.abc import Iterator

from config.celery import app
from outbox import services as outbox
from payments.models import Payment
from payments.states import PaymentStatus

TIMEOUT_SECONDS = 60
POLL_SECONDS = 0.2


@contextlib.contextmanager
def forgetting_payments() -> Iterator[None]:
    """What was requested in the block and not submitted by its end never is; then everything else comes to rest."""
    yield
    app.control.purge()
    Payment.objects.filter(status=PaymentStatus.CREATED).update(available_at=None)
    rest()


def rest() -> None:
    """Wait until every event has been relayed, and stays so. Raises TimeoutError."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    still = 0
    while still < 2:
        still = 0 if any(each.lag for each in outbox.status()) else still + 1
        if time.monotonic() > deadline:
            raise TimeoutError(f"the relay is still busy after {TIMEOUT_SECONDS} s")
        time.sleep(POLL_SECONDS)
