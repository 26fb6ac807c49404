"""What goes wrong while an event is applied: it is never lost, and never half done."""

import hashlib
import logging
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection
from django.test import Client

from invoices.models import Entry, Invoice, Journal
from outbox.models import OutboxEvent
from payments.models import Payment, Receipt
from payments.tests.factories import make_payment
from payments.tests.simulator import simulated_with
from tests.faults import DEADLOCK, LOCK_WAIT_TIMEOUT, deadlock_at, statements_counted
from webhooks.inbound import services
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.breaking import raising_at
from webhooks.inbound.tests.sending import event, event_about, send, signed, status_of

transactional = pytest.mark.django_db(transaction=True)


class Bug(Exception):
    """Something nobody thought of."""


def make_due() -> None:
    """As if the next try's time had come."""
    ProviderEvent.objects.update(available_at="2020-01-01T00:00:00Z")


def assert_untouched(payment: Payment) -> None:
    """Nothing of a capture has stayed."""
    assert Payment.objects.get(id=payment.id).status == "created"
    assert Receipt.objects.count() == 0
    assert not OutboxEvent.objects.filter(type__startswith="receipt.").exists()


def assert_paid_once(payment: Payment) -> None:
    """One receipt, one event, balanced books."""
    assert Payment.objects.get(id=payment.id).status == "succeeded"
    assert Invoice.objects.get(id=payment.invoice_id).status == "paid"
    assert Receipt.objects.count() == 1
    assert OutboxEvent.objects.filter(type="invoice.paid").count() == 1
    assert Journal.objects.filter(kind="capture").count() == 1


@pytest.fixture(params=["receipt", "invoice", "events"])
def place(request: pytest.FixtureRequest) -> str:
    """A statement of the capture; the last one is among those that wait for the end of the transaction."""
    quote = connection.ops.quote_name
    return {
        "receipt": f"INSERT INTO {quote('payments_receipt')}",
        "invoice": f"UPDATE {quote('invoices_invoice')}",
        "events": f"INSERT INTO {quote('outbox_outboxevent')}",
    }[request.param]


@transactional
def test_scar_saleor_18196_a_failure_stays_on_record_and_is_tried_again(place: str) -> None:
    """The effects are undone to the savepoint, the event stays received with its error, the sweep finishes it."""
    payment = make_payment()
    with raising_at(place, Bug("card 4242424242424242")) as broken:
        assert status_of(send(event_about(payment))) == "received"
    assert broken
    row = ProviderEvent.objects.get()
    assert (row.status, row.outcome, row.attempts) == ("received", "failed", 1)
    assert row.error.startswith("Bug: card ************4242 (breaking.py:")
    assert_untouched(payment)
    assert services.sweep() == 0
    make_due()
    assert services.sweep() == 1
    row = ProviderEvent.objects.get()
    assert (row.status, row.error, row.attempts) == ("processed", "", 2)
    assert_paid_once(payment)


@transactional
def test_the_copy_of_a_failed_event_is_a_duplicate() -> None:
    """The inbox has it already; the worker will finish it."""
    body = event_about(make_payment())
    with raising_at("payments_receipt", Bug()):
        send(body)
    assert status_of(send(body)) == "duplicate"
    assert ProviderEvent.objects.get().status == "received"


@transactional
@pytest.mark.parametrize("error", [IntegrityError(1048, "cannot be null"), DataError(1406, "too long")])
def test_an_event_that_the_database_refuses_is_kept_as_received(place: str, error: Exception) -> None:
    """Sent again it would be refused again, for ever, and be lost when the provider gives up."""
    payment = make_payment()
    with raising_at(place, error):
        assert status_of(send(event_about(payment))) == "received"
    row = ProviderEvent.objects.get()
    assert (row.status, row.outcome, row.attempts) == ("received", "failed", 1)
    assert_untouched(payment)
    with raising_at(place, error):
        make_due()
        assert services.sweep() == 1
    row = ProviderEvent.objects.get()
    assert (row.status, row.attempts) == ("received", 2)
    make_due()
    services.sweep()
    assert_paid_once(payment)


@transactional
@pytest.mark.parametrize("error", [DEADLOCK, LOCK_WAIT_TIMEOUT])
def test_a_database_that_stays_busy_is_503_and_nothing_is_stored(error: tuple[int, str], place: str) -> None:
    """So that the provider sends it again; then all is well."""
    payment = make_payment()
    body = event_about(payment)
    with raising_at(place, OperationalError(*error)) as broken:
        response = send(body)
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert len(broken) == 5
    assert ProviderEvent.objects.count() == 0
    assert_untouched(payment)
    assert status_of(send(body)) == "processed"
    assert_paid_once(payment)


@transactional
def test_scar_dj_stripe_1267_a_deadlock_at_any_statement_never_answers_200_without_its_rows() -> None:
    """Wherever it strikes, the whole transaction runs again and the event is processed once."""
    payment = make_payment()
    with statements_counted() as statements:
        status_of(send(event_about(payment)))
    assert statements.seen > 10
    for n in range(1, statements.seen + 1):
        payment = make_payment()
        with deadlock_at(n) as faults:
            assert status_of(send(event_about(payment))) == "processed", f"statement {n}"
        assert faults.faults == 1
        assert ProviderEvent.objects.filter(our_reference=payment.id, status="processed").count() == 1
        assert Receipt.objects.filter(payment=payment).count() == 1


@transactional
def test_an_event_that_breaks_the_parser_waits_until_the_parser_is_mended() -> None:
    """It is signed, so it is kept, under its digest; mended, the sweep reads and applies it."""
    payment = make_payment()
    body = event_about(payment)
    with simulated_with(adapter="webhooks.inbound.tests.adapters.BrokenParser"):
        assert status_of(send(body)) == "received"
        assert status_of(send(body)) == "duplicate"
    row = ProviderEvent.objects.get()
    assert (row.event_id, row.outcome) == (hashlib.sha256(body).hexdigest(), "failed")
    assert row.error.startswith("KeyError: 'amount'")
    make_due()
    services.sweep()
    row = ProviderEvent.objects.get()
    assert (row.status, row.type, row.our_reference) == ("processed", "charge.succeeded", payment.id)
    assert_paid_once(payment)


@transactional
def test_a_busy_database_holds_up_one_retry_and_not_those_after_it() -> None:
    """Each retry runs again after a deadlock; one that never gets through stays due, the next in line is processed."""
    stuck, other = make_payment(), make_payment()
    with raising_at("payments_receipt", Bug()):
        send(event_about(stuck))
        send(event_about(other))
    make_due()
    with deadlock_at(1, times=5) as faults:
        assert services.sweep() == 1
    assert faults.faults == 5
    assert list(ProviderEvent.objects.order_by("id").values_list("status", flat=True)) == ["received", "processed"]
    assert services.sweep() == 1
    assert Receipt.objects.count() == 2


@transactional
def test_a_client_that_hangs_up_while_sending_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """400 to nobody, no traceback."""

    class Broken:
        def read(self, *_: object) -> bytes:
            raise OSError("connection reset")

        readline = read

    client = Client(raise_request_exception=True)
    body = event()
    with caplog.at_level(logging.ERROR):
        response = client.generic(
            "POST",
            "/webhooks/payment-provider",
            body,
            headers=signed(body),
            **{"wsgi.input": Broken()},  # type: ignore[arg-type]
        )
    assert response.status_code == 400
    assert caplog.text == ""
    assert ProviderEvent.objects.count() == 0


CRASH = textwrap.dedent("""
    import os, signal, sys, time
    import django
    django.setup()
    from django.db import connection
    connection.settings_dict["NAME"] = sys.argv[1]
    from webhooks.inbound import services
    from webhooks.inbound.tests.sending import signed
    body, deadly = sys.stdin.buffer.read(), int(sys.argv[2])
    seen = 0

    def run(execute, sql, params, many, context):
        global seen
        seen += 1
        result = execute(sql, params, many, context)
        if seen == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    with connection.execute_wrapper(run):
        services.receive(path="simulated", body=body, headers=signed(body))
""")


@transactional
@pytest.mark.skipif(connection.vendor == "sqlite", reason="the test database is in memory")
@pytest.mark.parametrize("statement", [1, 2, 4, 6, 8, 10, 13])
def test_scar_a_crash_never_leaves_the_id_without_its_effect(statement: int) -> None:
    """Killed after any statement: id and effect are in one transaction, and the provider's next try finds neither."""
    payment = make_payment()
    body = event_about(payment)
    arguments = [sys.executable, "-W", "ignore", "-c", CRASH, str(connection.settings_dict["NAME"]), str(statement)]
    crashed = subprocess.run(arguments, input=body, env=dict(os.environ), check=False, capture_output=True)
    assert crashed.returncode == -signal.SIGKILL, crashed.stderr.decode()
    assert ProviderEvent.objects.count() == 0
    assert_untouched(payment)
    assert status_of(send(body)) == "processed"
    assert_paid_once(payment)
    assert Entry.objects.filter(journal__kind="capture").count() == 2
