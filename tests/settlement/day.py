"""A day's traffic through the services, a real provider simulator and real webhooks; workers are played by `work`."""

import datetime
import time
from collections.abc import Iterable

from config.kernel import clock
from invoices.models import Invoice
from invoices.tests.factories import MERCHANT_KEY, make_invoice
from outbox import services as outbox
from payments import services
from payments.models import Difference, Payment, Receipt, Refund
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.providers.simulated.simulator.tokens import TOKENS
from payments.services import SettlementReport
from payments.states import AWAITED, IN_FLIGHT, REFUND_LIVE, PaymentStatus
from payments.tests.factories import make_key, make_payment
from webhooks.inbound import services as inbound
from webhooks.inbound.models import ProviderEvent

CURRENCIES = ("EUR", "USD", "JPY")
TROUBLE = {
    "duplicate": 0.2,
    "duplicate_copies": 2,
    "reorder": 0.2,
    "delay_seconds": 0.02,
    "drop": 0.1,
    "timeout_before": 0.03,
    "timeout_after": 0.03,
    "settle_seconds": 0.1,
    "hang_seconds": 0.3,
    "evidence_seconds": 3 * 86_400,
    "fee_per_mille": 29,
    "fee_fixed": 30,
}
"""Every dial there is."""
NEEDS_WEBHOOKS = ("tok_wrong_reference", "tok_wrong_account", "tok_disputed")
"""Whose end nobody can ask for: a webhook that is lost for good is a difference."""
NEVER_ENDS = ("tok_pending", "tok_timeout_always")
ROUNDS = 10


class Day:
    def __init__(self, simulator: SimulatorServer) -> None:
        self.simulator = simulator
        self.core = simulator.core
        self._amounts = iter(range(1000, 100_000, 7))

    def dial(self, **changes: float) -> None:
        self.core.dials = self.core.dials.changed(changes)

    def ask_for(self, tokens: Iterable[str]) -> list[Payment]:
        """An invoice and its first payment for each, in turns of currency."""
        return [
            make_payment(
                invoice=make_invoice(amount=next(self._amounts), currency=CURRENCIES[n % len(CURRENCIES)]), token=token
            )
            for n, token in enumerate(tokens)
        ]

    def pay(self, copies: int) -> None:
        """Every token, some of them where no webhook is lost; what is pending by hand is settled or canceled."""
        self.dial(**TROUBLE)
        self.ask_for(token for token in TOKENS for _ in range(copies) if token not in NEEDS_WEBHOOKS)
        self.ask_for("tok_visa" for _ in range(16 * copies))
        self.work()
        self.dial(drop=0)
        self.ask_for(token for token in NEEDS_WEBHOOKS for _ in range(2 * copies))
        by_hand = Payment.objects.filter(payment_method="tok_pending", status=PaymentStatus.PROCESSING).order_by("id")
        for n, payment in enumerate([*by_hand, *self._submitted("tok_pending", 3)]):
            if n % 3 == 0:
                services.cancel_payment(actor=MERCHANT_KEY, payment_id=payment.id)
            else:
                self.core.settle_charge(payment.id, failure_code="stolen_card" if n % 3 == 1 else "", now=time.time())
        self.work()

    def _submitted(self, token: str, number: int) -> list[Payment]:
        """With answers that come."""
        self.dial(timeout_before=0, timeout_after=0)
        payments = self.ask_for([token] * number)
        for payment in payments:
            services.submit(payment_id=payment.id)
        return payments

    def refund(self) -> None:
        """Ours, whole and in equal parts, some of which fail, hang or wait for the provider's staff."""
        self.dial(drop=TROUBLE["drop"], timeout_before=0.1, timeout_after=0.1)
        for n, payment in enumerate(self.succeeded()):
            if payment.payment_method in ("tok_refund_fails", "tok_refund_pending") or n % 6 == 0:
                self.request_refund(payment, None)
            elif n % 6 == 1:
                self.request_refund(payment, payment.amount // 3)
                self.request_refund(payment, payment.amount // 3)
        self.work()
        for refund in Refund.objects.filter(payment__payment_method="tok_refund_pending", status__in=REFUND_LIVE):
            self.core.settle_refund(str(refund.provider_reference), failure_code="", now=time.time())
        self.work()

    def request_refund(self, payment: Payment, amount: int | None) -> Refund:
        key = make_key(operation="payments.refund")
        return services.request_refund(actor=MERCHANT_KEY, payment_id=payment.id, key=key, amount=amount).row

    def act_at_the_provider(self) -> None:
        """Its dashboard, cardholders' banks and its own bank; no webhook is lost for good."""
        self.dial(drop=0, timeout_before=0, timeout_after=0)
        untouched = self.untouched()
        for n, payment in enumerate(untouched[: len(untouched) // 2]):
            if n % 5 == 0:
                self.core.refund_at_dashboard(payment.id, amount=payment.amount // 4, now=time.time())
            elif n % 5 < 4:
                dispute = self.core.open_dispute(payment.id, amount=payment.amount // 2, now=time.time())
                if n % 5 > 1:
                    outcome = "won" if n % 5 == 2 else "lost"
                    self.core.close_dispute(dispute.id, outcome=outcome, now=time.time())  # type: ignore[arg-type]
        returned = Refund.objects.filter(status="succeeded", amount_unapplied=0).order_by("id")[:2]
        for refund in returned:
            self.core.settle_refund(str(refund.provider_reference), failure_code="account_closed", now=time.time())
        for currency in CURRENCIES:
            self.core.pay_out(currency=currency, amount=self.core.balance(currency) // 2, now=time.time())
        self.work()

    def succeeded(self) -> list[Payment]:
        return list(Payment.objects.filter(status="succeeded", disputes=None).order_by("id"))

    def untouched(self) -> list[Payment]:
        """Paid, and nothing has happened to their money since."""
        return [payment for payment in self.succeeded() if not payment.refunds.exists()]

    def work(self) -> None:
        """What workers and sweeps do until nothing is under way but what never ends."""
        for _ in range(ROUNDS):
            self._hurry()
            services.sweep(limit=10_000, budget_seconds=60)
            services.sweep_refunds(limit=10_000, budget_seconds=60)
            services.retry_due(limit=10_000, budget_seconds=60)
            time.sleep(self.core.dials.settle_seconds)
            self.simulator.wait_for_webhooks(60)
            inbound.sweep()
            outbox.drain()
            if self._is_quiet():
                return
        raise AssertionError(f"still under way: {[*self._under_way(), *self._refunds_under_way()]}")

    def _hurry(self) -> None:
        """Whatever waits for its time is due."""
        now = clock.now()
        ending = Payment.objects.exclude(payment_method__in=NEVER_ENDS, status__in=IN_FLIGHT)
        ending.filter(available_at__isnull=False).update(available_at=now)
        Refund.objects.filter(available_at__isnull=False).update(available_at=now)
        Invoice.objects.filter(next_attempt_at__isnull=False).update(next_attempt_at=now)
        ProviderEvent.objects.filter(available_at__isnull=False).update(available_at=now)

    def _is_quiet(self) -> bool:
        waiting = Invoice.objects.filter(next_attempt_at__isnull=False).exists()
        unread = ProviderEvent.objects.filter(status__in=["received", "parked"]).exists()
        return not (waiting or unread or self._under_way() or self._refunds_under_way())

    def _under_way(self) -> list[Payment]:
        live = Payment.objects.filter(status__in=AWAITED)
        return list(live.exclude(payment_method__in=NEVER_ENDS))

    def _refunds_under_way(self) -> list[Refund]:
        return list(Refund.objects.filter(status__in=REFUND_LIVE).exclude(payment__payment_method="tok_refund_pending"))


def reconcile() -> tuple[SettlementReport, list[Difference]]:
    """The books of the day around now."""
    told: list[Difference] = []
    now = datetime.datetime.now(tz=datetime.UTC)
    day = datetime.timedelta(days=1)
    report = services.reconcile_settlement(provider="simulated", since=now - day, until=now + day, tell=told.append)
    return report, told


def receipt_of(payment: Payment) -> Receipt:
    return Receipt.objects.get(payment=payment, returned_refund=None)
