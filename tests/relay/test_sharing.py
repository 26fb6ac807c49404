from pathlib import Path

import pytest

from outbox.tests.publishers.redis_server import RedisServer
from tests.relay.backlog import recorded_backlog
from tests.relay.ends import assert_log_is_delivered, is_nothing_left
from tests.relay.fleet import fleet

RELAYS, SUBSCRIBERS = 4, 3
AGGREGATES, EACH = 400, 50

pytestmark = [pytest.mark.long, pytest.mark.timeout(600), pytest.mark.django_db(transaction=True)]


def test_four_relays_share_the_work(stream: RedisServer, tmp_path: Path) -> None:
    """Each delivers a tenth of everything at least, and nothing is delivered twice."""
    with fleet(tmp_path / "relays", RELAYS, publishers={"redis": stream.entry()}) as running:
        recorded_backlog(aggregates=AGGREGATES, each=EACH)
        running.watch_until(is_nothing_left, seconds=300, what="an end")
    delivered = sorted(relay.counts["delivered"] for relay in running.relays)
    everything = AGGREGATES * EACH * SUBSCRIBERS
    print(f"\n{everything:,} deliveries, of each relay: {[f'{each / everything:.0%}' for each in delivered]}")
    assert_log_is_delivered()
    assert sum(delivered) == everything
    assert delivered[0] >= everything / 10
