"""What is mutated, and which tests should notice."""

import dataclasses
import pathlib

INVOICES = ("invoices/tests",)
PAYMENTS = ("payments/tests", "invoices/tests", "webhooks/inbound/tests/test_receiving.py")
OUTBOX = tuple(str(path) for path in sorted(pathlib.Path("outbox/tests").glob("test_*.py")))
"""Not those of the publishers, which start servers and tell nothing of numbers and cursors."""
KEYS = (
    "config/api/tests/test_idempotency.py",
    "invoices/tests/test_api.py",
    "payments/tests/test_api.py",
    "payments/tests/test_requesting.py",
)
AT_ONCE = (*KEYS, "tests/concurrency/test_paying_at_once.py", "tests/deadlocks/test_lost_commits.py", *INVOICES)
SIGNATURES = ("payments/tests/providers/test_signing.py", "webhooks/inbound/tests/test_signatures.py")
SPLITTING = ("config/kernel/tests/test_money_split.py", "invoices/tests/test_api.py")
CREDIT = ("invoices/tests/test_credit.py", "invoices/tests/test_reversing.py", "invoices/tests/test_credit_api.py")
VERIFYING = ("SimulatedProvider.verify_webhook",)
BOOKS = ("invoices/tests", "tests/books/test_trial_balance.py", "payments/tests/test_outcomes.py")


@dataclasses.dataclass(frozen=True)
class Target:
    """A module and the tests that run for it: on SQLite, and for what they miss, where it matters, on MariaDB."""

    module: str
    subject: str
    tests: tuple[str, ...]
    on_mariadb: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    """The functions that are mutated; all of them when empty."""


def _sequencing(module: str, nearest: str) -> Target:
    tests = (f"outbox/tests/{nearest}", *OUTBOX)
    return Target(f"outbox/services/{module}.py", "sequencing", tests, on_mariadb=OUTBOX)


TARGETS = (
    Target("invoices/states.py", "states", ("invoices/tests/test_states.py", *INVOICES)),
    Target("payments/states.py", "states", ("payments/tests/test_states.py", *PAYMENTS)),
    Target("outbox/states.py", "states", ("outbox/tests/test_states.py", "outbox/tests/test_held.py", *INVOICES)),
    Target("webhooks/inbound/states.py", "states", ("webhooks/inbound/tests/test_states.py", "webhooks/inbound/tests")),
    Target("config/kernel/money.py", "money", ("config/kernel/tests/test_money.py", *SPLITTING)),
    Target("invoices/ledger/services.py", "money", BOOKS),
    Target("invoices/ledger/trial_balance.py", "money", BOOKS),
    Target("invoices/services/issuing.py", "money", (*INVOICES, *KEYS), on_mariadb=AT_ONCE),
    Target("invoices/services/credit.py", "money", (*CREDIT, *INVOICES)),
    Target("invoices/services/reversing.py", "money", (*CREDIT, *INVOICES)),
    Target("invoices/services/settling.py", "money", (*INVOICES, *PAYMENTS)),
    Target("invoices/services/retry_policy.py", "money", (*INVOICES, "payments/tests/test_retrying.py")),
    Target("payments/services/receipts.py", "money", PAYMENTS),
    Target("payments/services/refunds/reserving.py", "money", PAYMENTS),
    Target("payments/services/refunds/outcomes.py", "money", PAYMENTS),
    Target("payments/services/outcomes.py", "money", PAYMENTS),
    Target("payments/services/schedule.py", "money", PAYMENTS),
    Target("payments/services/disposing.py", "money", PAYMENTS),
    Target("config/api/idempotency.py", "idempotency", KEYS, on_mariadb=AT_ONCE),
    Target("config/api/idempotency_header.py", "idempotency", KEYS),
    Target("payments/providers/simulated/signing.py", "signatures", SIGNATURES),
    Target("payments/providers/simulated/adapter.py", "signatures", SIGNATURES, only=VERIFYING),
    _sequencing("record", "test_record.py"),
    _sequencing("sequencing", "test_sequencing.py"),
    _sequencing("numbering_sql", "test_sequencing.py"),
    _sequencing("lease_sql", "test_leases.py"),
    _sequencing("leases", "test_leases.py"),
    _sequencing("consuming", "test_consumers.py"),
)
