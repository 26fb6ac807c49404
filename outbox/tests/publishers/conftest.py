"""A broker per publisher, started when the first test needs it; all tests of one broker run in one process."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from outbox.tests.publishers import kafka_server, log_file, rabbitmq_server, redis_server
from outbox.tests.publishers.conformance import Broker, Subject

SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject("log", log_file.opened, is_limited=False, freezes=False, restarts=False, is_proxied=False),
        Subject("redis", redis_server.opened),
        Subject("rabbitmq", rabbitmq_server.opened, restarts_quickly=False),
        Subject("kafka", kafka_server.opened, restarts=False, is_proxied=False),
    )
}

Open = Callable[[str], Broker]


@pytest.fixture(scope="session")
def open_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    with contextlib.ExitStack() as stack:
        running: dict[str, Broker] = {}

        def opened(name: str) -> Broker:
            if name not in running:
                running[name] = stack.enter_context(SUBJECTS[name].opened(tmp_path_factory.mktemp(name)))
            return running[name]

        yield opened


@pytest.fixture
def broker(request: pytest.FixtureRequest, open_broker: Open) -> Iterator[Broker]:
    """The broker that the test names, with nothing in it."""
    found = open_broker(request.param)
    found.empty()
    yield found
    found.rest()
