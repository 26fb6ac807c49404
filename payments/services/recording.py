"""What happens to a payment, recorded in its invoice's log and counted."""

import datetime

from config.api.principals import Principal
from invoices.models import Invoice
from outbox import services as outbox
from payments import events
from payments.models import Payment
from payments.services import counting


def record_payment(
    *,
    invoice: Invoice,
    payment: Payment,
    event: type[events.PaymentEvent],
    actor: Principal,
    reason: str = "",
    **more: datetime.datetime,
) -> None:
    """Requires the invoice's lock. An event about `payment` in its invoice's log, with what else that event tells."""
    outbox.record(source=invoice, event=events.of_payment(event, payment, **more), actor=actor, reason=reason)
    counting.count(event, payment)
