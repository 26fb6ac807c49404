"""Two threads that take turns at named points, so that an interleaving is chosen and not met by chance.

A point is where a use case is about to take locks or to let go of them: each locking read, INSERT, UPDATE, DELETE and
COMMIT, and each call to the provider, which lies between two transactions. Reads without a lock lie between points: an
actor that halts before its first lock has read whatever it reads before that.
"""

import enum
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from django.db import connection, connections

LOOKED_AT_EVERY_SECONDS = 0.003
LOOKS = 5_000
END = None
"""The point of an actor that is to halt nowhere."""
_is_actor = threading.local()


class Stand(enum.Enum):
    """How far an actor has come when it comes no further by itself."""

    HALTED = "halted"
    ENDED = "ended"
    WAITING = "waiting for a lock"


class Actor:
    """A thread with a database connection of its own, which runs one operation at a time and halts where it is told."""

    def __init__(self) -> None:
        self.points: list[str] = []
        """Those that the operation has come to; halted, it stands before the last of them."""
        self._changed = threading.Condition()
        self._stand: Stand | None = Stand.ENDED
        self._halt_at: int | None = END
        self._thread = ThreadPoolExecutor(max_workers=1, initializer=self._prepare)
        self._answer: Future[str] = Future()
        self._connection_id: int = self._thread.submit(lambda: connection.connection.thread_id()).result()

    def begin(self, operation: Callable[[], str], *, halt_at: int | None) -> None:
        """Run until the point with this number, from 1, or to the end."""
        self.points, self._stand, self._halt_at = [], None, halt_at
        self._answer = self._thread.submit(self._run, operation)

    def go_on(self, *, halt_at: int | None) -> None:
        """From where it is halted."""
        with self._changed:
            self._halt_at = halt_at
            if self._stand is Stand.HALTED and halt_at != len(self.points):
                self._stand = None
            self._changed.notify_all()

    def go_one_on(self) -> None:
        """To the next point, from where it is halted; nothing when it is not."""
        if self._stand is Stand.HALTED:
            self.go_on(halt_at=len(self.points) + 1)

    def stand(self) -> Stand:
        """Where it is, as soon as it comes no further unless another one goes on."""
        for _ in range(LOOKS):
            with self._changed:
                if self._changed.wait_for(lambda: self._stand is not None, LOOKED_AT_EVERY_SECONDS):
                    assert self._stand is not None
                    return self._stand
            if self._connection_id in _waiting_for_a_lock():
                return Stand.WAITING
        raise AssertionError(f"it neither halts nor ends, nor waits for a lock: {self.points}")

    def answer(self) -> str | BaseException:
        """What the ended operation has returned, or what it has raised."""
        return self._answer.exception() or self._answer.result()

    def close(self) -> None:
        """It goes to its end, wherever it is, and gives its connection back."""
        self.go_on(halt_at=END)
        self._thread.submit(connections.close_all).result()
        self._thread.shutdown()

    def arrive(self, point: str) -> None:
        """Called in its thread."""
        with self._changed:
            self.points.append(point)
            if len(self.points) == self._halt_at:
                self._stand = Stand.HALTED
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._stand is None)

    def _prepare(self) -> None:
        _is_actor.actor = self
        connection.ensure_connection()
        connection.execute_wrappers.append(self._execute)
        commit = connection.commit

        def arrive_and_commit() -> None:
            self.arrive("COMMIT")
            commit()

        connection.commit = arrive_and_commit  # type: ignore[method-assign]

    def _run(self, operation: Callable[[], str]) -> str:
        try:
            return operation()
        finally:
            with self._changed:
                self._stand = Stand.ENDED
                self._changed.notify_all()

    def _execute(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.startswith(("INSERT", "UPDATE", "DELETE")) or " FOR UPDATE" in sql:
            tables = re.findall(r"(?:FROM|INTO|JOIN|UPDATE) `(\w+)`", sql)
            self.arrive(" ".join([sql.partition(" ")[0], *tables]))
        return execute(sql, params, many, context)


def arrive(point: str) -> None:
    """A point of whichever actor this thread is; nothing in other threads."""
    actor: Actor | None = getattr(_is_actor, "actor", None)
    if actor is not None:
        actor.arrive(point)


def advance(actor: Actor, *, other: Actor, halt_at: int | None) -> bool:
    """`actor` goes on to that point or its end, `other` only as far as it must for that; whether it had to.

    So the order of everything both do is the same each time: while one of them runs, the other one is halted, has ended
    or waits for a lock that it gets when the first lets go of it.
    """
    was_held_up = False
    actor.go_on(halt_at=halt_at)
    while actor.stand() is Stand.WAITING:
        was_held_up = True
        other.go_one_on()
        other.stand()
    return was_held_up


def _waiting_for_a_lock() -> set[int]:
    """Connections, as the server's monitor sees them now; the view of transactions is renewed ten times a second."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW ENGINE INNODB STATUS")
        text: str = cursor.fetchone()[2]
    _, _, transactions = text.partition("LIST OF TRANSACTIONS FOR EACH SESSION")
    waiting = re.findall(r"^LOCK WAIT .*\nMariaDB thread id (\d+),", transactions, re.MULTILINE)
    return {int(thread_id) for thread_id in waiting}
