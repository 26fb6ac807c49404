import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection

from config.embedded.environment import free_port
from config.tests.servers import database_url
from tests.crashes.service import Service

MakeService = Callable[..., Service]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On the worker that plays the embedded runs: each of these has a service of seven processes."""
    for item in items:
        if "tests/crashes" in item.nodeid:
            item.add_marker(pytest.mark.xdist_group("embedded"))
            if sys.platform != "linux" or connection.vendor != "mysql":
                item.add_marker(pytest.mark.skip(reason="MariaDB, Redis and processes that end with their parent"))


@pytest.fixture(autouse=True)
def _may_move_the_clock(settings: Any) -> None:
    settings.TEST_CLOCK = True


@pytest.fixture
def make_service(transactional_db: None, tmp_path: Path) -> Iterator[MakeService]:
    """A service on the database and the broker of this test, which starts and leaves without messages."""

    def make(**options: Any) -> Service:
        defaults: dict[str, Any] = {
            "database_url": database_url(),
            "redis_url": settings.CELERY_BROKER_URL,
            "port": free_port(),
            "provider_port": free_port(),
        }
        return Service(tmp_path, **defaults | options)

    _forget_messages()
    yield make
    _forget_messages()


def _forget_messages() -> None:
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as broker:
        broker.flushdb()
