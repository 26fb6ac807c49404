"""An invoice and its money, as the operations meet them: made by the services and the provider, committed."""

import dataclasses
import time
from collections.abc import Callable

from config.kernel import clock
from invoices.models import Customer, Invoice
from invoices.tests.factories import make_credit, make_invoice
from payments import services
from payments.models import Payment, Refund
from payments.providers.base import Declined
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.tests.factories import make_payment, make_refund, tell_payment
from webhooks.inbound.tests.sending import event_about

REFUND, REFUND_THERE, REFUND_BEFORE = 700, 600, 400
"""Of 1250: the first fits only beside the last, and not twice."""


@dataclasses.dataclass(frozen=True)
class World:
    """What operations are about, and the body of the webhook that is on its way; `rumour` is one about `elsewhere`.

    Without `news` a webhook is whatever the provider wants to say by then.
    """

    core: SimulatorCore
    invoice_id: str
    payment_id: str = ""
    refund_id: str = ""
    news: bytes | None = None
    customer_id: str = ""
    elsewhere: str = ""
    rumour: bytes | None = None

    @property
    def invoice_ids(self) -> list[str]:
        return [self.invoice_id, self.elsewhere] if self.elsewhere else [self.invoice_id]


def _open(core: SimulatorCore) -> World:
    return World(core, make_invoice().id)


def _credited(core: SimulatorCore) -> World:
    """Open, and the customer's credit has paid a part."""
    customer = make_credit(250).customer
    return World(core, make_invoice(customer_id=customer.id).id, customer_id=customer.id)


def _credited_and_sent(core: SimulatorCore) -> World:
    """The provider has the money for the rest, and we have not heard of it; there is new credit."""
    world = _credited(core)
    payment = make_payment(invoice=Invoice.objects.get(id=world.invoice_id), token="tok_pending")
    services.submit(payment_id=payment.id)
    make_credit(400, customer=Customer.objects.get(id=world.customer_id))
    core.settle_charge(payment.id, failure_code="insufficient_funds", now=time.time())
    return dataclasses.replace(world, payment_id=payment.id, news=take(core))


def _requested(core: SimulatorCore) -> World:
    """Nobody has sent the payment."""
    payment = make_payment()
    return World(core, payment.invoice_id, payment.id)


def _sent(token: str) -> Payment:
    """It is due to be asked about, whatever is known of it."""
    payment = make_payment(token=token)
    services.submit(payment_id=payment.id)
    Payment.objects.filter(id=payment.id).update(available_at=clock.now())
    return payment


def _pending(core: SimulatorCore) -> World:
    """The provider has not decided."""
    payment = _sent("tok_pending")
    return World(core, payment.invoice_id, payment.id)


def _succeeding(core: SimulatorCore) -> World:
    """The provider has the money, and we have not heard of it."""
    payment = _sent("tok_pending")
    core.settle_charge(payment.id, failure_code="", now=time.time())
    return World(core, payment.invoice_id, payment.id, news=take(core))


def _failing(core: SimulatorCore) -> World:
    """The provider has declined, and we have not heard of it."""
    payment = _sent("tok_pending")
    core.settle_charge(payment.id, failure_code="insufficient_funds", now=time.time())
    return World(core, payment.invoice_id, payment.id, news=take(core))


def _lost_after(core: SimulatorCore) -> World:
    """The provider's answer, that it has the money, was lost."""
    payment = _sent("tok_timeout_after")
    return World(core, payment.invoice_id, payment.id, news=take(core))


def _lost_before(core: SimulatorCore) -> World:
    """The provider has never heard of the payment, which we cannot know."""
    payment = _sent("tok_timeout_before")
    return World(core, payment.invoice_id, payment.id)


def _declined(core: SimulatorCore) -> World:
    """The next attempt is due; the provider, which had declined, has got the money in spite of it."""
    payment = _sent("tok_pending")
    tell_payment(payment, Declined(code="insufficient_funds", retryable=True), charge_reference="")
    core.settle_charge(payment.id, failure_code="", now=time.time())
    Invoice.objects.filter(id=payment.invoice_id).update(next_attempt_at=clock.now())
    return World(core, payment.invoice_id, payment.id, news=take(core))


def _tried_again(core: SimulatorCore) -> World:
    """As declined, and the next attempt has been made but not sent: that is the payment this is about."""
    declined = _declined(core)
    services.retry_due()
    payment = Payment.objects.get(live_invoice=declined.invoice_id)
    return dataclasses.replace(declined, payment_id=payment.id)


def _paid(core: SimulatorCore) -> Payment:
    payment = make_payment()
    services.submit(payment_id=payment.id)
    take(core)
    return payment


def _disputed(core: SimulatorCore) -> World:
    """Paid; a dispute has been opened, and we have not heard of it."""
    payment = _paid(core)
    core.open_dispute(payment.id, amount=None, now=time.time())
    return World(core, payment.invoice_id, payment.id, news=take(core))


def _refunded_there(core: SimulatorCore) -> World:
    """Paid; a refund has been made on the provider's pages, and we have not heard of it."""
    payment = _paid(core)
    core.refund_at_dashboard(payment.id, amount=REFUND_THERE, now=time.time())
    return World(core, payment.invoice_id, payment.id, news=take(core))


def _refund_requested(core: SimulatorCore) -> World:
    """Paid; nobody has sent the refund."""
    payment = _paid(core)
    return World(core, payment.invoice_id, payment.id, make_refund(payment, REFUND_BEFORE).id)


def _refund_lost(core: SimulatorCore) -> World:
    """Paid; the provider's answer, that it has given the money back, was lost."""
    world = _refund_requested(core)
    core.dials = core.dials.changed({"timeout_after": 1})
    services.submit_refund(refund_id=world.refund_id)
    core.dials = core.dials.changed({"timeout_after": 0})
    Refund.objects.filter(id=world.refund_id).update(available_at=clock.now())
    return dataclasses.replace(world, news=take(core))


def _named_twice(core: SimulatorCore) -> World:
    """As succeeding, and somebody says that the same charge has paid another invoice."""
    world, other = _succeeding(core), make_payment()
    [charge] = core.charges(reference=world.payment_id)
    return dataclasses.replace(world, elsewhere=other.invoice_id, rumour=event_about(other, charge=charge.id))


def take(core: SimulatorCore) -> bytes | None:
    """The latest that the provider wants to say; it sends nothing of that again."""
    latest = None
    while webhook := core.webhooks.take_due(now=time.time()):
        core.webhooks.record(webhook, status_code=200, now=time.time())
        latest = webhook.body
    return latest


@dataclasses.dataclass(frozen=True)
class Setting:
    """`does` are the operations that do something there when they come first; `refused` those that do nothing."""

    make: Callable[[SimulatorCore], World]
    does: tuple[str, ...]
    refused: tuple[str, ...]


_OF_NO_PAYMENT = ("pay", "retry", "void")
_OF_CREDIT = ("grant", "revoke", "issue")
_OF_PAYMENT = ("pay", "submit", "cancel", "refund", "webhook", "reconcile", "retry", "void")
_OF_REFUND = (*_OF_PAYMENT, "submit refund", "reconcile refund")


def _setting(make: Callable[[SimulatorCore], World], does: str, of: tuple[str, ...] = _OF_PAYMENT) -> Setting:
    doing = tuple(does.split(", "))
    return Setting(make, doing, tuple(name for name in of if name not in doing))


SETTINGS = {
    "open": _setting(_open, "pay, void", _OF_NO_PAYMENT),
    "credited": _setting(_credited, "pay, void, grant, issue", (*_OF_NO_PAYMENT, *_OF_CREDIT)),
    "credited and sent": _setting(_credited_and_sent, "webhook, grant, revoke, issue", (*_OF_NO_PAYMENT, *_OF_CREDIT)),
    "requested": _setting(_requested, "submit, cancel"),
    "pending": _setting(_pending, "cancel, reconcile"),
    "succeeding": _setting(_succeeding, "cancel, webhook, reconcile"),
    "failing": _setting(_failing, "cancel, webhook, reconcile"),
    "lost after": _setting(_lost_after, "cancel, webhook, reconcile"),
    "lost before": _setting(_lost_before, "cancel, reconcile"),
    "declined": _setting(_declined, "pay, webhook, retry, void"),
    "tried again": _setting(_tried_again, "submit, cancel, webhook"),
    "disputed": _setting(_disputed, "refund, webhook"),
    "refunded there": _setting(_refunded_there, "refund, webhook"),
    "refund requested": _setting(_refund_requested, "refund, submit refund", _OF_REFUND),
    "refund lost": _setting(_refund_lost, "refund, webhook, reconcile refund", _OF_REFUND),
    "named twice": Setting(_named_twice, ("webhook", "webhook elsewhere", "reconcile"), ()),
}
"""Every one of the operations does something in one of them at least."""
