"""What moves money races itself on MariaDB: refunds, cancels, webhooks, disputes, retries. The invariants hold.

Each test prints what the callers were told and how often a transaction ran again, which no caller hears of.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest
from django.db.models import Sum

from config.api.idempotency import IdempotencyKey
from config.api.principals import system
from config.kernel import clock, db
from config.kernel.errors import Conflict
from invoices.models import Invoice
from invoices.tests.factories import make_invoice
from payments import services
from payments.models import Dispute, Payment, Receipt, Refund
from payments.tests.factories import make_key, make_payment
from tests.concurrency.threads import all_at_once
from tests.invariants import check_invariants
from webhooks.inbound import services as inbound
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import answer_to, event_about

pytestmark = pytest.mark.django_db(transaction=True)
ACTOR = system("test")
TERMS = services.PaymentTerms(provider="simulated", payment_method="tok_visa")
LATE_SECONDS = (0.01, 0.15)
"""A webhook's way to the database is longer than that of a call: what starts late comes during one, or after it."""
LONG = pytest.param(500, marks=pytest.mark.long)


@pytest.fixture(autouse=True)
def _ran_again() -> Iterator[None]:
    """Deadlocks and lock timeouts that a transaction got over, by their code."""
    codes: Counter[object] = Counter()

    def note(*, code: object, **_: object) -> None:
        codes[code] += 1

    db.runs_again.connect(note)
    yield
    db.runs_again.disconnect(note)
    print(f"ran again: {dict(codes)}")


def answer(call: Callable[[], object]) -> str:
    """What the caller is told: "ok", or the name of the conflict. Anything else, a deadlock say, is raised."""
    try:
        call()
    except Conflict as refusal:
        return type(refusal).__name__
    return "ok"


def at_once(calls: Sequence[Callable[[], object]], *, by: random.Random, late: int = 2) -> list[str]:
    """The answers, in the order of `calls`, of which as many as are `late` start a moment after the others."""
    latecomers, seconds = by.sample(range(len(calls)), late), by.choice(LATE_SECONDS)

    def start(number: int) -> str:
        time.sleep(seconds if number in latecomers else 0)
        return answer(calls[number])

    return all_at_once([partial(start, number) for number in range(len(calls))])


def paid() -> Payment:
    payment = make_payment()
    assert answer_to(event_about(payment)) == "processed"
    return payment


def refund(payment: Payment, amount: int, key: IdempotencyKey) -> Refund:
    return services.request_refund(actor=ACTOR, payment_id=payment.id, key=key, amount=amount).row


def let_time_pass() -> None:
    """Until what was parked or could not be applied has been tried again."""
    ProviderEvent.objects.filter(status__in=["parked", "received"]).update(available_at=clock.now())
    inbound.sweep()


@pytest.mark.parametrize("rounds", [20, LONG])
def test_twenty_refunds_at_once_never_give_back_more_than_came(rounds: int) -> None:
    """What does not fit is told how much is left; five that share a key are one refund."""
    by = random.Random(1)
    for _ in range(rounds):
        payment, shared = paid(), make_key(operation="payments.refund")
        amounts = [by.randint(1, 300) for _ in range(15)]
        calls = [partial(refund, payment, amount, make_key(operation="payments.refund")) for amount in amounts]
        calls += [partial(refund, payment, 100, shared)] * 5
        answers = at_once(calls, by=by, late=0)
        assert set(answers) <= {"ok", "RefundTooLarge"}
        assert len(set(answers[15:])) == 1
        made = Refund.objects.filter(payment=payment)
        total = made.aggregate(total=Sum("amount"))["total"]
        granted = [amount for amount, said in zip(amounts, answers, strict=False) if said == "ok"]
        assert sorted(made.values_list("amount", flat=True)) == sorted(granted + [100] * (answers[15] == "ok"))
        assert total <= payment.amount
        refused = [amount for amount, said in zip(amounts, answers, strict=False) if said != "ok"]
        assert all(amount > payment.amount - total for amount in refused)
        assert Receipt.objects.get(payment=payment).amount_refunding == total
    check_invariants()


@pytest.mark.parametrize("rounds", [12, LONG])
@pytest.mark.parametrize("end", ["charge.succeeded", "charge.failed"])
def test_pay_against_cancel_against_webhook(rounds: int, end: str) -> None:
    """One live payment at most; money that the provider has taken is booked once, and pays the invoice in the end."""
    by, told = random.Random(2), Counter[tuple[str, ...]]()
    for _ in range(rounds):
        payment = make_payment()
        if by.random() < 0.5:
            answer_to(event_about(payment, "charge.pending"))
        webhook = event_about(payment, end, failure_code="insufficient_funds")
        pay = partial(services.pay_invoice, actor=ACTOR, invoice_id=payment.invoice_id, terms=TERMS)
        calls: list[Callable[[], object]] = [
            partial(pay, key=make_key()),
            partial(services.cancel_payment, actor=ACTOR, payment_id=payment.id),
            partial(answer_to, webhook),
            partial(answer_to, webhook),
            partial(services.submit, payment_id=payment.id),
        ]
        said = at_once(calls, by=by)
        assert said[2:] == ["ok"] * 3
        told[tuple(said[:2])] += 1
        _check_one_invoice(payment, came=end == "charge.succeeded")
    print(dict(told))
    check_invariants()


def _check_one_invoice(payment: Payment, *, came: bool) -> None:
    """What is still in flight is declined: money held back while it might have brought some pays then."""
    for live in Payment.objects.filter(live_invoice=payment.invoice_id):
        answer_to(event_about(live, "charge.failed", failure_code="stolen_card"))
    invoice = Invoice.objects.get(id=payment.invoice_id)
    assert Receipt.objects.filter(invoice=invoice).count() == came
    assert (invoice.status == "paid") == came, (invoice.status, payment.id)


@pytest.mark.parametrize("rounds", [10, LONG])
def test_refund_against_dispute_against_the_refunds_own_webhook(rounds: int) -> None:
    """A dispute that is seen first blocks the refund; what the provider says of refunds counts all the same."""
    by, told = random.Random(3), Counter[tuple[str, ...]]()
    for _ in range(rounds):
        payment = paid()
        ours = refund(payment, 300, make_key(operation="payments.refund"))
        there = event_about(payment, "refund.succeeded", reference=None, refund=f"rf_{ours.id}_there", amount=250)
        end = by.choice(["refund.succeeded", "refund.failed"])
        own = event_about(payment, end, reference=ours.id, refund=f"rf_{ours.id}", amount=300)
        dispute = event_about(payment, "dispute.opened", dispute=f"dp_{payment.id}", amount=payment.amount)
        calls: list[Callable[[], object]] = [
            partial(refund, payment, 700, make_key(operation="payments.refund")),
            *(partial(answer_to, body) for body in (there, own, own, dispute)),
        ]
        said = at_once(calls, by=by)
        told[tuple(said[:1])] += 1
        assert said[0] in ("ok", "PaymentDisputed", "RefundTooLarge")
        assert said[1:] == ["ok"] * 4
        let_time_pass()
        assert Dispute.objects.get(payment=payment).status == "open"
        assert Refund.objects.get(id=ours.id).status == end.removeprefix("refund.")
        receipt = Receipt.objects.get(payment=payment)
        assert receipt.amount_refunded == 250 + 300 * (end == "refund.succeeded")
        assert receipt.amount_refunding == 700 * (said[0] == "ok")
    print(dict(told))
    assert not ProviderEvent.objects.exclude(status__in=["processed", "ignored"]).exists()
    check_invariants()


@pytest.mark.parametrize("rounds", [10, LONG])
def test_an_automatic_retry_against_paying_by_hand_against_late_success(rounds: int) -> None:
    """One next attempt, or none; the late money pays at once or when the attempt that was made ends without any."""
    by, told = random.Random(4), Counter[tuple[int, str]]()
    for _ in range(rounds):
        payment = make_payment(invoice=make_invoice())
        answer_to(event_about(payment, "charge.failed", failure_code="insufficient_funds"))
        Invoice.objects.filter(id=payment.invoice_id).update(next_attempt_at=clock.now())
        by_hand = partial(services.pay_invoice, actor=ACTOR, invoice_id=payment.invoice_id, terms=TERMS)
        calls: list[Callable[[], object]] = [
            services.retry_due,
            services.retry_due,
            partial(by_hand, key=make_key()),
            partial(answer_to, event_about(payment)),
        ]
        said = at_once(calls, by=by)
        assert [said[0], said[1], said[3]] == ["ok"] * 3
        attempts = Payment.objects.filter(invoice=payment.invoice_id).count()
        assert attempts <= 2
        told[attempts, said[2]] += 1
        _check_one_invoice(payment, came=True)
    print(told)
    check_invariants()
