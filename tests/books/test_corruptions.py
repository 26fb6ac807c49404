"""Whatever is corrupted by SQL is named by the check that is there for it, and by no other."""

import datetime
import importlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from pytest_django.plugin import DjangoDbBlocker

from billing.models import Subscription, SubscriptionInvoice, UsageCounter, UsageRecord
from billing.tests.factories import make_active
from billing.tests.usage import metered, use
from config.kernel import clock, correlation
from config.verification.snapshot import Snapshot
from config.verification.verifying import CHECKS, verify
from config.verification.violations import Report
from config.volume import scenarios, seeding
from config.volume.invoice_history import InvoiceHistory
from config.volume.seeding import Plan
from invoices.models import Customer, Entry, Invoice, InvoiceLine, Journal
from outbox.models import SEQUENCER, Cursor, OutboxEvent
from payments.models import Dispute, Payment, Receipt, Refund
from payments.states import REFUND_LIVE
from tests.books import credit_corruptions
from tests.books.rows import change, first
from webhooks.inbound.models import ProviderEvent

pytestmark = pytest.mark.xdist_group("corruptions")


@pytest.fixture(scope="module")
def seeded(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Every scenario four times, for all tests of this module, which roll back what they corrupt."""
    turns = itertools.cycle(scenarios.SCENARIOS)

    def apply_next(invoice: InvoiceHistory, context: scenarios.Context, _: object) -> None:
        next(turns)(invoice, context)
        invoice.finish()

    with django_db_blocker.unblock():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scenarios, "apply_any", apply_next)
            for _ in seeding.seed(Plan(invoices=4 * len(scenarios.SCENARIOS), customers=10, seed=1)):
                pass
            with correlation.bind("req_1"):
                credit_corruptions.use_credit()
        with correlation.bind(correlation.accept_or_new(None)):
            use(make_active(metered()), 5)
        yield
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture
def unguarded(seeded: None, db: None) -> Iterator[None]:
    """As a database whose administrator has switched off what refuses nonsense."""
    is_sqlite = connection.vendor == "sqlite"
    off = ["PRAGMA ignore_check_constraints = ON"] if is_sqlite else ["SET check_constraint_checks = 0"]
    on = ["PRAGMA ignore_check_constraints = OFF"] if is_sqlite else ["SET check_constraint_checks = 1"]
    with connection.cursor() as cursor:
        for statement in off:
            cursor.execute(statement)
        yield
        for statement in on:
            cursor.execute(statement)


def named(checks: frozenset[str] = frozenset(CHECKS)) -> set[str]:
    """The checks that find something wrong, as this transaction sees the database."""
    report = Report(checks, limit=3)
    verify(Snapshot(connection), report, lambda *_: None)
    assert report.total or not report.violations
    assert all(len(str(violation)) > 20 for violation in report.violations)
    return set(report.counts)


def overpaid_line() -> None:
    change(first(InvoiceLine.objects), amount=F("amount") + 1)


def lines_that_do_not_add_up() -> None:
    change(first(InvoiceLine.objects), unit_amount=F("unit_amount") + 1, quantity=1, amount=1, tax_amount=0)


def another_amount_paid() -> None:
    change(first(Invoice.objects, status="paid", amount_refunded=0), amount_paid=F("amount_paid") - 1)


def another_amount_refunded() -> None:
    change(first(Payment.objects, status="succeeded", amount_refunded=0), amount_refunded=1)


def a_payment_that_is_not_live_for_its_invoice() -> None:
    change(first(Payment.objects, status="unknown"), live_invoice=None)


def an_attempt_that_nobody_made() -> None:
    change(first(Invoice.objects, status="paid"), attempts=F("attempts") + 1)


def a_retry_of_a_failed_invoice() -> None:
    change(first(Invoice.objects, status="failed"), next_attempt_at=clock.now())


def a_payment_over_less_than_it_brought() -> None:
    change(first(Payment.objects, status="succeeded"), amount=F("amount") - 1)


def a_cent_in_no_place() -> None:
    change(first(Receipt.objects, status="unapplied"), amount_unapplied=F("amount_unapplied") - 1)


def a_reservation_that_no_refund_made() -> None:
    change(first(Receipt.objects, status="applied", amount_refunding=0), amount_refunding=1)


def a_refund_of_more_than_was_received() -> None:
    refund = first(Refund.objects, status__in=REFUND_LIVE, amount_unapplied=0)
    change(refund, amount=refund.receipt.amount + 1)
    change(refund.receipt, amount_refunding=refund.receipt.amount + 1)


def a_refund_of_anothers_payment() -> None:
    refund = first(Refund.objects, status="failed")
    change(refund, payment=Payment.objects.exclude(invoice=refund.invoice)[0])


def an_entry_of_another_amount() -> None:
    change(first(Entry.objects, journal__kind="capture"), amount=F("amount") + 1)


def an_entry_in_another_account() -> None:
    change(first(Entry.objects, journal__kind="capture", amount__gt=0), account="fees")


def tax_that_was_not_given_back() -> None:
    refund = first(Entry.objects, journal__kind="refund", account="tax_payable", amount__gt=3)
    change(first(Entry.objects, journal=refund.journal, account="refunds"), amount=F("amount") + 3)
    change(refund, amount=F("amount") - 3)


def a_journal_that_was_lost() -> None:
    journal = first(Journal.objects, kind="receipt_applied")
    Entry.objects.filter(journal=journal).delete()
    journal.delete()


def a_journal_of_nothing() -> None:
    journal = Journal(kind="refund", source="re_nobody", invoice=first(Invoice.objects), recorded_at=clock.now())
    journal.save(force_insert=True)
    for account, amount in (("refunds", 5), ("bank", -5)):
        Entry.objects.create(journal=journal, account=account, amount=amount, currency="EUR")


def a_free_journal_that_is_no_fee() -> None:
    journal = Journal.objects.create(kind="capture", source="rct_nobody", invoice=None, recorded_at=clock.now())
    for account, amount in (("bank", 5), ("unapplied", -5)):
        Entry.objects.create(journal=journal, account=account, amount=amount, currency="EUR")


def a_fee_that_does_not_balance() -> None:
    journal = Journal.objects.create(kind="fee", source="acct:fee_1", invoice=None, recorded_at=clock.now())
    Entry.objects.create(journal=journal, account="fees", amount=5, currency="EUR")


def a_dispute_that_was_lost_by_hand() -> None:
    change(first(Dispute.objects, status="open"), amount=F("amount") + 1)


def a_period_that_nobody_was_billed_for() -> None:
    change(first(Subscription.objects), period=F("period") + 1)


def a_period_that_was_billed_and_forgotten() -> None:
    change(first(SubscriptionInvoice.objects), period=None)


def a_use_that_was_not_counted() -> None:
    change(first(UsageCounter.objects), used=F("used") - 1)


def a_use_that_was_lost() -> None:
    first(UsageRecord.objects).delete()


def a_gap_in_a_log() -> None:
    event = first(OutboxEvent.objects, type="customer.created")
    change(event, sequence=7)


def a_log_that_ends_too_early() -> None:
    change(first(Customer.objects), event_sequence=7)


def an_event_that_nobody_did() -> None:
    change(first(OutboxEvent.objects), actor="")


def an_event_of_no_request() -> None:
    change(first(OutboxEvent.objects), correlation_id="")


def a_step_that_no_machine_has() -> None:
    change(first(OutboxEvent.objects, type="payment.processing"), type="payment.refunded")


def a_final_state_that_was_left() -> None:
    event = first(OutboxEvent.objects, type="receipt.applied")
    change(event, type="receipt.created", data=event.data | {"status": "unapplied"})


def a_status_of_which_no_event_tells() -> None:
    change(first(Payment.objects, status="canceled", receipts=None), status="failed")


def an_event_without_a_position() -> None:
    head = first(Cursor.objects, subscriber=SEQUENCER, position__gt=0)
    change(first(OutboxEvent.objects, shard=head.shard, position=head.position), position=None)


def two_events_that_have_changed_places() -> None:
    invoice = first(Invoice.objects, status="paid")
    one, two = OutboxEvent.objects.filter(aggregate_id=invoice.pk).order_by("sequence")[:2]
    change(one, position=None)
    change(two, position=one.position)
    change(one, position=two.position)


def a_subscriber_ahead_of_the_log() -> None:
    change(first(Cursor.objects.exclude(subscriber=SEQUENCER)), position=F("position") + 1)


def a_webhook_that_was_forgotten() -> None:
    old = clock.now() - datetime.timedelta(days=2)
    change(first(ProviderEvent.objects), status="parked", available_at=old, received_at=old)


def a_card_number_in_a_text() -> None:
    change(first(Invoice.objects), description="paid with 4242 4242 4242 4242, thanks")


def a_card_number_in_json() -> None:
    change(first(Invoice.objects), metadata={"Müller": "4242\u20134242\u20134242\u20134242"})


def a_card_number_in_a_payload() -> None:
    change(first(ProviderEvent.objects), payload='{"card": 4242424242424242}')


CORRUPTIONS: dict[Callable[[], None], set[str]] = {
    overpaid_line: {"lines"},
    lines_that_do_not_add_up: {"lines"},
    **credit_corruptions.CORRUPTIONS,
    another_amount_paid: {"amount_paid"},
    another_amount_refunded: {"amount_refunded"},
    a_payment_that_is_not_live_for_its_invoice: {"live_payment"},
    an_attempt_that_nobody_made: {"attempts"},
    a_retry_of_a_failed_invoice: {"retries"},
    a_payment_over_less_than_it_brought: {"double_charge"},
    a_cent_in_no_place: {"receipt_parts"},
    a_reservation_that_no_refund_made: {"refund_reservations"},
    a_refund_of_more_than_was_received: {"refund_reservations"},
    a_refund_of_anothers_payment: {"references"},
    an_entry_of_another_amount: {"journal_balance"},
    an_entry_in_another_account: {"journal_entries"},
    tax_that_was_not_given_back: {"journal_entries"},
    a_journal_that_was_lost: {"journal_missing"},
    a_journal_of_nothing: {"journal_unexpected"},
    a_free_journal_that_is_no_fee: {"journal_unexpected"},
    a_fee_that_does_not_balance: {"journal_balance"},
    a_dispute_that_was_lost_by_hand: {"journal_entries"},
    a_period_that_nobody_was_billed_for: {"periods"},
    a_period_that_was_billed_and_forgotten: {"periods"},
    a_use_that_was_not_counted: {"usage"},
    a_use_that_was_lost: {"usage"},
    a_gap_in_a_log: {"event_sequence"},
    a_log_that_ends_too_early: {"event_sequence"},
    an_event_that_nobody_did: {"event_actor"},
    an_event_of_no_request: {"event_correlation"},
    a_step_that_no_machine_has: {"event_transitions"},
    a_final_state_that_was_left: {"event_transitions"},
    a_status_of_which_no_event_tells: {"event_status"},
    an_event_without_a_position: {"positions"},
    two_events_that_have_changed_places: {"positions"},
    a_subscriber_ahead_of_the_log: {"positions"},
    a_webhook_that_was_forgotten: {"inbox_age"},
    a_card_number_in_a_text: {"card_numbers"},
    a_card_number_in_json: {"card_numbers"},
    a_card_number_in_a_payload: {"card_numbers"},
}


@pytest.fixture(scope="module")
def without_triggers(seeded: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The books can be changed, until this module's end."""
    guard: Any = importlib.import_module("invoices.migrations.0003_append_only_books")
    of_credit: Any = importlib.import_module("invoices.migrations.0005_append_only_credit")
    tables = (*guard.TABLES, *of_credit.TABLES)
    with django_db_blocker.unblock():
        with connection.schema_editor(atomic=False) as editor:
            guard.drop(None, editor, tables)
        yield
        with connection.schema_editor(atomic=False) as editor:
            guard.create(None, editor, tables)


def test_nothing_is_wrong_with_what_was_seeded(unguarded: None) -> None:
    """Every check passes before anything is corrupted."""
    assert named() == set()


@pytest.mark.parametrize("corrupt", CORRUPTIONS, ids=lambda each: each.__name__)
def test_a_corruption_is_named_by_its_check(
    without_triggers: None, unguarded: None, corrupt: Callable[[], None]
) -> None:
    """By that one, and by no other."""
    corrupt()
    assert named(frozenset(CHECKS) - {"append_only"}) == CORRUPTIONS[corrupt]


def test_missing_triggers_are_noticed(without_triggers: None, unguarded: None) -> None:
    """The books could be changed, though nobody has."""
    assert named() == {"append_only"}


def test_a_payment_that_says_it_has_money_is_doubted(without_triggers: None, unguarded: None) -> None:
    """Two checks have something to say: no receipt, and no event."""
    change(first(Payment.objects, status="failed", receipts=None), status="succeeded")
    assert named(frozenset(CHECKS) - {"append_only"}) == {"captures", "event_status"}


def test_every_check_can_fail() -> None:
    """None of them is there for show."""
    shown = set().union(*CORRUPTIONS.values()) | {"append_only", "captures"}
    assert shown == set(CHECKS)


def test_rows_that_refer_to_nothing_are_noticed(without_triggers: None, unguarded: None) -> None:
    """An event of an invoice that is not there, and one of a thing that nobody knows."""
    for number, aggregate in enumerate((f"inv_{'7' * 26}", "zebra_1")):
        OutboxEvent.objects.create(
            type="customer.created",
            data={},
            aggregate_type="x",
            aggregate_id=aggregate,
            sequence=number + 1,
            shard=1,
            actor="staff:usr_1",
            correlation_id="req_1",
            occurred_at=clock.now(),
        )
    assert named(frozenset({"references"})) == {"references"}
