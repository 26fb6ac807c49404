"""Payments that were made, what the provider booked without telling, and one reconciliation of it all."""

import datetime
import time

from invoices.tests.factories import MERCHANT_KEY
from payments import services
from payments.models import Difference, Payment, Refund, SettlementRun
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.objects import Charge, NewCharge, NewRefund
from payments.tests.factories import make_key, make_payment

DAY = datetime.timedelta(days=1)


def paid(token: str = "tok_visa") -> Payment:
    """A payment that the provider has answered."""
    payment = make_payment(token=token)
    services.submit(payment_id=payment.id)
    return Payment.objects.get(id=payment.id)


def charged_there(core: SimulatorCore, payment: Payment, *, amount: int | None = None, currency: str = "") -> Charge:
    """The provider has taken the money, and nobody has told us."""
    new = NewCharge(
        amount=payment.amount if amount is None else amount,
        currency=currency or payment.currency,
        payment_method="tok_visa",
        reference=payment.id,
    )
    return core.charge(new, key=payment.id, now=time.time())


def refund_of(payment: Payment, amount: int | None = None) -> Refund:
    """A refund that nobody has sent yet."""
    return services.request_refund(
        actor=MERCHANT_KEY, payment_id=payment.id, key=make_key(operation="payments.refund"), amount=amount
    ).row


def refunded_there(core: SimulatorCore, refund: Refund, *, amount: int | None = None) -> str:
    """The provider has made the refund, and nobody has told us; its reference."""
    new = NewRefund(refund.charge_reference, refund.id, amount or refund.amount, refund.currency)
    return core.refund(new, key=refund.id, now=time.time()).id


def charged_for_nobody(core: SimulatorCore, amount: int = 500) -> Charge:
    """The provider has taken money that no payment of ours is for."""
    return core.charge(NewCharge(amount, "EUR", "tok_visa", "pay_of_another_shop"), key="k", now=time.time())


def make_difference() -> Difference:
    """One that waits for a person."""
    ours = {"provider": "simulated", "provider_account": "default"}
    run = SettlementRun.objects.create(since=now() - DAY, until=now(), started_at=now(), **ours)
    facts = {"kind": "missing_here", "subject": "charge", "provider_reference": "ch_1", "found_amount": 500}
    return Difference.objects.create(run=run, found_currency="EUR", booked_at=now(), found_at=now(), **facts, **ours)


def now() -> datetime.datetime:
    return datetime.datetime.now(tz=datetime.UTC)


def reconcile(*, dry_run: bool = False) -> tuple[services.SettlementReport, list[Difference]]:
    """The books of the day around now."""
    told: list[Difference] = []
    report = services.reconcile_settlement(
        provider="simulated", since=now() - DAY, until=now() + DAY, dry_run=dry_run, tell=told.append
    )
    return report, told


def found(*, dry_run: bool = False) -> Difference:
    """The one difference that a reconciliation finds."""
    _, [difference] = reconcile(dry_run=dry_run)
    return difference


def assert_nothing_differs() -> None:
    """A reconciliation finds nothing."""
    report, told = reconcile()
    assert (told, report.mended, report.left) == ([], 0, 0)
