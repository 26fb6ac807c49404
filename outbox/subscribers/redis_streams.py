"""The Redis Streams publisher: one stream, one entry per event, for consumer groups.

An entry's fields are `event`, the CloudEvent as JSON, and what a group filters by without parsing it: `type`,
`partitionkey`, `sequence` and `id`, as they stand in the CloudEvent.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from outbox.subscribers import cloudevents
from outbox.subscribers.base import EventTooLarge, PublishedEvent, TransportError, budget_seconds

# A script and not a pipeline: a pipeline goes on after an entry that failed, and would append an event whose earlier
# one is missing. This stops there. One reply for all entries, and one argument for each, cost a third of the processor.
_APPEND = r"""
for i = 2, #ARGV do
    local type, key, sequence, id, event = string.match(ARGV[i], '^(.-)\n(.-)\n(.-)\n(.-)\n(.*)$')
    redis.call('XADD', KEYS[1], '*', 'type', type, 'partitionkey', key, 'sequence', sequence, 'id', id, 'event', event)
end
if ARGV[1] ~= '' then
    redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[1])
end
"""

_MAX_CALL_CHARACTERS = 4 * 1024**2
"""More goes out in several calls: a script blocks the server, which also closes on whoever sends it a gigabyte."""
_LEAST_BULK_LIMIT_BYTES = 1024**2
"""No server can be told to take less in one argument."""
_DEFAULT_BULK_LIMIT_BYTES = 512 * 1024**2

_ROUND_TRIPS = 3
"""Of the first call: connecting, signing in, appending. Each may take its part of the time there is."""


class RedisStreamPublisher:
    """Appends to `stream`, which keeps everything unless `max_length` says about how many entries to keep.

    What is trimmed is gone for a consumer group that has not read it yet.
    """

    def __init__(self, url: str, stream: str = "quittance:events", max_length: int | None = None) -> None:
        self._stream = stream
        self._max_length = "" if max_length is None else str(max_length)
        timeout_seconds = budget_seconds() / _ROUND_TRIPS
        self._client: Any = redis.Redis.from_url(
            url,
            socket_connect_timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )

    def publish(self, events: Sequence[PublishedEvent]) -> None:
        """Whatever Redis answers, no event is to blame, but for one that is larger than it takes (EventTooLarge)."""
        try:
            for entries in self._calls(events):
                self._client.execute_command("EVAL", _APPEND, 1, self._stream, self._max_length, *entries)
        except redis.RedisError as error:
            raise TransportError(f"Redis: {error}") from error

    def _calls(self, events: Sequence[PublishedEvent]) -> Iterator[list[str]]:
        """Arguments of the script, a call's worth at a time."""
        entries: list[str] = []
        characters = 0
        for event in events:
            rendered = cloudevents.render(event)
            entry = f"{event.type}\n{event.aggregate_id}\n{event.sequence:020}\n{event.id}\n{rendered}"
            characters += len(entry)
            if characters > _MAX_CALL_CHARACTERS and entries:
                yield entries
                entries, characters = [], len(entry)
            if len(entry) * 4 > _LEAST_BULK_LIMIT_BYTES:
                self._check_size(event.id, len(entry.encode()))
            entries.append(entry)
        yield entries

    def _check_size(self, event_id: str, size_bytes: int) -> None:
        """Asked before: a server that is sent more hangs up, which would look like a transport failure for ever."""
        if size_bytes > _LEAST_BULK_LIMIT_BYTES and size_bytes > (limit_bytes := self._bulk_limit_bytes()):
            raise EventTooLarge(f"{event_id} has {size_bytes} bytes, and Redis takes {limit_bytes}")

    def _bulk_limit_bytes(self) -> int:
        try:
            return int(self._client.config_get("proto-max-bulk-len")["proto-max-bulk-len"])
        except (redis.ResponseError, KeyError):  # servers for rent do not show their configuration
            return _DEFAULT_BULK_LIMIT_BYTES
