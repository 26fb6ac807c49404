"""How many statements a webhook costs."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payments import services as payments
from payments.models import Payment
from payments.tests.factories import make_payment
from payments.tests.simulator import connected_simulator
from webhooks.inbound.tests.sending import event_about, send, status_of


@pytest.mark.django_db
def test_applying_a_capture_takes_eleven_statements() -> None:
    """Of a payment in flight, savepoints not counted; one more than that is a regression."""
    with connected_simulator() as simulator:
        simulator.core.dials = simulator.core.dials.changed({"drop": 1.0})
        payment = make_payment(token="tok_pending")
        payments.submit(payment_id=payment.id)
    payment = Payment.objects.get(id=payment.id)
    body = event_about(payment, charge=payment.provider_reference)
    with CaptureQueriesContext(connection) as captured:
        assert status_of(send(body)) == "processed"
    statements = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]
    assert len(statements) == 11, statements
