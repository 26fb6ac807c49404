"""The Redis Streams publisher: one stream, one entry per event, for consumer groups.

An entry's fields are `event`, the CloudEvent as JSON, and what a group filters by without parsing it: `type`,
`partitionkey`, `sequence` and `id`, as they stand in the CloudEvent.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from outbox.subscribers import cloudevents
from outbox.subscribers.base import EventTooLarge, PublishedEvent, TransportError, budget_seconds

# A script and not a pipeline: a pipeline goes on after an entry that failed, and would append an event whose earlier
# one is missing. This stops there, and so does whoever sends it: the next call leaves when this one is answered.
_APPEND = b"""
for i = 2, #ARGV, 5 do
    redis.call('XADD', KEYS[1], '*', 'type', ARGV[i], 'partitionkey', ARGV[i + 1], 'sequence', ARGV[i + 2],
        'id', ARGV[i + 3], 'event', ARGV[i + 4])
end
if ARGV[1] ~= '' then
    redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[1])
end
"""
_ENTRY = b"$%d\r\n%b\r\n" * 5
"""The arguments of one entry in Redis's protocol. The client library takes three times as long to write them."""

_CALL_EVENTS = 100
"""While Redis appends so many, the next are rendered."""
_MAX_CALL_BYTES = 4 * 1024**2
"""A script blocks the server, which also closes on whoever sends it a gigabyte."""
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
        options = [stream.encode(), b"" if max_length is None else b"%d" % max_length]
        self._head = b"".join(b"$%d\r\n%b\r\n" % (len(each), each) for each in (b"EVAL", _APPEND, b"1", *options))
        self._timeout_seconds = budget_seconds() / _ROUND_TRIPS
        self._client: Any = redis.Redis.from_url(
            url,
            socket_connect_timeout=self._timeout_seconds,
            socket_timeout=self._timeout_seconds,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )

    def publish(self, events: Sequence[PublishedEvent]) -> None:
        """Whatever Redis answers, no event is to blame, but for one that is larger than it takes (EventTooLarge)."""
        deadline = time.monotonic() + budget_seconds() - self._timeout_seconds
        try:
            self._append(events, deadline)
        except redis.RedisError as error:
            raise TransportError(f"Redis: {error}") from error

    def _append(self, events: Sequence[PublishedEvent], deadline: float) -> None:
        """One call at a time is under way, and none begins after `deadline`."""
        pool = self._client.connection_pool
        connection = pool.get_connection()
        try:
            is_answered = True
            for call in self._calls(events):
                if not is_answered:
                    connection.read_response()
                if time.monotonic() > deadline:
                    raise redis.TimeoutError("it takes too long to append a batch")
                connection.send_packed_command([call])
                is_answered = False
            if not is_answered:
                connection.read_response()
        except BaseException:
            connection.disconnect()  # the answer may still come
            raise
        finally:
            pool.release(connection)

    def _calls(self, events: Sequence[PublishedEvent]) -> Iterator[bytes]:
        """The script with some of the entries each, as it goes over the wire."""
        entries: list[bytes] = []
        size_bytes = 0
        for event in events:
            entry = self._entry(event)
            size_bytes += len(entry)
            if entries and (size_bytes > _MAX_CALL_BYTES or len(entries) == _CALL_EVENTS):
                yield self._call(entries)
                entries, size_bytes = [], len(entry)
            entries.append(entry)
        yield self._call(entries)

    def _call(self, entries: list[bytes]) -> bytes:
        return b"*%d\r\n%b%b" % (5 + 5 * len(entries), self._head, b"".join(entries))

    def _entry(self, event: PublishedEvent) -> bytes:
        type, key, id = event.type.encode(), event.aggregate_id.encode(), event.id.encode()
        sequence, rendered = b"%020d" % event.sequence, cloudevents.render(event).encode()
        if len(rendered) > _LEAST_BULK_LIMIT_BYTES:
            self._check_size(event.id, len(rendered))
        return _ENTRY % (
            *(len(type), type, len(key), key, len(sequence), sequence),
            *(len(id), id, len(rendered), rendered),
        )

    def _check_size(self, event_id: str, size_bytes: int) -> None:
        """Asked before: a server that is sent more hangs up, which would look like a transport failure for ever."""
        if size_bytes > (limit_bytes := self._bulk_limit_bytes()):
            raise EventTooLarge(f"{event_id} has {size_bytes} bytes, and Redis takes {limit_bytes}")

    def _bulk_limit_bytes(self) -> int:
        try:
            return int(self._client.config_get("proto-max-bulk-len")["proto-max-bulk-len"])
        except (redis.ResponseError, KeyError):  # servers for rent do not show their configuration
            return _DEFAULT_BULK_LIMIT_BYTES
