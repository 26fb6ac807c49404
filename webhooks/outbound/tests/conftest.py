"""Fan-out is the only consumer, and there is a receiver."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from config.settings.events import EVENT_CONSUMERS
from webhooks.outbound.tests.receivers import Receiver


@pytest.fixture(autouse=True)
def only_fan_out(settings: Settings) -> None:
    settings.EVENT_CONSUMERS = {"webhooks": EVENT_CONSUMERS["webhooks"]}
    settings.EVENT_PUBLISHERS = {}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver.listening() as receiver:
        yield receiver
