"""`manage.py verify_books`: proof for operators and scripts, beside a service that runs."""

import json
import threading
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from config.kernel import correlation
from config.management.commands import verify_books
from config.verification import snapshot
from config.verification.histories import BEGINNINGS, MACHINES, TARGETS, moves
from config.verification.verifying import CHECKS, verify
from config.verification.violations import Report
from invoices.models import Invoice
from invoices.tests.factories import make_invoice
from outbox.events import Event
from payments.models import Payment
from tests.api import ApiConsumer
from webhooks.inbound.tests.sending import answer_to, event_about

pytestmark = pytest.mark.django_db(transaction=True)

NOTES = {
    "payment.submitted",
    "payment.cancel_requested",
    "payment.retry_scheduled",
    "payment.retry_stopped",
    "payment.reconcile_requested",
    "refund.reconcile_requested",
    "refund.returned",
    "dispute.reinstated",
    "subscription.renewed",
    "subscription.converted",
    "subscription.plan_changed",
    "subscription.change_scheduled",
    "subscription.change_unscheduled",
    "subscription.cancel_scheduled",
    "subscription.reactivated",
    "subscription.payment_method_changed",
}
"""Events that tell something else than a change of state."""


@pytest.fixture(autouse=True)
def _on_behalf_of_a_request() -> Iterator[None]:
    """Everything that happens has a correlation id, as behind the API and in tasks."""
    with correlation.bind("req_1"):
        yield


def run(*options: str) -> str:
    out = StringIO()
    call_command("verify_books", *options, stdout=out)
    return out.getvalue()


def test_nothing_is_wrong_after_the_main_job() -> None:
    """Paid through the API and a webhook: every check passes, and the exit is zero."""
    api = ApiConsumer()
    payment = Payment.objects.get(id=api.pay(api.create_invoice()["id"]).json()["id"])
    assert answer_to(event_about(payment)) == "processed"
    assert f"{len(CHECKS)} checks in" in run()
    assert "everything holds" in run()


def test_an_empty_database_holds() -> None:
    """A new service has nothing to be ashamed of."""
    assert json.loads(run("--json"))["total"] == 0


def test_violations_are_listed_counted_and_fail() -> None:
    """No more than the limit of each check, the number of all, and an exit that scripts notice."""
    ids = sorted(make_invoice().id for _ in range(3))
    Invoice.objects.update(attempts=1)
    out = StringIO()
    with pytest.raises(CommandError, match="3 violations of attempts") as failure:
        call_command("verify_books", "--json", "--limit", "2", stdout=out)
    assert failure.value.returncode == 1
    document = json.loads(out.getvalue())
    assert (document["total"], document["counts"]["attempts"]) == (3, 3)
    assert [each["subject"] for each in document["violations"]] == ids[:2]
    assert document["violations"][0] | {"subject": ""} == {
        "check": "attempts",
        "subject": "",
        "expected": "payments 1 to 1",
        "found": "[]",
    }
    with pytest.raises(CommandError):
        run()


def test_one_check_can_be_asked_for() -> None:
    """By its name, which must be one."""
    make_invoice()
    Invoice.objects.update(attempts=1)
    assert "1 checks in" in run("--check", "lines")
    with pytest.raises(CommandError, match="invalid choice"):
        run("--check", "everything")


def test_what_is_written_meanwhile_is_no_violation() -> None:
    """One moment is looked at: an invoice that comes later is in none of its tables, and nobody waits for anybody."""
    make_invoice()
    report = Report(CHECKS, limit=5)
    with snapshot.taken() as moment:
        before = moment.value("SELECT COUNT(*) FROM invoices_invoice")
        writer = threading.Thread(target=_issue_elsewhere)
        writer.start()
        writer.join(20)
        assert not writer.is_alive()
        verify(moment, report, lambda *_: None)
        assert moment.value("SELECT COUNT(*) FROM outbox_outboxevent") == before == 1
    assert report.violations == []
    assert Invoice.objects.count() == 2


def _issue_elsewhere() -> None:
    try:
        with correlation.bind("req_2"):
            make_invoice()
    finally:
        connections.close_all()


def test_a_snapshot_can_only_be_read() -> None:
    """The proof changes nothing."""
    if connection.vendor != "mysql":
        pytest.skip("SQLite has no such transactions")
    with snapshot.taken() as moment, pytest.raises(Exception, match="READ ONLY"):
        moment.rows("UPDATE invoices_invoice SET attempts = 1")


def test_memory_is_bounded_by_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of two find what one chunk finds, and say how far they are."""
    for _ in range(5):
        make_invoice()
    Invoice.objects.update(attempts=1)
    told: list[tuple[str, int, int]] = []
    monkeypatch.setattr("config.verification.verifying.CHUNK", 2)
    report = Report(CHECKS, limit=10)
    with snapshot.taken() as moment:
        verify(moment, report, lambda *args: told.append(args))
    assert report.counts == {"attempts": 5}
    assert [step for step in told if step[0] == "invoices"] == [("invoices", n, 5) for n in (0, 2, 4, 5)]


def test_a_terminal_sees_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error, written over as it goes, gone at the end."""
    shown: Any = StringIO()
    shown.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setattr(verify_books, "TELL_EVERY_SECONDS", 0)
    make_invoice()
    run()
    assert "] invoices: 1 of 1" in shown.getvalue()
    assert shown.getvalue().endswith("\r\033[K")


def test_every_event_of_a_machine_is_known() -> None:
    """A new transition's event is told the state that it reports, else the proof would take it for a note."""
    types = {kind.type for kind in _kinds(Event) if "type" in vars(kind)}
    of_machines = {name for name in types if name.partition(".")[0] in MACHINES}
    assert of_machines - NOTES == TARGETS.keys() | BEGINNINGS.keys()
    for subject in MACHINES:
        reached = {target for name, target in TARGETS.items() if name.startswith(f"{subject}.")}
        assert {target for _, target in moves(subject)} <= reached


def _kinds(base: type[Event]) -> list[type[Event]]:
    return [kind for sub in base.__subclasses__() for kind in (sub, *_kinds(sub))]
