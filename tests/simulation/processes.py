"""The processes of a deployment in one thread: where they die, what goes wrong, and who comes in between.

Every statement, COMMIT, provider call, message and publication is a *step*. The seed decides with which of them
something goes wrong, and between which of them others run.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest import mock

from django.db import OperationalError, connection

from tests.faults import CONNECTION_LOST, DEADLOCK

MAX_DEPTH = 3
FAILS = {"provider": 0.12, "commit": 0.04, "statement": 0.004, "message": 0.05, "publication": 0.05}
"""How often something goes wrong with a step of a kind."""


class Killed(BaseException):
    """SIGKILL: nothing that the process still wanted to do happens."""


@dataclasses.dataclass
class Process:
    """Nothing goes wrong with a calm one. `waits_at` counts its steps outside transactions, from 1."""

    name: str
    rng: random.Random
    is_calm: bool
    rates: Mapping[str, float]
    waits_at: int = 0
    waits: int = 0
    is_dead: bool = False
    fault: str = ""
    """What went wrong, once something has: nothing else does."""

    def fails(self, kind: str) -> bool:
        """Whether something goes wrong with its next step."""
        return not self.is_calm and not self.fault and self.rng.random() < self.rates[kind]


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a process ended: with a value, an exception, or by being killed."""

    process: Process
    value: Any = None
    error: Exception | None = None

    def __str__(self) -> str:
        came = self.process.fault or "nothing wrong"
        return f"{self.process.name}: {'killed' if self.process.is_dead else self.error or self.value} ({came})"


class Processes:
    """Runs processes inside each other, whose statements pass through it while it is installed."""

    def __init__(self, *, meanwhile: Callable[[random.Random], None], violations: list[str]) -> None:
        """`meanwhile` runs somebody else while a process waits."""
        self._meanwhile = meanwhile
        self._violations = violations
        self._stack: list[Process] = []
        self.steps = 0

    @property
    def depth(self) -> int:
        """How many processes are under way."""
        return len(self._stack)

    @property
    def is_disturbed(self) -> bool:
        """Whether anything has gone wrong with a process that is under way."""
        return any(process.fault for process in self._stack)

    def run(self, process: Process, call: Callable[[], Any]) -> Ended:
        """In a context of its own, as a process has; what it left open is rolled back when it dies."""
        self._stack.append(process)
        try:
            return Ended(process, value=contextvars.Context().run(call))
        except Killed:
            assert process.is_dead
            return Ended(process)
        except Exception as error:
            return Ended(process, error=error)
        finally:
            self._stack.pop()
            connection.run_on_commit.clear()
            if is_in_transaction():
                self._violations.append(f"{process.name} left a transaction open")

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Between Django's one connection and the database."""
        backend: Any = connection
        with (
            connection.execute_wrapper(self._execute),
            mock.patch.object(backend, "_commit", self._commit_with(backend._commit)),
            mock.patch.object(
                backend,
                "_start_transaction_under_autocommit",
                self._begin_with(backend._start_transaction_under_autocommit),
            ),
        ):
            yield

    def pass_step(self, kind: str, name: str, do: Callable[[], Any], *, faults: dict[str, Callable[[], Any]]) -> Any:
        """Do a step of the innermost process; or what its seed says: die before or after it, or one of the `faults`."""
        if not self._stack:
            return do()
        process = self._stack[-1]
        if process.is_dead:
            raise Killed()
        self.steps += not process.is_calm
        if not (is_in_transaction() or connection.in_atomic_block):
            self._wait(process)
        if not process.fails(kind):
            return do()
        what = process.rng.choice(["killed before", "killed after", *faults])
        process.fault = f"{what} {name}"
        if what == "killed before":
            self._kill(process)
        if what in faults:
            return faults[what]()
        result = do()
        self._kill(process)
        return result

    def _wait(self, process: Process) -> None:
        process.waits += 1
        if process.waits == process.waits_at and self.depth < MAX_DEPTH:
            self._meanwhile(process.rng)

    def _kill(self, process: Process) -> None:
        """The server rolls back what a dead client has left."""
        process.is_dead = True
        connection.connection.rollback()
        raise Killed()

    def _begin_with(self, begin: Callable[[], None]) -> Callable[[], None]:
        return lambda: self.pass_step("statement", "BEGIN", begin, faults={"lost": _lose})

    def _commit_with(self, commit: Callable[[], None]) -> Callable[[], None]:
        def commit_and_lose_the_answer() -> None:
            commit()
            _lose()

        return lambda: self.pass_step(
            "commit",
            "COMMIT",
            commit,
            faults={"lost": _roll_back_and_lose, "done, its answer lost": commit_and_lose_the_answer},
        )

    def _execute(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        def do() -> Any:
            return execute(sql, params, many, context)

        def do_and_lose_the_answer() -> None:
            do()
            _lose()

        if sql.startswith("BEGIN"):
            return do()
        name = " ".join(sql.replace('"', "").partition(".")[0].split()[:3]).partition(" s1")[0]
        if is_in_transaction():
            return self.pass_step("statement", name, do, faults={"deadlock at": _deadlock, "lost": _roll_back_and_lose})
        return self.pass_step(
            "statement", name, do, faults={"lost": _lose, "done, its answer lost": do_and_lose_the_answer}
        )


def is_in_transaction() -> bool:
    """As the database sees it: Django calls it over while it commits, and not yet over when a deadlock has ended it."""
    return bool(connection.connection.in_transaction)


def _lose() -> None:
    raise OperationalError(*CONNECTION_LOST)


def _roll_back_and_lose() -> None:
    """The server rolls back what a lost connection had not committed."""
    connection.connection.rollback()
    _lose()


def _deadlock() -> None:
    """The whole transaction is rolled back, as a server does it."""
    connection.connection.rollback()
    raise OperationalError(*DEADLOCK)
