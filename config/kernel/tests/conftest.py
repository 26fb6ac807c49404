from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from config.kernel import db
from config.kernel.tests.models import Box, Shelf


@pytest.fixture(scope="session")
def kernel_tables(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The tables of these tests' own models."""
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        editor.create_model(Shelf)
        editor.create_model(Box)
    yield
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        editor.delete_model(Box)
        editor.delete_model(Shelf)


@pytest.fixture
def tables(kernel_tables: None, transactional_db: None) -> Iterator[None]:
    """Empty tables and real transactions."""
    yield
    Box.objects.all().delete()
    Shelf.objects.all().delete()


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come at once: how long they wait has its own test."""
    monkeypatch.setattr(db, "BASE_BACKOFF_SECONDS", 0)
