"""A broker per publisher, started when the first test needs it; all tests of one broker run in one process."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from outbox.tests.publishers.conformance import Broker, Subject
from outbox.tests.publishers.kafka_server import KafkaServer
from outbox.tests.publishers.log_file import LogFile
from outbox.tests.publishers.rabbitmq_server import RabbitMQServer
from outbox.tests.publishers.redis_server import RedisServer

SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject("log", LogFile, is_limited=False, freezes=False, restarts=False, is_proxied=False),
        Subject("redis", RedisServer),
        Subject("rabbitmq", RabbitMQServer, restarts_quickly=False),
        Subject("kafka", KafkaServer, restarts=False, is_proxied=False),
    )
}

Open = Callable[[str], Broker]


@pytest.fixture(scope="session")
def open_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    with contextlib.ExitStack() as stack:
        running: dict[str, Broker] = {}

        def opened(name: str) -> Broker:
            if name not in running:
                running[name] = stack.enter_context(SUBJECTS[name].broker(tmp_path_factory.mktemp(name)).running())
            return running[name]

        yield opened


@pytest.fixture
def broker(request: pytest.FixtureRequest, open_broker: Open) -> Iterator[Broker]:
    """The broker that the test names, with nothing in it."""
    found = open_broker(request.param)
    found.empty()
    yield found
    found.rest()
