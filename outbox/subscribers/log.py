"""The log publisher: every event as one line of CloudEvents JSON on the logger `outbox.events`, at INFO."""

import logging
from collections.abc import Sequence

from outbox.subscribers import cloudevents
from outbox.subscribers.base import PublishedEvent, TransportError

logger = logging.getLogger("outbox.events")


class LogPublisher:
    """Where the lines go is a matter of LOGGING: stdout as they are, a file, or nowhere."""

    def publish(self, events: Sequence[PublishedEvent]) -> None:
        if not logger.isEnabledFor(logging.INFO):
            return
        try:
            for event in events:
                logger.info(cloudevents.render(event))
        except OSError as error:
            raise TransportError(f"the log cannot be written: {error}") from error
