"""A subscriber that some events are too much for, so that there are held ones."""

import pytest
from pytest_django.fixtures import Settings


@pytest.fixture(autouse=True)
def subscribers(settings: Settings) -> None:
    settings.EVENT_CONSUMERS = {}
    settings.EVENT_PUBLISHERS = {"refuser": {"class": "tests.admin.world.Refuser", "events": ["*"]}}
