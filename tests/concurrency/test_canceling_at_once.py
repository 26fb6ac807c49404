"""Canceling while a worker sends and somebody else cancels too: on MariaDB, against the provider simulator."""

from collections.abc import Callable
from functools import partial

import pytest
from django.conf import LazySettings

from config.api.principals import system
from payments import services
from payments.models import Payment
from payments.tests.factories import make_payment
from payments.tests.patience import wait_for
from payments.tests.simulator import connected_simulator
from tests.concurrency.threads import all_at_once
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db(transaction=True)
STAFF = system("test")


@pytest.mark.parametrize("rounds", [10, pytest.param(200, marks=pytest.mark.long)])
def test_canceling_beside_everybody_else_ends_as_the_provider_says(settings: LazySettings, rounds: int) -> None:
    """Never sent, or sent and canceled there: both sides say the same, and nobody was asked twice."""
    settings.TEST_CLOCK = True
    with connected_simulator(timeout_seconds=5) as simulator:
        for _ in range(rounds):
            payment = make_payment(token="tok_pending")
            cancel = partial(services.cancel_payment, actor=STAFF, payment_id=payment.id)
            submit = partial(services.submit, payment_id=payment.id)
            calls: list[Callable[[], object]] = [submit, cancel, cancel, services.sweep]
            all_at_once(calls)
            while (now := Payment.objects.get(id=payment.id)).is_live:
                wait_for(now)
                services.sweep()
            assert now.status == "canceled"
            assert [charge.status for charge in simulator.core.charges(reference=payment.id)] in ([], ["canceled"])
    check_invariants()
