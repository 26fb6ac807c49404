"""Subscribers that were taken out of the settings for good."""

import logging

from config.api.principals import Principal
from config.kernel import db
from config.kernel.errors import Conflict
from outbox.models import SEQUENCER, Cursor, HeldEvent
from outbox.services.rewinding import SubscriberNotFound
from outbox.subscribers import registry

logger = logging.getLogger(__name__)


class StillConfigured(Conflict):
    """{name} is in the settings, and its relay would begin anew: remove it there first."""

    code = "subscriber_still_configured"


@db.transaction(idempotent=False)
def forget(*, subscriber: str, actor: Principal, reason: str) -> int:
    """Delete its cursors, which nothing moves any more, so that the archive waits for them no longer; how many.

    What is held for it is let go. Raises StillConfigured, SubscriberNotFound.
    """
    if subscriber == SEQUENCER:
        raise SubscriberNotFound(name=subscriber)
    if subscriber in registry.configured():
        raise StillConfigured(name=subscriber)
    HeldEvent.objects.held().filter(subscriber=subscriber).delete()
    cursors, _ = Cursor.objects.filter(subscriber=subscriber).delete()
    if not cursors:
        raise SubscriberNotFound(name=subscriber)
    logger.info("%s was forgotten by %s: %s", subscriber, actor.actor, reason, extra={"subscriber": subscriber})
    return cursors
