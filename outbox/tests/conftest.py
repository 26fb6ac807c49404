"""Two subscribers for every test: a consumer whose effects are rows, and a publisher that remembers."""

import pytest
from pytest_django.fixtures import Settings

from outbox.tests.support import CONSUMERS, PUBLISHERS, Refusals, Wire


@pytest.fixture(autouse=True)
def subscribers(settings: Settings) -> None:
    settings.EVENT_CONSUMERS = CONSUMERS
    settings.EVENT_PUBLISHERS = PUBLISHERS
    Wire.reset()
    Refusals.poison, Refusals.error = set(), ValueError("cannot take this")
