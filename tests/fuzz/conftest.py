"""A real server on the test database."""

from collections.abc import Iterator

import pytest
from django.db import connection

from config.tests.servers import granian
from tests.api import ApiConsumer


@pytest.fixture(scope="session")
def port(django_db_setup: None) -> Iterator[int]:
    """The application behind granian; it sees what tests commit."""
    database = connection.settings_dict
    address = f"{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
    with granian("config.wsgi:application", DATABASE_URL=f"mysql://{address}/{database['NAME']}") as port:
        yield port


@pytest.fixture
def committed_api(transactional_db: None) -> ApiConsumer:
    """A key of all scopes, which the server knows too."""
    return ApiConsumer()
