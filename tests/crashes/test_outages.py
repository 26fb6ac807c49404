import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from config.embedded.environment import free_port
from tests.crashes.load import Load
from tests.crashes.outages import stoppable_mariadb, stoppable_redis
from tests.crashes.scenario import play
from tests.crashes.service import Service
from tests.stoppable import StoppableServer

SEED = 1
OUTAGE_SECONDS = 30
WARM_UP = 20
"""How much clients have made before anything stops."""
MAY_END = {"worker"}
"""A Celery worker that loses Redis while a message is unacknowledged ends with an AttributeError of kombu 5.7's
(`Connection.release` → `restore_unacked` asks the closed connection for its address), and whoever supervises it starts
it again."""

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[tuple[StoppableServer, str]]:
    with stoppable_redis(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def database(tmp_path: Path, django_db_blocker: Any) -> Iterator[tuple[StoppableServer, str]]:
    with django_db_blocker.unblock(), stoppable_mariadb(tmp_path / "mariadb") as server:
        yield server


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("absent", ["broker", "database"])
def test_a_server_that_is_away_for_30_seconds_costs_time_and_nothing_else(
    broker: tuple[StoppableServer, str],
    database: tuple[StoppableServer, str],
    tmp_path: Path,
    absent: str,
    number: signal.Signals,
) -> None:
    """Without MariaDB requests are told to come back; without Redis they are answered. Afterwards all is settled."""
    service = Service(
        tmp_path,
        database_url=database[1],
        redis_url=broker[1],
        port=free_port(),
        provider_port=free_port(),
        may_end=MAY_END if absent == "broker" else (),
        seed=SEED,
    )
    server = {"broker": broker, "database": database}[absent][0]

    def go_wrong(at_work: Load) -> None:
        assert service.tend_until(lambda: len(at_work.made) >= WARM_UP or at_work.wrong, seconds=60), service.told
        connection.close()
        server.stop(number)
        before = at_work.answered, at_work.unavailable
        service.tend_until(lambda: at_work.wrong, seconds=OUTAGE_SECONDS)
        answered, unavailable = at_work.answered - before[0], at_work.unavailable - before[1]
        server.start()
        if absent == "broker":
            assert (answered > WARM_UP, unavailable) == (True, 0), f"{at_work}; {service.told}"
        else:
            assert unavailable > WARM_UP, f"{at_work}; {service.told}"
        service.tend_until(lambda: at_work.wrong, seconds=5)

    play(service, seed=SEED, clients=4, go_wrong=go_wrong)
