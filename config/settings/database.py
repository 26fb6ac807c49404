"""The database, from DATABASE_URL. Isolation and lock waits are part of how Quittance keeps its promises: ADR 3."""

from typing import Any

import dj_database_url

from config.settings.env import env

LOCK_WAIT_TIMEOUT_SECONDS = 3


def _options(engine: str) -> dict[str, Any]:
    if engine == "config.mariadb":
        return {
            "charset": "utf8mb4",
            "isolation_level": "read committed",
            "init_command": f"SET sql_mode='STRICT_TRANS_TABLES', innodb_lock_wait_timeout={LOCK_WAIT_TIMEOUT_SECONDS}",
        }
    return {
        "transaction_mode": "IMMEDIATE",
        "timeout": 10,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }


_default: dict[str, Any] = dict(dj_database_url.parse(env.database_url, conn_max_age=60, conn_health_checks=True))
_default["ENGINE"] = {"django.db.backends.mysql": "config.mariadb"}.get(_default["ENGINE"], _default["ENGINE"])
_default["OPTIONS"] = _default.get("OPTIONS", {}) | _options(_default["ENGINE"])
_default["TEST"] = {"CHARSET": "utf8mb4"}  # Whatever the server's default is: latin1 holds few names.

DATABASES = {"default": _default}
