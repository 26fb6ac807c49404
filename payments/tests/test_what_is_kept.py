"""What payments and refunds keep of what a provider says: its words as far as they fit, and when to ask it again."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings

from config.api.principals import system
from config.kernel import clock, db
from invoices.models import Invoice
from invoices.tests.factories import make_invoice
from outbox.models import OutboxEvent
from payments import services
from payments.models import Payment, Receipt, Refund
from payments.providers.base import Canceled, Declined, NotFound, Outcome, Pending, Unknown
from payments.services import disposing, outcomes, schedule
from payments.services.locks import lock
from payments.services.refunds import outcomes as refund_outcomes
from payments.services.refunds import submission
from payments.services.refunds.locks import lock_refund
from payments.tests.factories import SOFT, captured, make_paid, make_payment, make_refund, refunded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("invariants_hold")]
ACTOR = system("test")
LONG = Declined(code="c" * 101, retryable=False, message="m" * 501)
MINUTE = datetime.timedelta(minutes=1)


@db.transaction(idempotent=False)
def tell(payment: Payment, outcome: Outcome) -> str:
    invoice, locked = lock(payment.id)
    return outcomes.apply_outcome(invoice=invoice, payment=locked, outcome=outcome, actor=ACTOR).value


@db.transaction(idempotent=False)
def tell_refund(refund: Refund, outcome: Outcome) -> str:
    invoice, payment, locked = lock_refund(refund.id)
    told: dict[str, Any] = {"invoice": invoice, "payment": payment, "refund": locked}
    return refund_outcomes.apply_refund_outcome(**told, outcome=outcome, actor=ACTOR).value


@db.transaction(idempotent=False)
def doubt_refund(refund: Refund, reason: str) -> str:
    invoice, payment, locked = lock_refund(refund.id)
    told: dict[str, Any] = {"invoice": invoice, "payment": payment, "refund": locked}
    return refund_outcomes.refuse(**told, reference="", actor=ACTOR, reason=reason).value


def sent_refund() -> Refund:
    refund = make_refund(make_paid())
    assert submission._claim(refund, wait=True) is not None
    return refund


def fresh(row: Any) -> Any:
    return type(row).objects.get(id=row.id)


def reason_of(event: str) -> str:
    return OutboxEvent.objects.get(type=event).reason


def test_the_words_of_a_decline_are_cut_to_what_fits() -> None:
    """Code, message, and whether another try makes sense."""
    payment = make_payment()
    tell(payment, LONG)
    stored = fresh(payment)
    assert (stored.failure_code, stored.failure_message, stored.failure_retryable) == ("c" * 100, "m" * 500, False)


def test_the_words_of_a_failed_refund_are_cut_to_what_fits() -> None:
    """Of one that comes back after it has succeeded as well."""
    failed, returned = sent_refund(), sent_refund()
    tell_refund(returned, refunded(returned))
    for refund in (failed, returned):
        assert tell_refund(refund, LONG) == "applied"
        assert (fresh(refund).failure_code, fresh(refund).failure_message) == ("c" * 100, "m" * 500)
    assert OutboxEvent.objects.filter(type="refund.returned").count() == 1


def test_why_an_answer_was_lost_is_the_events_reason_as_far_as_it_fits() -> None:
    """Of a payment and of a refund; where the caller gives a reason, that."""
    payment, refund = make_payment(), sent_refund()
    tell(payment, Pending())
    tell(payment, Unknown("p" * 501))
    tell_refund(refund, Unknown("r" * 501))
    assert (reason_of("payment.unknown"), reason_of("refund.unknown")) == ("p" * 500, "r" * 500)


def test_what_the_provider_does_not_know_is_lost_and_says_so() -> None:
    """Not found is never failed."""
    payment, refund = make_payment(), sent_refund()
    tell(payment, Pending())
    assert [tell(payment, NotFound()), tell_refund(refund, NotFound())] == ["applied", "applied"]
    assert reason_of("payment.unknown") == "the provider does not know this payment"
    assert reason_of("refund.unknown") == "the provider does not know this refund"


def test_a_canceled_refund_has_failed_and_says_how() -> None:
    """There is no other word for it in our machine."""
    refund = sent_refund()
    assert tell_refund(refund, Canceled()) == "applied"
    assert (fresh(refund).status, fresh(refund).failure_code) == ("failed", "canceled")


def test_a_doubt_about_a_refund_is_kept_as_far_as_it_fits_and_told_once() -> None:
    """Another doubt is news; the same one is not, while nobody is asked about it any more."""
    refund = sent_refund()
    assert doubt_refund(refund, "d" * 501) == "applied"
    assert (fresh(refund).failure_message, fresh(refund).available_at) == ("d" * 500, None)
    assert doubt_refund(refund, "d" * 501) == "stale"
    assert doubt_refund(refund, "another") == "applied"
    Refund.objects.filter(id=refund.id).update(available_at=clock.now())
    assert doubt_refund(refund, "another") == "applied"
    assert fresh(refund).available_at is None


@pytest.mark.parametrize("outcome", [Pending("ref_1"), Unknown("timeout")], ids=repr)
def test_the_provider_is_asked_a_minute_after_it_has_said_nothing_final(outcome: Outcome) -> None:
    """The first delay of the schedule, from now: not from when it was sent."""
    payment, refund = make_payment(), sent_refund()
    tell(payment, Pending())
    Payment.objects.filter(id=payment.id).update(available_at=None)
    Refund.objects.filter(id=refund.id).update(available_at=None)
    before = clock.now()
    assert [tell(payment, outcome), tell_refund(refund, outcome)] == ["applied", "applied"]
    for row in (payment, refund):
        assert before + MINUTE <= fresh(row).available_at <= clock.now() + MINUTE


def test_a_refund_that_is_worked_on_is_news_once() -> None:
    """Again when its reference is told for the first time, and when it had been lost."""
    refund = sent_refund()
    told = [tell_refund(refund, outcome) for outcome in (Pending(), Pending("rf_1"), Pending("rf_1"))]
    assert told == ["stale", "applied", "stale"]
    told = [tell_refund(refund, outcome) for outcome in (Unknown("timeout"), Pending("rf_1"))]
    assert (told, fresh(refund).status) == (["applied", "applied"], "processing")


@pytest.mark.parametrize("ending", [LONG, None], ids=["failed", "succeeded"])
def test_nobody_is_asked_about_what_has_ended(ending: Outcome | None) -> None:
    """It is not due any more, and says when it ended."""
    payment, refund = make_payment(), sent_refund()
    before = clock.now()
    tell(payment, ending or captured(payment))
    tell_refund(refund, ending or refunded(refund))
    for row in (payment, refund):
        assert fresh(row).available_at is None
        assert before <= fresh(row).ended_at <= clock.now()


def test_nobody_is_asked_about_what_a_person_looks_at() -> None:
    """A review ends by a person's word."""
    payment = make_payment()
    tell(payment, captured(payment, currency="CHF"))
    assert (fresh(payment).status, fresh(payment).available_at) == ("review", None)


@pytest.mark.parametrize("outcome", [Canceled("ch_1"), Declined("expired", False, "ch_1"), Pending("ch_1")], ids=repr)
def test_a_payment_bears_the_reference_by_which_its_provider_first_speaks_of_it(outcome: Outcome) -> None:
    """Whatever is said of it, and recorded as sent before anything else."""
    payment = make_payment()
    before = clock.wall()
    assert tell(payment, outcome) == "applied"
    assert fresh(payment).provider_reference == "ch_1"
    assert before <= fresh(payment).submitted_at <= clock.wall()
    events = OutboxEvent.objects.filter(aggregate_id=payment.invoice_id).order_by("sequence")
    types = list(events.values_list("type", flat=True))
    assert types[3:5] == ["payment.processing", "payment.submitted"]


def test_a_refund_that_was_not_sent_when_it_succeeded_is_recorded_as_sent() -> None:
    """The provider's answer is proof of that."""
    refund = make_refund(make_paid())
    before = clock.wall()
    tell_refund(refund, refunded(refund))
    assert before <= fresh(refund).submitted_at <= clock.wall()


@pytest.mark.parametrize(("tries", "seconds"), [(0, 60), (1, 300), (2, 3600), (3, 86400), (7, 86400), (8, 86400)])
def test_the_schedules_last_delay_goes_on_for_ever(tries: int, seconds: int) -> None:
    """A day, after the eighth question as after the seventh."""
    assert schedule.delay_after(tries) == datetime.timedelta(seconds=seconds)


@pytest.mark.parametrize(("tries", "seconds"), [(0, 1), (1, 2), (2, 3), (3, 3)])
def test_every_delay_of_a_schedule_is_used(settings: LazySettings, tries: int, seconds: int) -> None:
    """The last one too."""
    settings.RECONCILE_SCHEDULE_SECONDS = [1, 2, 3]
    assert schedule.delay_after(tries) == datetime.timedelta(seconds=seconds)


def test_what_is_due_at_this_instant_is_due() -> None:
    """And what is due never is not."""
    with time_machine.travel(datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC), tick=False):
        assert schedule.is_due(Payment(available_at=clock.now()))
        assert not schedule.is_due(Payment(available_at=clock.now() + datetime.timedelta(microseconds=1)))
    assert not schedule.is_due(Payment(available_at=None))


STEPS: dict[str, Callable[[Invoice, Payment, Refund], object]] = {
    "outcome": lambda invoice, payment, _: outcomes.apply_outcome(
        invoice=invoice, payment=payment, outcome=Unknown("lost"), actor=ACTOR
    ),
    "refuse": lambda invoice, payment, _: outcomes.refuse(
        invoice=invoice, payment=payment, reference="", actor=ACTOR, reason="odd"
    ),
    "cancel": lambda invoice, payment, _: outcomes.cancel(invoice=invoice, payment=payment, actor=ACTOR, reason=""),
    "lose": lambda invoice, payment, _: outcomes.lose(invoice=invoice, payment=payment, actor=ACTOR, reason=""),
    "review": lambda invoice, payment, _: outcomes.send_to_review(
        invoice=invoice, payment=payment, actor=ACTOR, reason=""
    ),
    "dispose": lambda invoice, payment, _: disposing.dispose(
        invoice=invoice, payment=payment, money=[], disposition=services.Disposition.KEEP, actor=ACTOR, reason=""
    ),
    "refund outcome": lambda invoice, payment, refund: refund_outcomes.apply_refund_outcome(
        invoice=invoice, payment=payment, refund=refund, outcome=Unknown("lost"), actor=ACTOR
    ),
    "refund refuse": lambda invoice, payment, refund: refund_outcomes.refuse(
        invoice=invoice, payment=payment, refund=refund, reference="", actor=ACTOR, reason="odd"
    ),
    "refund lose": lambda invoice, payment, refund: refund_outcomes.lose(
        invoice=invoice, payment=payment, refund=refund, actor=ACTOR, reason=""
    ),
    "refund give up": lambda invoice, payment, refund: refund_outcomes.give_up(
        invoice=invoice, payment=payment, refund=refund, actor=ACTOR, reason=""
    ),
}


def test_a_capture_of_nothing_for_what_has_ended_is_no_news() -> None:
    """There is nothing to book, and nobody has to look."""
    payment = make_payment()
    tell(payment, LONG)
    assert tell(payment, captured(payment, amount=0)) == "stale"


def test_a_refund_that_a_person_has_failed_stays_so_when_no_money_is_named() -> None:
    """A success without a reference names no other refund that could be booked."""
    refund = sent_refund()
    doubt_refund(refund, "odd")
    services.fail_refund(actor=ACTOR, refund_id=refund.id, failure_code="no_such_account", reason="the bank says so")
    assert tell_refund(refund, refunded(refund, reference="")) == "stale"
    assert (fresh(refund).status, Refund.objects.count()) == ("failed", 1)


def test_of_money_that_waits_twice_one_pays_and_the_other_goes_back() -> None:
    """When the live payment that held it up has ended."""
    first, *_ = attempts = [make_payment()]
    for outcome in (SOFT, SOFT, Pending("ch_live")):
        tell(attempts[-1], outcome)
        if outcome == SOFT:
            attempts.append(make_payment(invoice=first.invoice))
    for late in attempts[:2]:
        tell(late, captured(late))
    assert set(Receipt.objects.values_list("status", flat=True)) == {"unapplied"}
    tell(attempts[2], LONG)
    assert list(Receipt.objects.order_by("id").values_list("status", flat=True)) == ["applied", "refunding"]
    assert fresh(first).invoice.status == "paid"


def test_a_payment_that_two_charges_have_paid_is_refunded_when_both_are() -> None:
    """Not when one charge has gone back whole."""
    payment = make_payment(invoice=make_invoice(1250))
    for reference, amount in (("ch_1", 700), ("ch_2", 500)):
        tell(payment, captured(payment, reference=reference, amount=amount))
    services.resolve_payment(
        actor=ACTOR, payment_id=payment.id, status="succeeded", disposition=services.Disposition.APPLY, reason="both"
    )
    for amount, status in ((700, "succeeded"), (499, "succeeded"), (1, "refunded")):
        refund = make_refund(payment, amount)
        assert tell_refund(refund, refunded(refund)) == "applied"
        assert fresh(payment).status == status


@pytest.mark.parametrize("step", STEPS)
def test_a_step_without_a_transaction_does_nothing(step: str) -> None:
    """Neither to the rows nor to the objects it was given: half of it would stay."""
    payment, refund = make_payment(), sent_refund()
    tell(payment, Pending())
    given = [Invoice.objects.get(id=payment.invoice_id), fresh(payment), fresh(refund)]
    before = [each.__dict__ | {"_state": None} for each in given]
    with pytest.raises(db.NotInTransaction):
        STEPS[step](*given)
    assert [{**each.__dict__, "_state": None} for each in given] == before
    assert Receipt.objects.count() == 1
