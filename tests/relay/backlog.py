"""Events that were recorded while no relay ran."""

import functools

from outbox.tests.support import aggregate, record
from tests.concurrency.threads import all_at_once

THREADS = 4


def recorded_backlog(*, aggregates: int, each: int) -> list[str]:
    """The ids of new aggregates with as many events `each`, recorded by several clients at once."""
    sources = [aggregate() for _ in range(aggregates)]

    def record_part(number: int) -> None:
        for source in sources[number::THREADS]:
            record(source, each)

    all_at_once([functools.partial(record_part, number) for number in range(THREADS)])
    return [source.pk for source in sources]
