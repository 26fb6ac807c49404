"""A subscriber that some events are too much for, so that there are held ones."""

import pytest
from pytest_django.fixtures import Settings

from payments.tests.conftest import movable_clock

__all__ = ["movable_clock", "subscribers"]


@pytest.fixture(autouse=True)
def subscribers(settings: Settings) -> None:
    settings.EVENT_CONSUMERS = {}
    settings.EVENT_PUBLISHERS = {"refuser": {"class": "tests.admin.world.Refuser", "events": ["*"]}}
