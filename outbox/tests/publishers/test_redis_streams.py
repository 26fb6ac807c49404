"""Redis Streams: what a consumer group finds, trimming, and what Redis says when it cannot."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from outbox.subscribers.base import EventTooLarge, TransportError
from outbox.tests.publishers.conformance import ids, invented, made
from outbox.tests.publishers.cutting import cutting
from outbox.tests.publishers.redis_server import STREAM, RedisServer
from tests import servers

pytestmark = [
    pytest.mark.parametrize("broker", ["redis"], indirect=True),
    pytest.mark.xdist_group("broker-redis"),
]

LAST_IDS = "18446744073709551615-18446744073709551613"
"""After this entry a stream has room for two."""

Trouble = tuple[Callable[[Any], object], Callable[[Any], object]]
TROUBLES: dict[str, Trouble] = {
    "out of memory": (
        lambda client: client.config_set("maxmemory", "1mb"),
        lambda client: client.config_set("maxmemory", 0),
    ),
    "a replica": (lambda client: client.replicaof("127.0.0.1", servers.free_port()), lambda client: client.slaveof()),
    "too few replicas": (
        lambda client: client.config_set("min-replicas-to-write", 1),
        lambda client: client.config_set("min-replicas-to-write", 0),
    ),
    "another type": (lambda client: client.set(STREAM, "text"), lambda client: client.delete(STREAM)),
    "not permitted": (
        lambda client: client.acl_setuser("default", enabled=True, commands=["-xadd"]),
        lambda client: client.acl_setuser("default", enabled=True, commands=["+xadd"]),
    ),
}


def test_a_consumer_group_filters_without_parsing(broker: RedisServer) -> None:
    """Type, aggregate, sequence and id stand beside the CloudEvent, as they stand in it."""
    broker.client.xgroup_create(STREAM, "shop", mkstream=True)
    made(broker.entry()).publish(invented(2, aggregates=1))
    ((_, entries),) = broker.client.xreadgroup("shop", "one", {STREAM: ">"})
    fields = entries[1][1]
    event = ids([fields.pop(b"event").decode()])
    assert event == ["evt_1"]
    assert fields == {
        b"type": b"invoice.paid",
        b"partitionkey": b"inv_0",
        b"sequence": b"00000000000000000002",
        b"id": b"evt_1",
    }


def test_a_stream_is_kept_whole_unless_it_has_a_length(broker: RedisServer) -> None:
    """About that many of the newest entries stay: whole blocks of a hundred go."""
    entry = broker.entry()
    made(entry).publish(invented(500))
    assert broker.client.xlen(STREAM) == 500
    made(entry | {"options": entry["options"] | {"max_length": 100}}).publish(invented(500))
    assert 100 <= broker.client.xlen(STREAM) <= 200
    assert ids(broker.received())[-1] == "evt_499"


@pytest.mark.parametrize("trouble", TROUBLES)
def test_whatever_keeps_redis_from_taking_events_is_no_fault_of_theirs(broker: RedisServer, trouble: str) -> None:
    """A transport failure, nothing arrives; once it is over, the same publisher delivers."""
    begin, end = TROUBLES[trouble]
    publisher = made(broker.entry())
    begin(broker.client)
    try:
        with pytest.raises(TransportError, match="Redis: "):
            publisher.publish(invented(3))
    finally:
        end(broker.client)
    publisher.publish(invented(3))
    assert ids(broker.received()) == ["evt_0", "evt_1", "evt_2"]
    assert broker.client.xlen(STREAM) == 3


def test_a_wrong_password_is_a_transport_failure(broker: RedisServer) -> None:
    """Somebody rotated it: nothing is held for that."""
    url = f"redis://:wrong@127.0.0.1:{broker.port}/0"
    with pytest.raises(TransportError, match="AUTH"):
        made(broker.entry() | {"options": {"url": url}}).publish(invented(1))


def test_what_fails_in_the_middle_leaves_only_the_beginning(broker: RedisServer) -> None:
    """The stream takes two more entries: the first two arrive, and never a later one."""
    broker.client.xadd(STREAM, {"event": '{"id": "before"}'}, id=LAST_IDS)
    with pytest.raises(TransportError, match="exhausted"):
        made(broker.entry()).publish(invented(5, aggregates=1))
    assert ids(broker.received()) == ["before", "evt_0", "evt_1"]


def test_a_batch_whose_answer_is_lost_is_left_to_the_relay(broker: RedisServer) -> None:
    """The client sends nothing again by itself: after half a lease somebody else may be publishing."""
    with cutting(broker.port) as line:
        publisher = made(broker.entry(line.port))
        publisher.publish(invented(1))
        line.cut_next_answer()
        with pytest.raises(TransportError):
            publisher.publish(invented(3))
    assert broker.client.xlen(STREAM) == 4


def connections(broker: RedisServer) -> set[str]:
    return {client["id"] for client in broker.client.client_list()}


def test_nothing_is_sent_behind_a_call_that_is_not_answered(broker: RedisServer, settings: Settings) -> None:
    """A batch goes out a hundred events at a time, each hundred after the one before was confirmed."""
    settings.OUTBOX_LEASE_SECONDS = 2
    others = connections(broker)
    publisher = made(broker.entry())
    publisher.publish(invented(1))
    broker.server.freeze()
    try:
        with pytest.raises(TransportError, match="Timeout"):
            publisher.publish(invented(250))
    finally:
        broker.server.thaw()
    servers.wait_for(lambda: connections(broker) <= others, alive=lambda: True)
    assert broker.client.xlen(STREAM) == 101


def test_large_batches_go_out_in_several_calls_in_order(broker: RedisServer) -> None:
    """A script that appends many megabytes would keep everybody else waiting."""
    broker.client.config_resetstat()
    made(broker.entry()).publish(invented(10, aggregates=1, size=900_000))
    assert ids(broker.received()) == [f"evt_{number}" for number in range(10)]
    assert broker.client.info("commandstats")["cmdstat_eval"]["calls"] == 3


def test_an_event_of_exactly_what_redis_takes_arrives(broker: RedisServer) -> None:
    """One byte more is too large, and is not even sent."""
    (event,) = invented(1, size=0)
    publisher = made(broker.entry())
    publisher.publish([event])
    (text,) = broker.received()
    overhead = len(text)
    (fits,) = invented(1, size=broker.too_large_bytes - 1 - overhead)
    publisher.publish([fits])
    (too_large,) = invented(1, size=broker.too_large_bytes - overhead)
    with pytest.raises(EventTooLarge, match="1048577 bytes, and Redis takes 1048576"):
        publisher.publish([too_large])
    assert len(broker.received()) == 2


def test_a_server_that_hides_its_configuration_is_believed_to_have_the_usual(broker: RedisServer) -> None:
    """Servers for rent do; what they do not take is then a line that is cut."""
    broker.client.acl_setuser("default", enabled=True, commands=["-config"])
    try:
        with pytest.raises(TransportError):
            made(broker.entry()).publish(invented(1, size=broker.too_large_bytes))
    finally:
        broker.client.acl_setuser("default", enabled=True, commands=["+config"])
