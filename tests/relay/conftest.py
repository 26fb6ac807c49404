import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from outbox.tests.publishers.redis_server import RedisServer

pytest.register_assert_rewrite("tests.relay.ends")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones on the worker that plays the crashes: each of them keeps both cores busy."""
    for item in items:
        if "tests/relay" in item.nodeid:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.xdist_group("embedded"))
            if sys.platform != "linux" or connection.vendor != "mysql":
                item.add_marker(pytest.mark.skip(reason="MariaDB, and processes that end with their parent"))


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis that events are published to, with nothing in it."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with RedisServer(folder).running() as server:
        yield server
