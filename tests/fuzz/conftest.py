"""A real server on the test database."""

from collections.abc import Iterator

import pytest

from config.tests.servers import database_url, granian
from tests.api import ApiConsumer


@pytest.fixture(scope="session")
def port(django_db_setup: None) -> Iterator[int]:
    """The application behind granian; it sees what tests commit."""
    with granian("config.wsgi:application", DATABASE_URL=database_url()) as port:
        yield port


@pytest.fixture
def committed_api(transactional_db: None) -> ApiConsumer:
    """A key of all scopes, which the server knows too."""
    return ApiConsumer()
