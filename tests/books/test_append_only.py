"""What has been booked is never changed or deleted: the database refuses, whoever asks."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection, connections
from django.db.utils import ConnectionHandler

from invoices.models import CreditEntry, Entry, Journal
from invoices.tests.factories import make_credit, make_invoice

pytestmark = pytest.mark.django_db(transaction=True)

guard: Any = importlib.import_module("invoices.migrations.0003_append_only_books")
of_credit: Any = importlib.import_module("invoices.migrations.0005_append_only_credit")
TABLES = (*guard.TABLES, *of_credit.TABLES)

CHANGES = [
    "UPDATE invoices_entry SET amount = amount + 1",
    "DELETE FROM invoices_entry",
    "UPDATE invoices_journal SET kind = 'capture'",
    "DELETE FROM invoices_journal",
    "UPDATE invoices_creditentry SET kind = 'returned'",
    "DELETE FROM invoices_creditentry",
]


@pytest.mark.parametrize("sql", CHANGES)
def test_what_has_been_booked_stays(sql: str) -> None:
    """Raw SQL is refused with what to do instead, and nothing has changed."""
    make_invoice()
    make_credit(500)
    before = _books()
    with pytest.raises(DatabaseError, match="append-only: post another journal"), connection.cursor() as cursor:
        cursor.execute(sql)
    assert _books() == before


def _books() -> list[tuple[Any, ...]]:
    return [
        *Entry.objects.order_by("id").values_list("id", "account", "amount"),
        *Journal.objects.order_by("id").values_list("id", "kind"),
        *CreditEntry.objects.order_by("id").values_list("id", "kind"),
    ]


@pytest.fixture
def sqlite() -> Iterator[Any]:
    """The three tables in a SQLite database of their own, guarded by the migration."""
    handler = ConnectionHandler({"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
    database = handler["default"]
    with database.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"CREATE TABLE {table} (id integer PRIMARY KEY, amount integer, kind text)")
            cursor.execute(f"INSERT INTO {table} (amount, kind) VALUES (1, 'refund')")
    with database.schema_editor() as editor:
        guard.create(None, editor, TABLES)
    yield database
    database.close()


@pytest.mark.parametrize("sql", CHANGES)
def test_sqlite_refuses_the_same(sql: str, sqlite: Any) -> None:
    """The embedded run's books are append-only too, until the migration is taken back."""
    with sqlite.cursor() as cursor:
        with pytest.raises(DatabaseError, match="append-only: post another journal"):
            cursor.execute(sql)
        with sqlite.schema_editor() as editor:
            guard.drop(None, editor, TABLES)
        cursor.execute(sql)


@pytest.fixture
def without_triggers() -> Iterator[Any]:
    """A database of its own, for somebody who may do anything there but make triggers."""
    name = f"guarded_{connection.settings_dict['NAME']}"
    who = [f"{name}@localhost", f"{name}@'%'"]
    _run(
        f"CREATE OR REPLACE DATABASE {name}",
        f"CREATE TABLE {name}.invoices_entry (id integer)",
        *(f"CREATE OR REPLACE USER {each} IDENTIFIED BY 'secret'" for each in who),
        *(f"GRANT SELECT, UPDATE, DELETE, CREATE, ALTER, DROP ON {name}.* TO {each}" for each in who),
    )
    login = {"NAME": name, "USER": name, "PASSWORD": "secret"}
    other = ConnectionHandler({"default": connections.settings["default"] | login})["default"]
    yield other
    other.close()
    _run(f"DROP DATABASE {name}", *(f"DROP USER {each}" for each in who))


def _run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.mark.skipif("connection.vendor != 'mysql'", reason="SQLite knows no privileges")
def test_migrate_says_what_to_grant(without_triggers: Any) -> None:
    """Without the privilege it stops, and names the statement that helps."""
    editor = without_triggers.schema_editor()
    with pytest.raises(guard.TriggersRefused, match=r"GRANT TRIGGER ON guarded_\w+\.\* TO"):
        guard.execute(editor, "CREATE TRIGGER t BEFORE DELETE ON invoices_entry FOR EACH ROW SET @a = 1")


class _Logging:
    """As a server answers that writes a binary log and trusts nobody's functions, which no test can switch on."""

    connection = connection

    def execute(self, sql: str) -> None:
        raise OperationalError(1419, "You do not have the SUPER privilege and binary logging is enabled")


def test_migrate_says_what_to_set() -> None:
    """On a server with a binary log, where triggers need an administrator's word."""
    with pytest.raises(guard.TriggersRefused, match="SET GLOBAL log_bin_trust_function_creators = 1"):
        guard.execute(_Logging(), "CREATE TRIGGER t BEFORE DELETE ON invoices_entry FOR EACH ROW SET @a = 1")
