"""Emptying the test database although its books are append-only. On SQLite nothing that is shipped can do this."""

from typing import Any

from django.core.management.commands import flush
from django.db import connection

APPEND_ONLY = ("invoices_creditentry", "invoices_entry", "invoices_journal")
OF_THE_SCHEMA = frozenset({"django_content_type", "auth_permission"})
"""Their rows come with the tables: making them again takes four times as long as all the rest of a flush."""


def empty_the_books_too() -> None:
    """From now on a flush, as after each transactional test, gets around the triggers as only a table's owner can.

    MariaDB's TRUNCATE fires none; SQLite's are dropped and made again within the flush. What belongs
    to the schema stays.
    """
    operations: Any = type(connection.ops)
    ordinary = operations.sql_flush
    around = {"mysql": _truncating, "sqlite": _without_triggers}[connection.vendor]
    if getattr(ordinary, "empties_the_books", False):
        return

    def sql_flush(self: Any, style: Any, tables: list[str], **options: Any) -> list[str]:
        emptied = [table for table in tables if table not in OF_THE_SCHEMA]
        return around(ordinary(self, style, emptied, **options))

    sql_flush.empties_the_books = True  # type: ignore[attr-defined]
    operations.sql_flush = sql_flush
    flush.emit_post_migrate_signal = lambda *_: None  # type: ignore[attr-defined]


def _truncating(statements: list[str]) -> list[str]:
    """After the deletions, because it commits; not where nothing is in the books."""
    deletions = {f"DELETE FROM `{table}`;": table for table in APPEND_ONLY}
    kept = [statement for statement in statements if statement not in deletions]
    wanted = [deletions[statement] for statement in statements if statement in deletions]
    truncations = [f"TRUNCATE {table};" for table in wanted if _holds_rows(table)]
    return [*kept[:-1], *truncations, *kept[-1:]]


def _holds_rows(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {table})")
        return bool(cursor.fetchone()[0])


def _without_triggers(statements: list[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = dict(cursor.fetchall())
    return [*(f"DROP TRIGGER {name}" for name in triggers), *statements, *triggers.values()]
