"""Invoices and the books in the admin: pages that show what belongs together."""

import pytest
from django.test import Client
from django.urls import reverse

from invoices.models import Entry, Invoice, Journal
from payments.models import Payment
from tests.api import ApiConsumer
from tests.staff import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid() -> Payment:
    """A payment of an invoice with a line, and an entry in the books."""
    consumer = ApiConsumer()
    lines = [{"description": "a pear", "quantity": 2, "unit_amount": 250}]
    invoice = consumer.post("invoices", {"currency": "EUR", "lines": lines}).json()
    answer = consumer.pay(invoice["id"])
    assert answer.status_code == 201, answer.content
    return Payment.objects.get(id=answer.json()["id"])


@pytest.fixture
def staff() -> Client:
    return signed_in(is_superuser=True)


def page_of(client: Client, row: Invoice | Journal) -> str:
    response = client.get(reverse(f"admin:invoices_{row._meta.model_name}_change", args=[row.pk]))
    assert response.status_code == 200
    return response.content.decode()


def test_an_invoice_shows_its_lines_and_payments_and_no_field_to_fill_in(staff: Client, paid: Payment) -> None:
    """States and ids included, although no form may hold them."""
    page = page_of(staff, paid.invoice)
    assert "a pear" in page
    assert paid.pk in page
    assert paid.get_status_display() in page
    for name in ("payments-0-status", "lines-0-amount"):
        assert f'name="{name}"' not in page
    assert 'name="lines-MAX_NUM_FORMS" value="0"' in page


def test_a_journal_shows_its_entries(staff: Client, paid: Payment) -> None:
    """Every account it touches."""
    journal = Journal.objects.order_by("id")[0]
    page = page_of(staff, journal)
    for account in Entry.objects.filter(journal=journal).values_list("account", flat=True):
        assert account in page
