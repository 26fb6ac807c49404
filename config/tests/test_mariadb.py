"""What the database backend leaves out of Django's traffic, counted by the server."""

import contextlib
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection, transaction

from billing.models import ApiKey
from config.kernel.tests.test_db_mariadb import in_thread, kill, own_id
from config.mariadb import base

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'mysql'", reason="MariaDB's backend"),
]


class Sent:
    statements = 0


@contextlib.contextmanager
def sent() -> Iterator[Sent]:
    """How many statements the block sent, as the server counts them."""
    counted = Sent()
    before = _questions()
    yield counted
    counted.statements = _questions() - before - 1


def _questions() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Questions'")
        return int(cursor.fetchone()[1])


def test_a_transaction_costs_two_statements() -> None:
    """BEGIN and COMMIT; autocommit stays what it is."""
    with sent() as counted, transaction.atomic():
        ApiKey.objects.count()
    assert counted.statements == 3


def test_a_savepoint_costs_one_statement() -> None:
    """It is not released: the end of the transaction does that."""
    with sent() as counted, transaction.atomic(), transaction.atomic():
        ApiKey.objects.count()
    assert counted.statements == 4


def test_a_transaction_is_one() -> None:
    """Others see nothing before the commit, and nothing at all of a rollback, savepoints included."""
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        make_key("rolled back")
        raise ZeroDivisionError
    with transaction.atomic():
        with transaction.atomic():
            make_key("kept")
        with contextlib.suppress(ZeroDivisionError), transaction.atomic():
            make_key("undone")
            raise ZeroDivisionError
        assert in_thread(ApiKey.objects.count) == 0
    assert [key.name for key in ApiKey.objects.all()] == ["kept"]


def test_a_busy_connection_is_not_asked_whether_it_lives() -> None:
    """One that died all the same, within a second of its last use, costs a request a 503: docs/decisions/0010."""
    kill(own_id())
    connection.close_if_unusable_or_obsolete()
    with pytest.raises(OperationalError):
        ApiKey.objects.count()
    connection.close_if_unusable_or_obsolete()
    assert ApiKey.objects.count() == 0


def test_an_idle_connection_that_died_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next request asks first, and opens a new one."""
    kill(own_id())
    connection.close_if_unusable_or_obsolete()
    monkeypatch.setattr(connection, "_used_at", connection._used_at - base.TRUSTED_SECONDS)  # type: ignore[attr-defined]
    assert ApiKey.objects.count() == 0


def make_key(name: str) -> None:
    now = "2026-11-20T12:00:00Z"
    ApiKey.objects.create(name=name, mode="test", secret_hash=name, scopes=[], created_at=now, created_by="test")
