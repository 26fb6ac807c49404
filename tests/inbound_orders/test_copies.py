"""Eight copies of each webhook at the same moment, over HTTP on MariaDB."""

import functools
from collections import Counter

import pytest
from django.db import connection

from invoices.models import Invoice
from outbox.models import OutboxEvent
from payments.models import Receipt
from payments.tests.factories import make_payment
from tests.concurrency.threads import all_at_once
from tests.invariants import check_invariants
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import answer_to, event_about

COPIES = 8

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="an in-memory database is one connection"),
]


@pytest.mark.parametrize("webhooks", [20, pytest.param(2300, marks=pytest.mark.long)])
def test_scar_eight_simultaneous_duplicates_have_one_effect_and_one_event(webhooks: int) -> None:
    """dj-stripe#1239: without a lock 294 of 2,300 invoices got two to eight events; here none gets a second."""
    for _ in range(webhooks):
        body = event_about(make_payment())
        answers = Counter(all_at_once([functools.partial(answer_to, body)] * COPIES))
        assert answers == {"processed": 1, "duplicate": COPIES - 1}
    assert ProviderEvent.objects.filter(status="processed").count() == ProviderEvent.objects.count() == webhooks
    assert Receipt.objects.count() == Receipt.objects.values("payment").distinct().count() == webhooks
    paid = Counter(OutboxEvent.objects.filter(type="invoice.paid").values_list("aggregate_id", flat=True))
    assert set(paid.values()) == {1}
    assert len(paid) == Invoice.objects.filter(status="paid").count() == webhooks
    check_invariants()
