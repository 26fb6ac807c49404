"""Checks of the database server, on the one the tests run on and on what other servers say of themselves."""

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection, connections

from config.checks import judge

pytestmark = pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite has no server")
SAFE = {
    "transaction_isolation": "READ-COMMITTED",
    "log_bin": "ON",
    "binlog_format": "MIXED",
    "innodb_flush_log_at_trx_commit": "1",
    "character_set_database": "utf8mb4",
}


@pytest.mark.django_db
def test_the_server_of_the_tests_passes() -> None:
    """Sessions are READ COMMITTED because our settings make them so."""
    call_command("check", databases=["default"])


@pytest.mark.django_db
def test_a_session_that_reads_repeatably_is_an_error() -> None:
    """Promises about locks were proven under READ COMMITTED."""
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        try:
            with pytest.raises(SystemCheckError, match=r"quittance\.E002\) Transactions are REPEATABLE-READ"):
                call_command("check", databases=["default"])
        finally:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")


@pytest.mark.django_db
def test_a_server_that_is_too_old_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """SKIP LOCKED and native UUIDs are younger than some servers that Django still takes."""
    monkeypatch.setitem(vars(connections["default"]), "mysql_version", (10, 6, 21))
    with pytest.raises(SystemCheckError, match=r"quittance\.E001\) This is MariaDB 10\.6\.21"):
        call_command("check", databases=["default"])


@pytest.mark.parametrize(
    ("changed", "ids"),
    [
        ({}, []),
        ({"log_bin": "OFF", "binlog_format": "STATEMENT"}, []),
        ({"binlog_format": "STATEMENT"}, ["quittance.E003"]),
        ({"character_set_database": "latin1"}, ["quittance.E004"]),
        ({"innodb_flush_log_at_trx_commit": "2"}, ["quittance.W002"]),
        ({"transaction_isolation": "SERIALIZABLE", "binlog_format": "STATEMENT"}, ["quittance.E002", "quittance.E003"]),
    ],
)
def test_a_server_is_judged_by_its_variables(changed: dict[str, str], ids: list[str]) -> None:
    """What refuses every write, and what loses commits with the machine."""
    assert [message.id for message in judge(SAFE | changed)] == ids
