"""What the database server must be, asked by `migrate` and `check --database default`. Why: ADR 3."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

OLDEST_MARIADB = (10, 7)
"""Has SKIP LOCKED (10.6) and native UUIDs."""


def check_databases(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Errors for what would break a promise, warnings for what could lose a committed payment with the machine."""
    asked = [connections[alias] for alias in databases or ()]
    return [message for each in asked if each.vendor == "mysql" for message in [*_version(each), *_variables(each)]]


def _version(connection: Any) -> list[CheckMessage]:
    found = ".".join(map(str, connection.mysql_version))
    if not connection.mysql_is_mariadb:
        return [Warning(f"This is MySQL {found}. Quittance is tested on MariaDB 10.11 only.", id="quittance.W001")]
    if connection.mysql_version < OLDEST_MARIADB:
        wanted = ".".join(map(str, OLDEST_MARIADB))
        return [Error(f"This is MariaDB {found}. Quittance needs {wanted} or newer.", id="quittance.E001")]
    return []


def _variables(connection: BaseDatabaseWrapper) -> list[CheckMessage]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION VARIABLES")
        return judge(dict(cursor.fetchall()))


def judge(variables: dict[str, str]) -> list[CheckMessage]:
    """What is wrong with the server's `variables` as one of our sessions sees them."""
    messages: list[CheckMessage] = []
    isolation = variables.get("transaction_isolation", variables.get("tx_isolation"))
    if isolation != "READ-COMMITTED":
        hint = "Remove isolation_level from DATABASE_URL."
        messages.append(Error(f"Transactions are {isolation}, not READ-COMMITTED.", hint=hint, id="quittance.E002"))
    if variables["log_bin"] == "ON" and variables["binlog_format"] == "STATEMENT":
        hint = "Set binlog_format to MIXED or ROW: READ COMMITTED cannot be written to a log of statements."
        messages.append(Error("The server refuses every write.", hint=hint, id="quittance.E003"))
    if (charset := variables["character_set_database"]) != "utf8mb4":
        hint = "ALTER DATABASE … CHARACTER SET utf8mb4 before the first migrate; tables that exist need CONVERT TO."
        messages.append(Error(f"Tables are made in {charset}: most names do not fit.", hint=hint, id="quittance.E004"))
    if variables["innodb_flush_log_at_trx_commit"] != "1":
        hint = "Set innodb_flush_log_at_trx_commit to 1."
        messages.append(Warning("A crash of the server loses commits.", hint=hint, id="quittance.W002"))
    return messages
