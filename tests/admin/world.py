"""What staff may meet: a row of everything, made through the services, trouble included."""

import itertools
from collections.abc import Sequence

from django.contrib.auth.models import Group
from django.test import Client

from billing.models import User
from config.api import principals
from invoices.models import Invoice
from invoices.tests.factories import make_customer, make_invoice
from outbox import services as outbox
from outbox.models import OutboxEvent
from payments.models import Payment
from payments.tests.factories import make_payment
from tests.api import ApiConsumer
from webhooks.inbound import services as inbound
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import answer_to, event, event_about

_numbers = itertools.count(1)


class Refuser:
    """A publisher that cannot take what says that an invoice is paid."""

    def publish(self, events: Sequence[OutboxEvent]) -> None:
        if any(event.type == "invoice.paid" for event in events):
            raise ValueError("cannot encode this")


def chief() -> Client:
    """Signed in, may do everything."""
    user, _ = User.objects.get_or_create(email="chief@example.com", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    return client


def pay(invoice: Invoice) -> Payment:
    """A payment that the provider has captured, and said so."""
    payment = make_payment(invoice=invoice)
    assert answer_to(event_about(payment)) == "processed"
    return Payment.objects.get(pk=payment.pk)


def decline(invoice: Invoice, code: str = "insufficient_funds") -> Payment:
    """A payment that the provider has declined for now; the invoice is open again."""
    payment = make_payment(invoice=invoice)
    answer_to(event_about(payment, "charge.failed", failure_code=code))
    return Payment.objects.get(pk=payment.pk)


def fill(times: int = 1) -> None:
    """`times` rows of every model at least."""
    for number in itertools.islice(_numbers, times):
        invoice = make_invoice(customer_id=make_customer().id, number=f"2026-{number}")
        decline(invoice)
        payment = pay(Invoice.objects.get(pk=invoice.pk))
        assert answer_to(event("charge.succeeded", charge=f"ch_{number}", amount=1, currency="EUR")) == "parked"
        replayed = ProviderEvent.objects.get(our_reference=payment.pk)
        inbound.replay(provider_event_id=replayed.pk, actor=principals.system("tests"), reason="to see it")
        Group.objects.create(name=f"Accounting {number}")
        ApiConsumer()
    outbox.drain()
