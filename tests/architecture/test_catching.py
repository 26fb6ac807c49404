"""Who may catch what: an error caught too widely commits half a transaction, or hides a bug for ever.

On MariaDB a deadlock rolls back the whole transaction; caught inside, the block exits normally with nothing stored
(docs/decisions/0003-transactions.md). Every exemption is a function with its reason, and one nobody needs fails.
"""

import ast
import functools
from collections.abc import Iterator

from tests.architecture.source import Module, dotted, functions, modules, shipped

WIDE_DATABASE_ERRORS = {
    "db.Error",
    "DatabaseError",
    "OperationalError",
    "InterfaceError",
    "InternalError",
    "DataError",
    "ProgrammingError",
    "NotSupportedError",
}
MAY_CATCH_DATABASE_ERRORS = {
    "config/management/commands/archive.py::Command.handle": "outside transactions: an exit status",
    "config/kernel/db.py::_run": "the retry itself, around the outermost transaction",
    "outbox/management/commands/relay_outbox.py::Command._pass": "a process for ever: outside any transaction",
    "outbox/management/commands/relay_outbox.py::Command._once": "outside any transaction: an exit status",
    "outbox/services/lease_sql.py::claim": "one statement outside transactions: who waits for no lock has no lease",
    "outbox/management/following.py::follow": "a process for ever, which reads only",
    "outbox/management/commands/outbox_cursor.py::Command.handle": "outside any transaction: an exit status",
    "config/observability/scrape.py::_standing": "outside any transaction: the counters are served",
    "webhooks/inbound/services/receiving.py::_store_or_note": "poison, noted in a new transaction, its own is gone",
    "webhooks/inbound/services/replaying.py::replay": "poison, noted in a new transaction after its own is gone",
    "webhooks/inbound/services/retrying.py::_retry_or_note": "poison, noted in a new transaction after its own is gone",
    "webhooks/outbound/management/commands/deliver_webhooks.py::Command._once": "outside transactions: an exit status",
    "webhooks/outbound/management/commands/deliver_webhooks.py::one_pass": "a process for ever: outside transactions",
    "webhooks/outbound/management/commands/resend_webhooks.py::Command.handle": "outside transactions: an exit status",
}
MAY_CATCH_EVERYTHING = {
    "billing/throttling.py::Counts._raised": "a cache that is away costs the limit, not the sign-in",
    "config/celery.py::nudge": "after the commit: any failure of the broker loses a nudge, not work",
    "config/health.py::_run": "a probe in a thread of its own: whatever it raises is its component down",
    "config/observability/counters.py::_Metric._do": "what cannot be counted goes on uncounted",
    "config/observability/logs.py::Formatter.format": "another record says that it could not",
    "config/observability/logs.py::Handler.emit": "a stream that cannot be written loses lines, never requests",
    "outbox/services/consuming.py::_consume_together": "around the transaction: transport errors and deadlocks pass",
    "outbox/services/consuming.py::_consume_one": "around the transaction: transport errors and deadlocks pass",
    "outbox/services/delivery.py::_retry_one": "around the transaction: transport errors and deadlocks pass",
    "outbox/services/publishing.py::_send": "outside transactions: what a publisher raises holds its event",
    "outbox/services/together.py::_publish": "outside transactions: one by one tells which event is to blame",
    "outbox/services/together.py::_consume_batch": "around the transaction: transport errors and deadlocks pass",
    "outbox/services/nudging.py::close_window": "a cache that is away costs a nudge, not work",
    "outbox/services/nudging.py::_opens_window": "after the commit: a cache that is away costs a nudge, not work",
    "outbox/services/turns.py::_give_back": "outside transactions: a cache that is away costs a turn, not work",
    "outbox/services/turns.py::take_for_process": "outside transactions: a cache that is away lets two relay at once",
    "outbox/services/turns.py::_take": "outside transactions: a cache that is away lets two relay at once",
    "payments/services/settlement/differences.py::settle": "around the transaction: left to staff, the others go on",
    "payments/services/sweeping.py::take_up_each": "around the transaction: one row does not stop the others",
    "payments/services/asking.py::ask": "outside transactions: a bug in an adapter is a lost answer",
    "webhooks/inbound/services/applying.py::attempt": "around a savepoint: database errors pass, the try is noted",
    "webhooks/inbound/services/receiving.py::_read": "before the transaction: a parser's bug keeps the event",
    "webhooks/outbound/services/delivering.py::Courier._post": "outside transactions: what cannot be sent has failed",
}


def test_nobody_catches_a_database_error_wider_than_integrity_error() -> None:
    """Caught inside, a deadlock lets the block exit normally with nothing stored."""
    found = {key for key, caught in _swallowing() if caught & WIDE_DATABASE_ERRORS}
    assert found == MAY_CATCH_DATABASE_ERRORS.keys()


def test_nobody_catches_everything_and_goes_on() -> None:
    """`except:`, `except BaseException` and `except Exception` swallow the deadlock, and every bug."""
    found = {key for key, caught in _swallowing() if caught & {"", "BaseException", "Exception"}}
    assert found == MAY_CATCH_EVERYTHING.keys()


@functools.cache
def _swallowing() -> list[tuple[str, set[str]]]:
    return list(_handlers())


def _handlers() -> Iterator[tuple[str, set[str]]]:
    """(function, names of what it catches) of each handler that can end without raising, and of each `suppress`."""
    for module in shipped():
        for key, node in functions(module):
            if isinstance(node, ast.ExceptHandler) and not _raises_again(node):
                yield key, _caught(node.type)
            elif isinstance(node, ast.Call) and dotted(node.func).endswith("suppress"):
                yield key, set().union(*map(_caught, node.args))


def _raises_again(handler: ast.ExceptHandler) -> bool:
    """Always: a `raise` under an `if` is not enough."""
    return any(isinstance(statement, ast.Raise) for statement in handler.body)


def _caught(written: ast.expr | None) -> set[str]:
    """Last parts of the names; "" for a bare except. A name bound to a tuple of errors stands for its members."""
    if written is None:
        return {""}
    name = dotted(written)
    last = name.rpartition(".")[2]
    written = _tuples().get(last, written)
    if isinstance(written, ast.Tuple):
        return set().union(*map(_caught, written.elts))
    if name.startswith("sqlite3."):
        return set()
    return {"db.Error"} if name.endswith("db.Error") else {last}


@functools.cache
def _tuples() -> dict[str, ast.Tuple]:
    return {
        target.id: node.value
        for module in modules()
        for node in module.tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def test_the_rules_see_what_they_forbid() -> None:
    """A handler of each forbidden form is found, also through a name for several errors."""
    text = """
def f():
    try: g()
    except Exception: log()
    try: g()
    except POISON as error: log()
    try: g()
    except (ValueError, db.Error):
        if x: raise
    with contextlib.suppress(Exception): g()
    try: g()
    except BaseException:
        clean_up()
        raise
"""
    module = Module("x.py", ast.parse(text), 0)
    handlers = [node for _, node in functions(module) if isinstance(node, ast.ExceptHandler)]
    caught = sorted((node.lineno, sorted(_caught(node.type))) for node in handlers if not _raises_again(node))
    assert caught == [(4, ["Exception"]), (6, ["DataError", "IntegrityError"]), (8, ["ValueError", "db.Error"])]
