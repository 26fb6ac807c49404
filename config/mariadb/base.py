"""The backend settings name as ENGINE. What it leaves out and why that is safe: docs/decisions/0010-web-path.md."""

import time
from typing import Any

from django.db.backends.mysql import base
from django.db.backends.utils import debug_transaction

TRUSTED_SECONDS = 1.0
"""A connection used so lately is not asked whether it is still there."""


class DatabaseWrapper(base.DatabaseWrapper):
    """A transaction costs BEGIN and COMMIT, a savepoint one statement, a busy connection no ping per request."""

    _used_at = 0.0

    def _start_transaction_under_autocommit(self) -> None:
        """Called in place of SET autocommit=0, which would have to be undone after the commit."""
        with debug_transaction(self, "BEGIN"), self.wrap_database_errors:
            self.connection.query("BEGIN")

    def _savepoint_commit(self, sid: str) -> None:
        """The server forgets savepoints when the transaction ends."""

    def create_cursor(self, name: str | None = None) -> Any:
        self._used_at = time.monotonic()
        return super().create_cursor(name)

    def close_if_health_check_failed(self) -> None:
        if time.monotonic() - self._used_at < TRUSTED_SECONDS:
            self.health_check_done = True
        super().close_if_health_check_failed()
