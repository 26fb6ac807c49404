"""Many clients pay at the same moment, over the API on MariaDB."""

from collections import Counter
from functools import partial

import pytest
from django.db import connection

from payments.models import Payment
from tests.api import ApiConsumer
from tests.concurrency.threads import all_at_once
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 50


def test_the_database_is_the_one_this_is_about() -> None:
    """SQLite would serialise everything and prove nothing."""
    assert connection.vendor == "mysql"


@pytest.mark.parametrize("rounds", [4, pytest.param(200, marks=pytest.mark.long)])
def test_scar_saleor_14926_one_key_fifty_times_is_one_payment(rounds: int) -> None:
    """One 201, forty-nine 200 with the same payment, one row."""
    secret = ApiConsumer().secret
    for number in range(rounds):
        invoice = ApiConsumer(secret=secret).create_invoice()
        consumers = [ApiConsumer(secret=secret) for _ in range(THREADS)]
        answers = all_at_once([partial(consumer.pay, invoice["id"], key=f"key-{number}") for consumer in consumers])
        assert Counter(answer.status_code for answer in answers) == {201: 1, 200: THREADS - 1}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert Payment.objects.filter(invoice_id=invoice["id"]).count() == 1
    check_invariants()


@pytest.mark.parametrize("rounds", [3, pytest.param(50, marks=pytest.mark.long)])
def test_fifty_keys_on_one_invoice_are_one_live_payment(rounds: int) -> None:
    """One 201; the others are told which payment is live."""
    secret = ApiConsumer().secret
    for _ in range(rounds):
        invoice = ApiConsumer(secret=secret).create_invoice()
        consumers = [ApiConsumer(secret=secret) for _ in range(THREADS)]
        answers = all_at_once([partial(consumer.pay, invoice["id"]) for consumer in consumers])
        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: THREADS - 1}
        payment = Payment.objects.get(invoice_id=invoice["id"])
        refused = {answer.json()["payment_id"] for answer in answers if answer.status_code == 409}
        assert refused == {payment.id}
    check_invariants()


@pytest.mark.parametrize("rounds", [3, pytest.param(50, marks=pytest.mark.long)])
def test_one_new_order_twenty_times_is_one_invoice(rounds: int) -> None:
    """Twenty clients pay an order nobody has seen, each with its own key: one invoice, one live payment."""
    secret = ApiConsumer().secret
    for number in range(rounds):
        body = {"order_id": f"order-{number}", "amount": 500, "currency": "EUR", "payment_method": "tok_visa"}
        consumers = [ApiConsumer(secret=secret) for _ in range(20)]
        calls = [partial(c.post, "payments", body, key=f"{number}-{i}") for i, c in enumerate(consumers)]
        answers = all_at_once(calls)
        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 19}
        assert Payment.objects.filter(invoice__order_id=f"order-{number}").count() == 1
    check_invariants()


def test_one_key_creates_one_invoice() -> None:
    """The optional key of POST /invoices holds under concurrency too."""
    secret = ApiConsumer().secret
    body = {"amount": 100, "currency": "EUR"}
    consumers = [ApiConsumer(secret=secret) for _ in range(20)]
    answers = all_at_once([partial(consumer.post, "invoices", body, key="same") for consumer in consumers])
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
    assert len({answer.json()["id"] for answer in answers}) == 1
    check_invariants()
