"""Copies of real payments are as good as real ones, or the webhooks measured over them would be something else."""

import pytest
from django.db import connection

from bench import backlog, provider, stock
from bench.hot_paths import Shop
from invoices.models import Invoice
from outbox import services as outbox
from outbox.models import OutboxEvent
from payments.models import Payment
from tests.invariants import check_invariants

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'mysql'", reason="the benchmark runs on MariaDB"),
]


@pytest.fixture
def shop(transactional_db: None) -> Shop:
    return Shop()


def test_a_copied_payment_is_settled_by_its_webhook(shop: Shop) -> None:
    """Each becomes paid, by its own event, and every invariant holds over the original and its copies."""
    awaited = stock.Accepted(shop).make(3)
    for each in awaited:
        body = shop.send(
            shop.environ("POST", "/webhooks/payment-provider", each.body, **provider.signed(each.body)), 200
        )
        assert b'"processed"' in body
    invoices = Invoice.objects.filter(id__in=[each.invoice for each in awaited])
    assert [invoice.status for invoice in invoices] == ["paid"] * 3
    assert Payment.objects.filter(id__in=[each.payment for each in awaited], status="succeeded").count() == 3
    outbox.drain()
    assert not OutboxEvent.objects.filter(position=None).exists()
    check_invariants()


def test_the_floor_writes_the_rows_the_service_writes(shop: Shop) -> None:
    """The same number of rows in every table, and books and events that hold."""
    written = stock.write_one(shop)
    models = (*stock.TABLES, Payment)
    before = {model: model._default_manager.count() for model in models}
    for transaction in stock.floor_pairs(written, 1)[0]:
        with connection.cursor() as cursor:
            for statement, values in transaction:
                cursor.execute(statement, values)
    assert {model: model._default_manager.count() for model in models} == {
        model: count * 2 for model, count in before.items()
    }
    check_invariants()


def test_a_backlog_is_relayed_whole(shop: Shop) -> None:
    """Numbered without gaps and delivered to everybody."""
    shop.submitted()
    backlog.record(25)
    outbox.drain()
    assert all(each.lag == 0 for each in outbox.status())
    assert not OutboxEvent.objects.filter(position=None).exists()
