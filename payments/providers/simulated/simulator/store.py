"""The simulator's own memory: rows, idempotency keys, and the chance that a restart does not turn back."""

import contextlib
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from payments.providers.simulated.simulator.messages import Refused

WINDOW_SECONDS = 86_400
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Mixed case on purpose, as providers' ids are: a store that folds case loses events."""
_ID_LENGTH = 24

_SCHEMA = """
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS keys (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, resource TEXT NOT NULL, created_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS charges (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, reference TEXT NOT NULL, token TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL, failure_code TEXT NOT NULL,
    amount_refunded INTEGER NOT NULL, description TEXT NOT NULL, created_at REAL NOT NULL, settles_at REAL
);
CREATE INDEX IF NOT EXISTS charges_by_reference ON charges (reference);
CREATE INDEX IF NOT EXISTS charges_by_settles_at ON charges (settles_at) WHERE settles_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS refunds (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, charge TEXT NOT NULL, reference TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL, failure_code TEXT NOT NULL,
    created_at REAL NOT NULL, settles_at REAL
);
CREATE INDEX IF NOT EXISTS refunds_by_reference ON refunds (reference);
CREATE INDEX IF NOT EXISTS refunds_by_settles_at ON refunds (settles_at) WHERE settles_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS disputes (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, charge TEXT NOT NULL, amount INTEGER NOT NULL,
    currency TEXT NOT NULL, status TEXT NOT NULL, created_at REAL NOT NULL, reason TEXT NOT NULL DEFAULT '',
    evidence_due_at REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS disputes_by_charge ON disputes (charge);
CREATE TABLE IF NOT EXISTS transactions (
    n INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, reference TEXT NOT NULL, our_reference TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL, created_at REAL NOT NULL,
    charge TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS webhooks (
    n INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, type TEXT NOT NULL, charge TEXT NOT NULL,
    body BLOB NOT NULL, state TEXT NOT NULL, due_at REAL NOT NULL, rank INTEGER NOT NULL, tries INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS webhooks_in_order ON webhooks (state, due_at, rank);
CREATE INDEX IF NOT EXISTS webhooks_by_event_id ON webhooks (event_id);
CREATE TABLE IF NOT EXISTS deliveries (
    n INTEGER PRIMARY KEY AUTOINCREMENT, webhook INTEGER NOT NULL, at REAL NOT NULL, status_code INTEGER,
    error TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS deliveries_by_webhook ON deliveries (webhook);
"""

_ADDED_COLUMNS = {
    "disputes": {"reason": "TEXT NOT NULL DEFAULT ''", "evidence_due_at": "REAL NOT NULL DEFAULT 0"},
    "transactions": {"charge": "TEXT NOT NULL DEFAULT ''"},
}
"""What state files made by older simulators lack."""


class StateInUse(Exception):
    """Another simulator has this state file open."""


class Store:
    """Rows in, rows out. Safe to share between threads: a transaction holds the one lock."""

    def __init__(self, path: str | Path) -> None:
        """Raises StateInUse."""
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        try:
            self._prepare()
        except sqlite3.OperationalError as error:
            self._connection.close()
            raise StateInUse(f"{path} is in use by another simulator ({error})") from error

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        for table, columns in _ADDED_COLUMNS.items():
            there = {row["name"] for row in self._connection.execute(f"PRAGMA table_info({table})")}
            for name, kind in columns.items():
                if name not in there:
                    self._connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; a transaction inside another is part of it."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                if self._depth == 1:
                    self._connection.execute("ROLLBACK")
                raise
            else:
                if self._depth == 1:
                    self._connection.execute("COMMIT")
            finally:
                self._depth -= 1

    def insert(self, table: str, **columns: Any) -> int:
        """The new row's number."""
        names = ", ".join(columns)
        marks = ", ".join(f":{name}" for name in columns)
        with self._lock:
            cursor = self._connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", columns)
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def execute(self, sql: str, **values: Any) -> None:
        with self._lock:
            self._connection.execute(sql, values)

    def all(self, sql: str, **values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def first(self, sql: str, **values: Any) -> sqlite3.Row | None:
        rows = self.all(sql, **values)
        return rows[0] if rows else None

    def count_up(self, name: str) -> int:
        """1, 2, 3, … for each name, over restarts too."""
        row = self.first(
            "INSERT INTO counters (name, value) VALUES (:name, 1)"
            " ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
            name=name,
        )
        assert row is not None
        return int(row["value"])


class Chance:
    """The n-th draw depends on the seed and on n alone; n is kept in the store."""

    def __init__(self, *, seed: int, store: Store) -> None:
        self._seed = seed
        self._store = store

    def happens(self, probability: float) -> bool:
        """True with `probability`."""
        if probability <= 0:
            return False
        return self._draw("chance") / 2**256 < probability

    def new_id(self, prefix: str) -> str:
        """("ch") → "ch_4fR…", never twice for one state file."""
        number = self._draw(prefix)
        characters = []
        for _ in range(_ID_LENGTH):
            number, index = divmod(number, len(_ALPHABET))
            characters.append(_ALPHABET[index])
        return f"{prefix}_{''.join(characters)}"

    def _draw(self, name: str) -> int:
        n = self._store.count_up(name)
        return int.from_bytes(hashlib.sha256(f"{self._seed}:{name}:{n}".encode()).digest())


def fingerprint(operation: str, values: dict[str, Any]) -> str:
    """The same for the same request only."""
    canonical = json.dumps([operation, values], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


class IdempotencyKeys:
    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, key: str, print_: str, *, now: float) -> str | None:
        """The id of the object made under `key`; raises Refused when that was another request."""
        row = self._store.first(
            "SELECT * FROM keys WHERE key = :key AND created_at > :oldest", key=key, oldest=now - WINDOW_SECONDS
        )
        if row is None:
            return None
        if row["fingerprint"] != print_:
            raise Refused(
                400,
                "idempotency_error",
                "idempotency_key_reused",
                "This Idempotency-Key was used for another request. Use a new key, or send exactly the first request"
                " again.",
            )
        return str(row["resource"])

    def remember(self, key: str, print_: str, *, resource: str, now: float) -> None:
        self._store.execute("DELETE FROM keys WHERE key = :key", key=key)
        self._store.insert("keys", key=key, fingerprint=print_, resource=resource, created_at=now)

    def count_try(self, key: str) -> int:
        """How many tries came in under `key`, this one included, that found no object."""
        return self._store.count_up(f"tries of {key}")
