"""The subscribers of `settings.EVENT_CONSUMERS` and `settings.EVENT_PUBLISHERS`."""

import dataclasses
import functools
import json
from collections.abc import Callable, Collection, Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from outbox.events import matches
from outbox.models import SEQUENCER, OutboxEvent
from outbox.subscribers.base import Publisher

Handler = Callable[..., object]


@dataclasses.dataclass(frozen=True)
class Subscriber:
    """Somebody who hears events whose type one of `patterns` matches."""

    name: str
    patterns: tuple[str, ...]
    from_beginning: bool
    """Whether a subscriber that is new to the database starts with the oldest event or with the next one."""

    def hears(self, event_type: str) -> bool:
        return matches(event_type, self.patterns)

    def at_present(self) -> "Subscriber":
        """Itself, as it hears of the next batch."""
        return self


@dataclasses.dataclass(frozen=True)
class Consumer(Subscriber):
    """Takes effect in our database, in the transaction that moves its cursor.

    One of batches `takes_batches`, and is asked before each what is `wanted`. One with a `chooser` hears only of those
    events that it chooses.
    """

    handler: Handler
    takes_batches: bool = False
    wanted: Callable[[], Collection[str]] | None = None
    chooser: Callable[..., list[OutboxEvent]] | None = None

    def at_present(self) -> Subscriber:
        return self if self.wanted is None else dataclasses.replace(self, patterns=tuple(sorted(self.wanted())))

    def choose(self, events: list[OutboxEvent]) -> list[OutboxEvent]:
        """Of those whose type it hears, the ones that it wants."""
        return self.chooser(events=events) if self.chooser and events else events

    def handle(self, events: Sequence[OutboxEvent]) -> None:
        """A batch, or one event."""
        if self.takes_batches:
            self.handler(events=events)
        else:
            [event] = events
            self.handler(event=event)


@dataclasses.dataclass(frozen=True)
class PublishingSubscriber(Subscriber):
    """Sends events out of the house, in batches, outside any transaction."""

    publisher: Publisher


def configured() -> dict[str, Subscriber]:
    """Every subscriber by name, consumers first. Raises ImproperlyConfigured for a name that is taken."""
    found: dict[str, Subscriber] = {}
    for name, entry in settings.EVENT_CONSUMERS.items():
        found[name] = _batch_consumer(name, entry) if "batch_handler" in entry else _consumer(name, entry)
    for name, entry in settings.EVENT_PUBLISHERS.items():
        if name in found:
            raise ImproperlyConfigured(f"{name} is both a consumer and a publisher")
        options = json.dumps(entry.get("options", {}), sort_keys=True)
        found[name] = PublishingSubscriber(**_common(name, entry), publisher=_publisher(name, entry["class"], options))
    if SEQUENCER in found:
        raise ImproperlyConfigured(f"{SEQUENCER} is the relay's own name")
    return found


def _consumer(name: str, entry: dict[str, Any]) -> Consumer:
    chooser = import_string(entry["chooser"]) if "chooser" in entry else None
    return Consumer(**_common(name, entry), handler=import_string(entry["handler"]), chooser=chooser)


def _batch_consumer(name: str, entry: dict[str, Any]) -> Consumer:
    handler = import_string(entry["batch_handler"])
    if not isinstance(entry["events"], str):
        return Consumer(**_common(name, entry), handler=handler, takes_batches=True)
    common = _common(name, entry | {"events": ()})
    return Consumer(**common, handler=handler, takes_batches=True, wanted=import_string(entry["events"]))


def _common(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    start = entry.get("start", "beginning")
    if start not in ("beginning", "end"):
        raise ImproperlyConfigured(f"{name} starts at {start!r}; say 'beginning' or 'end'")
    return {"name": name, "patterns": tuple(entry["events"]), "from_beginning": start == "beginning"}


@functools.cache
def _publisher(name: str, dotted_path: str, options: str) -> Publisher:
    publisher: Publisher = import_string(dotted_path)(**json.loads(options))
    return publisher
