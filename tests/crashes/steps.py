"""The steps at which a process can be told to die, by its environment: CRASH_AT=payments.submission.claim:after:3.

That is the third time it has passed `payments.services.submission._claim`'s COMMIT. The product knows nothing of this:
Django's connection, httpx's transport and the sending of nudges are watched from outside.

    <use case>:begin            its transaction is open, no statement has been sent
    <use case>:before, :after   its COMMIT, or its only statement
    <use case>:moving, :moved   inside its transaction, the statement that moves a cursor of the outbox
    provider.<call>:before, :after
    nudge.<task>:before, :after
    subscriber.publish:before, :after
"""

import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

CRASH_AT = "CRASH_AT"
CRASH_TOLD_IN = "CRASH_TOLD_IN"
"""A file that gets a line with the step just before the process dies there."""

_CALLS = [
    ("POST", r"/v1/charges", "charge"),
    ("POST", r"/v1/refunds", "refund"),
    ("POST", r"/v1/charges/[^/]+/cancel", "cancel"),
    ("GET", r"/v1/charges.*", "retrieve"),
    ("GET", r"/v1/refunds.*", "retrieve_refund"),
]
_MOVES_CURSOR = re.compile(r"\s*UPDATE\s+outbox_cursor\s+SET\s+position", re.IGNORECASE)


class Fuse:
    """Kills this process, as nothing else would see it coming, when its step is passed for the n-th time."""

    def __init__(self, crash_at: str, *, told_in: str) -> None:
        self._step, _, times = crash_at.rpartition(":")
        self._left = int(times)
        self._told_in = told_in
        self._lock = threading.Lock()

    def passing(self, step: str) -> None:
        if step != self._step:
            return
        with self._lock:
            self._left -= 1
            if not self._left:
                self._die(step)

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        self.passing(f"{name}:before")
        answer = call()
        self.passing(f"{name}:after")
        return answer

    def outside_transactions(self, name: str, call: Callable[[], Any]) -> Any:
        """As `around`, for what no transaction may wait for: inside one it is the step to die at."""
        from django.db import connection

        if connection.in_atomic_block:
            self._die(f"{name} inside the transaction of {_use_case()[0]}")
        return self.around(name, call)

    def _die(self, step: str) -> None:
        with open(self._told_in, "a") as told:
            told.write(f"{step}\n")
        os.kill(os.getpid(), signal.SIGKILL)


def watch(fuse: Fuse) -> None:
    """Tell `fuse` of every step of this process from now on."""
    _watch_transactions(fuse)
    _watch_statements(fuse)
    _watch_provider_calls(fuse)
    _watch_nudges(fuse)
    _watch_publishing(fuse)


def _watch_transactions(fuse: Fuse) -> None:
    from config.mariadb.base import DatabaseWrapper

    begin = DatabaseWrapper._start_transaction_under_autocommit
    commit = DatabaseWrapper._commit  # type: ignore[attr-defined]

    def watched_begin(self: DatabaseWrapper) -> None:
        begin(self)
        fuse.passing(f"{_use_case()[0]}:begin")

    def watched_commit(self: DatabaseWrapper) -> None:
        fuse.around(_use_case()[0], lambda: commit(self))

    setattr(DatabaseWrapper, "_start_transaction_under_autocommit", watched_begin)  # noqa: B010
    setattr(DatabaseWrapper, "_commit", watched_commit)  # noqa: B010


def _watch_statements(fuse: Fuse) -> None:
    from django.db.backends.signals import connection_created

    def watched(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        use_case, is_one_statement = _use_case()
        if is_one_statement:
            return fuse.around(use_case, lambda: execute(sql, params, many, context))
        if not _MOVES_CURSOR.match(sql):
            return execute(sql, params, many, context)
        fuse.passing(f"{use_case}:moving")
        answer = execute(sql, params, many, context)
        fuse.passing(f"{use_case}:moved")
        return answer

    def watch_connection(connection: Any, **_: Any) -> None:
        if watched not in connection.execute_wrappers:
            connection.execute_wrappers.append(watched)

    connection_created.connect(watch_connection, weak=False)


def _watch_provider_calls(fuse: Fuse) -> None:
    import httpx

    handle = httpx.HTTPTransport.handle_request

    def watched(self: httpx.HTTPTransport, request: httpx.Request) -> Any:
        return fuse.outside_transactions(f"provider.{_call(request)}", lambda: handle(self, request))

    setattr(httpx.HTTPTransport, "handle_request", watched)  # noqa: B010


def _call(request: Any) -> str:
    return next(
        name for method, path, name in _CALLS if method == request.method and re.fullmatch(path, request.url.path)
    )


def _watch_nudges(fuse: Fuse) -> None:
    from config import celery

    send = celery._send

    def watched(task: str, args: Any) -> None:
        fuse.outside_transactions(f"nudge.{task}", lambda: send(task, args))

    setattr(celery, "_send", watched)  # noqa: B010


def _watch_publishing(fuse: Fuse) -> None:
    from outbox.tests.support import FileWriter

    publish = FileWriter.publish

    def watched(self: FileWriter, events: Any) -> None:
        fuse.outside_transactions("subscriber.publish", lambda: publish(self, events))

    setattr(FileWriter, "publish", watched)  # noqa: B010


def _use_case() -> tuple[str, bool]:
    """The use case whose transaction this thread runs, "payments.submission.claim", and if it is only one statement."""
    from config.kernel import db

    frame = sys._getframe()
    while frame is not None and frame.f_code is not db._run.__code__:
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None:
        return "", False
    function = frame.f_locals["use_case"].func
    name = f"{function.__module__}.{function.__qualname__}"
    return name.replace(".services.", ".").replace("._", "."), frame.f_locals["is_one_statement"]
