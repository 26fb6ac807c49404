"""Having what is due sent now, not at the next beat."""

from config.celery import nudge
from config.kernel import db

TASK = "webhooks.outbound.deliver"


def nudge_after_commit() -> None:
    """Requires a transaction."""
    db.after_commit(lambda: nudge(TASK))
