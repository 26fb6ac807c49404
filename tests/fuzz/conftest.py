"""A real server on the test database."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from config.tests.servers import database_url, granian
from payments.providers.simulated.simulator.server import SimulatorServer
from tests.api import ApiConsumer


@pytest.fixture(scope="session")
def port(django_db_setup: None) -> Iterator[int]:
    """The application behind granian, which sees what tests commit; its provider knows tokens."""
    with (
        SimulatorServer(account="acct_simulated", webhook_secret="secret") as simulator,
        granian("config.wsgi:application", DATABASE_URL=database_url(), SIMULATOR_URL=simulator.url) as port,
    ):
        yield port


@pytest.fixture(autouse=True)
def _tries_are_forgotten() -> Iterator[None]:
    """Whoever registers or signs in after these tests has not tried too often."""
    yield
    cache.clear()


@pytest.fixture
def committed_api(transactional_db: None) -> ApiConsumer:
    """A key of all scopes, which the server knows too."""
    return ApiConsumer()
